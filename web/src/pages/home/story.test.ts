import { describe, expect, it } from 'vitest';
import type { PipeStatus, TableStatus } from '../kit/status';
import { byRecency } from './recent';
import { copiedRatio, freshVerdict, tablesLine, whatItDoes } from './story';

const table = (state: TableStatus['state'], copied_ratio = 1) => ({ state, copied_ratio, rows: 1000 }) as TableStatus;
const status = (tables: TableStatus[], source: object = {}, paused_since: number | null = null) =>
  ({ tables, paused_since, source: { connected: true, lag_seconds: 0, ...source } }) as unknown as PipeStatus;

describe('the story', () => {
  it('says what the project does', () => {
    expect(whatItDoes(status([table('streaming'), table('streaming'), table('removed')]), 3)).toBe(
      'Millrace copies 2 tables of Postgres into ClickHouse as they change (3.0 K rows), and dbt builds 3 models from them.'
    );
    expect(whatItDoes(status([]), 0)).toContain('none yet');
  });

  it('says whether its data is fresh', () => {
    const streaming = [table('streaming')];
    expect(freshVerdict(status(streaming))).toEqual({ tone: 'good', text: 'Everything committed until now is here.' });
    expect(freshVerdict(status(streaming, { lag_seconds: 0.4 })).text).toBe('Everything committed until 400 ms ago is here.');
    expect(freshVerdict(status(streaming, { lag_seconds: 300 })).tone).toBe('warn');
    expect(freshVerdict(status(streaming, { connected: false })).tone).toBe('bad');
    expect(freshVerdict(status(streaming, { connected: false }, 1)).text).toContain('Paused');
    expect(freshVerdict(status([table('failed'), table('copying')])).text).toBe('1 table stopped and waits for a person; the others go on.');
    expect(freshVerdict(status([table('copying')])).tone).toBe('busy');
  });

  it('says the same of topics, alone and beside Postgres', () => {
    const of = (way: TableStatus['way']) => ({ ...table('streaming'), way }) as TableStatus;
    const kafka = { connected: true, lag_seconds: 0, lag_messages: 0 };
    const alone = (more: object = {}) => ({ ...status([of('topics')], { slot: '', ...kafka, ...more }), kafka: { ...kafka, ...more } }) as PipeStatus;
    expect(whatItDoes(alone(), 0)).toBe('Millrace copies 1 table of Kafka’s topics into ClickHouse as they change (1.0 K rows).');
    expect(whatItDoes({ ...alone(), tables: [] }, 0)).toContain('topics of Kafka');
    expect(freshVerdict(alone()).text).toBe('Everything sent until now is here.');
    expect(freshVerdict(alone({ lag_seconds: 300 }))).toEqual({ tone: 'warn', text: 'Everything sent until 5.0 mins ago is here; it is catching up.' });
    expect(freshVerdict(alone({ connected: false })).text).toBe('Kafka is not connected: nothing new arrives.');

    const both = (source: object, topics: object, paused: number | null = null) =>
      ({ ...status([of('stream'), of('topics'), of('topics')], { slot: 'millrace', ...source }, paused), kafka: { ...kafka, ...topics } }) as PipeStatus;
    expect(whatItDoes(both({}, {}), 0)).toContain('1 table of Postgres and 2 of Kafka’s topics');
    expect(freshVerdict(both({ lag_seconds: 0.2 }, { lag_seconds: 4 })).text).toBe('Everything committed or sent until 4.0 s ago is here.');
    expect(freshVerdict(both({ lag_seconds: 90 }, { lag_seconds: 4 })).tone).toBe('warn');
    expect(freshVerdict(both({}, { connected: false })).text).toBe('Kafka is not connected: nothing new arrives from there.');
    expect(freshVerdict(both({ connected: false }, {})).text).toBe('Postgres is not connected: nothing new arrives from there.');
    expect(freshVerdict(both({ connected: false }, { connected: false })).text).toBe('Postgres and Kafka are not connected: nothing new arrives.');
    expect(freshVerdict(both({}, {}, 1)).text).toBe('Paused: nothing new arrives from Postgres until it is resumed; topics go on.');
  });

  it('says how the tables are, what is wrong first', () => {
    expect(tablesLine([table('streaming'), table('failed')])).toEqual({ tone: 'bad', text: '1 failed, 1 streaming' });
    expect(tablesLine([])).toEqual({ tone: 'quiet', text: 'no tables' });
  });

  it('says how far the first copy is', () => {
    expect(copiedRatio([table('streaming'), table('copying', 0.5), table('waiting', 0), table('failed')])).toBe(0.5);
    expect(copiedRatio([])).toBe(0);
  });
});

it('what was opened last stands first, then by title', () => {
  const entries = ['c', 'b', 'a'].map((uid) => ({ uid, title: uid }));
  expect(byRecency(entries, ['b']).map(({ uid }) => uid)).toEqual(['b', 'a', 'c']);
});
