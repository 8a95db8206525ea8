// Small texts of a panel: its freshness, its CSV, its own time.
import { afterEach, beforeEach, describe as group, expect, it, vi } from 'vitest';
import { FieldType, dateTime, type DataFrame, type TimeRange } from '@grafana/data';
import { csvOf } from './export/csv';
import { describe, seconds } from './facts';
import { shifted } from './panelTime';

const facts = (lag: number | null) => ({
  elapsedSeconds: 0.012,
  rows: 1204,
  rowsRead: 1,
  bytesRead: 1,
  fresh: { at_ms: 0, lag_seconds: lag, p50_ms: null, p99_ms: null },
  receivedMs: 1000,
});

group('the line below a title', () => {
  it('tells age, time and rows', () => expect(describe([facts(0.4)], 1000).line).toBe('data as of 0.4 s ago · 12 ms · 1,204 rows'));
  it('grows older until the next answer', () => expect(describe([facts(0.4)], 6000).age).toBe('5 s'));
  it('says no age where none is known', () => expect(describe([facts(null)], 6000)).toEqual({ age: undefined, line: 'the pipe stands: how old the data is, is not known · 12 ms · 1,204 rows' }));
  it.each([[0.004, '4 ms'], [0.42, '0.4 s'], [42, '42 s']])('%d seconds', (value, text) => expect(seconds(value)).toBe(text));
});

group('CSV', () => {
  it('quotes, writes ISO times and lets nothing be a formula', () => {
    const frame: DataFrame = {
      length: 2,
      fields: [
        { name: 'time', type: FieldType.time, config: {}, values: [0, null] },
        { name: 'a,b', type: FieldType.string, config: {}, values: ['-2+3', 'say "x"'] },
        { name: 'n', type: FieldType.number, config: {}, values: [-1.5, null] },
      ],
    };
    expect(csvOf([frame])).toBe('time,"a,b",n\r\n1970-01-01T00:00:00.000Z,\'-2+3,-1.5\r\n,"say ""x""",\r\n');
  });
});

group('a panel’s own time', () => {
  // Both ends are told from now: with one now for both.
  beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 0, 2) }));
  afterEach(() => void vi.useRealTimers());

  const range = (from: string, to: string): TimeRange => ({ from: dateTime(from), to: dateTime(to), raw: { from: 'now-1h', to: 'now' } });
  const day = range('2026-11-30T00:00:00Z', '2026-11-30T06:00:00Z');

  it('is shifted', () => {
    const { value, info } = shifted(day, undefined, '1d', 'utc');
    expect([value.from.toISOString(), value.to.toISOString(), info]).toEqual(['2026-11-29T00:00:00.000Z', '2026-11-29T06:00:00.000Z', '1d earlier']);
  });

  it('begins at its own start', () => {
    const { value, info } = shifted(day, '2h', undefined, 'utc');
    expect(value.to.valueOf() - value.from.valueOf()).toBe(2 * 3_600_000);
    expect(info).toBe('Last 2 hours');
  });

  it('leaves a chosen range alone', () => {
    const chosen: TimeRange = { ...day, raw: { from: '2026-11-30T00:00:00Z', to: '2026-11-30T06:00:00Z' } };
    expect(shifted(chosen, '2h', undefined, 'utc')).toEqual({ value: chosen, info: '' });
  });

  it('says what it cannot read', () => expect(shifted(day, 'soon', undefined, 'utc')).toEqual({ value: day, info: 'timeFrom “soon” is no span of time' }));
});
