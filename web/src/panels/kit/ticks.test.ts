import { describe, expect, it } from 'vitest';
import { decimalsOf, linearTicks, logTicks } from './ticks';

describe('ticks', () => {
  it('are round and cover the values', () => {
    expect(linearTicks(0, 97, 5)).toEqual({ at: [0, 20, 40, 60, 80, 100], min: 0, max: 100, decimals: 0 });
    expect(linearTicks(-3, 7, 4).at).toEqual([-5, -2.5, 0, 2.5, 5, 7.5]);
    expect(linearTicks(0, 0.3, 3).at).toEqual([0, 0.1, 0.2, 0.3]);
  });
  it('keep fixed ends', () => {
    expect(linearTicks(3, 97, 5, { min: true, max: true })).toMatchObject({ min: 3, max: 97, at: [20, 40, 60, 80] });
  });
  it('survive one value, none and broken ones', () => {
    expect(linearTicks(0, 0, 4).at.length).toBeGreaterThan(1);
    expect(linearTicks(5, 5, 5)).toMatchObject({ min: 0, max: 5 });
    expect(linearTicks(NaN, Infinity, 4)).toMatchObject({ min: 0, max: 1 });
  });
  it('of a logarithmic axis are powers', () => {
    expect(logTicks(3, 900, 10).at).toEqual([1, 10, 100, 1000]);
    expect(logTicks(0, 0, 2).at.length).toBeGreaterThan(1);
  });
  it('know their decimals', () => {
    expect([1, 0.25, 0.001, 20].map(decimalsOf)).toEqual([0, 2, 3, 0]);
  });
});
