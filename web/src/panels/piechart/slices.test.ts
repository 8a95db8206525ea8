import { describe, expect, it } from 'vitest';
import { outline, slices } from './slices';

describe('pie slices', () => {
  it('are shares that fill the circle', () => {
    const list = slices([1, 3, null, -2, NaN, 0, 4]);
    expect(list.map((s) => [s.index, s.share])).toEqual([[6, 0.5], [1, 0.375], [0, 0.125]]);
    expect(list[0].from).toBe(0);
    expect(list[2].to).toBe(1);
  });
  it('keep or turn the order', () => {
    expect(slices([2, 1, 3], 'none').map((s) => s.index)).toEqual([0, 1, 2]);
    expect(slices([2, 1, 3], 'asc').map((s) => s.index)).toEqual([1, 0, 2]);
  });
  it('are none of nothing', () => {
    expect(slices([])).toEqual([]);
    expect(slices([0, null])).toEqual([]);
  });
  it('draw a whole circle', () => {
    expect(outline(50, 50, 40, 0, 0, 1)).toContain('A40,40 0 1 1');
    expect(outline(50, 50, 40, 20, 0, 0.25)).toMatch(/^M50\.00,10\.00A.*Z$/);
  });
});
