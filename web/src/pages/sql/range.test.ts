import { describe, expect, it } from 'vitest';
import { rangeOf, rawOf, textOf } from './range';

describe('the range in the address', () => {
  it('is six hours where none is said, or none that can be read', () => {
    expect(rawOf(null, null)).toEqual({ from: 'now-6h', to: 'now' });
    expect(rawOf('yesterday', '<script>')).toEqual({ from: 'now-6h', to: 'now' });
  });

  it('is said in words of time, or in milliseconds', () => {
    expect(rawOf('now-15m', 'now-5m')).toEqual({ from: 'now-15m', to: 'now-5m' });
    const raw = rawOf('1700000000000', '1700000060000');
    expect([textOf(raw.from), textOf(raw.to)]).toEqual(['1700000000000', '1700000060000']);
    expect(rangeOf(raw).to.valueOf() - rangeOf(raw).from.valueOf()).toBe(60_000);
  });
});
