import { describe, expect, it } from 'vitest';
import { bars, extent } from './layout';

const values = [[1, 2, null], [3, -1, 4]];

describe('bars', () => {
  it('stand side by side without touching and within their category', () => {
    const list = bars(values, 3, 300, 'none', 0.7, 0.97);
    expect(list.length).toBe(5);
    for (const bar of list) {
      expect(bar.at).toBeGreaterThanOrEqual(bar.category * 100);
      expect(bar.at + bar.size).toBeLessThanOrEqual((bar.category + 1) * 100 + 1e-9);
      expect([bar.from, bar.to]).toEqual([0, bar.value]);
    }
    const [a, b] = list.filter((bar) => bar.category === 0);
    expect(a.at + a.size).toBeLessThanOrEqual(b.at);
  });
  it('stack up and down apart', () => {
    const list = bars(values, 3, 300, 'normal', 0.7, 0.97);
    expect(list.filter((b) => b.category === 0).map((b) => [b.from, b.to])).toEqual([[0, 1], [1, 4]]);
    expect(list.filter((b) => b.category === 1).map((b) => [b.from, b.to])).toEqual([[0, 2], [0, -1]]);
    expect(extent(list)).toEqual([-1, 4]);
  });
  it('stack to one', () => {
    const list = bars(values, 3, 300, 'percent', 0.7, 0.97);
    expect(list.filter((b) => b.category === 0).map((b) => [b.from, b.to])).toEqual([[0, 0.25], [0.25, 1]]);
    expect(bars([[0], [0]], 1, 10, 'percent', 1, 1).every((b) => b.to === 0)).toBe(true);
  });
  it('survive nothing and broken options', () => {
    expect(bars([], 0, 0, 'none', NaN, 0)).toEqual([]);
    expect(extent([])).toEqual([0, 0]);
    expect(bars([[1]], 1, 100, 'none', NaN, -3)[0].size).toBeGreaterThan(0);
  });
});
