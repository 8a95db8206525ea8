import { describe, expect, it } from 'vitest';
import { readReport } from './report';
import { bytesText, countText, durationParts, durationText, percentText, plural, rateText, utcTime } from './words';

describe('words', () => {
  it('say how long', () => {
    expect([0, 0.0004, 0.42, 1, 4.25, 42.4, 59, 100, 7200, 86_400 * 3, null, NaN].map(durationText)).toEqual([
      '0 s',
      '1 ms',
      '420 ms',
      '1.0 s',
      '4.3 s',
      '42 s',
      '59 s',
      '1.7 mins',
      '2.0 hours',
      '3.0 days',
      '–',
      '–',
    ]);
    expect(durationParts(0.42)).toEqual({ value: '420', unit: 'ms' });
    expect(durationParts(null)).toEqual({ value: '–', unit: '' });
  });

  it('say how much', () => {
    expect(countText(1234567)).toBe('1,234,567');
    expect(bytesText(16 << 20)).toBe('16.0 MiB');
    expect(percentText(0.4321)).toBe('43%');
    expect([0, 0.31, 173, 12_345].map(rateText)).toEqual(['0', '0.3', '173', '12 K']);
    expect([plural(1, 'table'), plural(2, 'table')]).toEqual(['1 table', '2 tables']);
  });

  it('say when, exactly', () => {
    expect(utcTime(1_700_000_000_125)).toBe('2023-11-14 22:13:20.125 UTC');
  });
});

describe('a report of the server', () => {
  it('has what, detail and hint', () => {
    expect(readReport('cannot resume table a: gone\ndetail: Postgres removed WAL.\nAll of it.\nhint: run `resync a`')).toEqual({
      error: 'cannot resume table a: gone',
      detail: 'Postgres removed WAL.\nAll of it.',
      hint: 'run `resync a`',
    });
  });
});
