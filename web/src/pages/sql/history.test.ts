import { beforeEach, describe, expect, it } from 'vitest';
import { CHARS_MAX, ENTRIES_MAX, keep, load, remember, search, type Asked } from './history';

const asked = (sql: string, at = 0): Asked => ({ sql, at, rows: 1, seconds: 0.1 });

describe('the history of SQL', () => {
  it('has the latest first, and each text once', () => {
    const history = ['a', 'b', ' a '].reduce((all, sql, at) => remember(all, asked(sql, at)), [] as Asked[]);
    expect(history.map(({ sql, at }) => [sql, at])).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
  });

  it('keeps nothing of nothing', () => {
    expect(remember([], asked(' \n'))).toEqual([]);
  });

  it('is bounded in entries and in characters', () => {
    let history: Asked[] = [];
    for (let at = 0; at < ENTRIES_MAX + 5; at++) {
      history = remember(history, asked(`select ${at}`, at));
    }
    expect(history).toHaveLength(ENTRIES_MAX);
    expect(history[0].sql).toBe(`select ${ENTRIES_MAX + 4}`);
    const long = remember([asked('x'.repeat(CHARS_MAX - 10))], asked('y'.repeat(20)));
    expect(long).toHaveLength(1);
  });

  it('is found by words in any order', () => {
    const history = [asked('SELECT count() FROM shop.orders'), asked('SELECT 1')];
    expect(search(history, 'ORDERS select')).toHaveLength(1);
    expect(search(history, '')).toHaveLength(2);
  });

  describe('in the browser', () => {
    beforeEach(() => {
      const kept = new Map<string, string>();
      globalThis.localStorage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) } as Storage;
    });

    it('comes back', () => {
      keep('ann', [asked('a')]);
      expect(load('ann')).toEqual([asked('a')]);
      expect(load('bob')).toEqual([]);
    });

    it('is empty when what is kept is something else', () => {
      localStorage.setItem('millrace.sql.history.ann', '{"no": 1}');
      expect(load('ann')).toEqual([]);
      localStorage.setItem('millrace.sql.history.ann', '[1, {"sql": 2}]');
      expect(load('ann')).toEqual([]);
      localStorage.setItem('millrace.sql.history.ann', 'not JSON');
      expect(load('ann')).toEqual([]);
    });
  });
});
