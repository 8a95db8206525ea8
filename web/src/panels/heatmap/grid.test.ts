import { FieldType, toDataFrame } from '@grafana/data';
import { describe, expect, it } from 'vitest';
import { calculated, fromRows, rowOf, shown, spread } from './grid';
import { opacityRamp, ramp, SCHEMES } from './ramps';

const series = (times: number[], values: unknown[]) =>
  toDataFrame({ fields: [{ name: 't', type: FieldType.time, values: times }, { name: 'v', type: FieldType.number, values }] });
const range = { from: 0, to: 60_000 };

describe('counted cells', () => {
  it('count values by time and size', () => {
    const grid = calculated([series([0, 1000, 10_000, 59_000], [1, 4, 12, 1])], { mode: 'size', value: '10s' }, { mode: 'size', value: '5' }, range)!;
    expect(grid.xs).toEqual([0, 10_000, 20_000, 30_000, 40_000, 50_000]);
    expect(grid.edges).toEqual([0, 5, 10, 15]);
    expect(grid.values[0]).toEqual([2, null, null]);
    expect(grid.values[1]).toEqual([null, null, 1]);
    expect(grid.values[5]).toEqual([1, null, null]);
  });
  it('keep every value, also at the upper edge', () => {
    const values = [0, 5, 10, 15, 20, -3.5];
    const grid = calculated([series(values.map((_, i) => i * 1000), values)], undefined, undefined, range)!;
    expect(grid.values.flat().reduce((a: number, b) => a + (b ?? 0), 0)).toBe(values.length);
  });
  it('have logarithmic rows and leave out what has no logarithm', () => {
    const grid = calculated([series([0, 1, 2, 3], [0, 1, 8, 100])], undefined, { scale: { type: 'log', log: 2 } }, range)!;
    expect(grid.edges[0]).toBe(1);
    expect(grid.edges[1]).toBe(2);
    expect(grid.values.flat().reduce((a: number, b) => a + (b ?? 0), 0)).toBe(3);
  });
  it('are none of nothing, nulls or NaN, and are bounded in number', () => {
    expect(calculated([], undefined, undefined, range)).toBeNull();
    expect(calculated([series([0, 1], [null, NaN])], undefined, undefined, range)).toBeNull();
    const many = calculated([series([0, 1e9], [0, 1e9])], { mode: 'size', value: '1ms' }, { mode: 'size', value: '0.001' }, { from: 0, to: 1e9 })!;
    expect(many.values.length).toBeLessThanOrEqual(5001);
    expect(many.edges.length).toBeLessThan(600);
  });
});

describe('given rows', () => {
  const frame = toDataFrame({ fields: [
    { name: 't', type: FieldType.time, values: [2000, 1000] },
    { name: '+Inf', type: FieldType.number, values: [3, 4] },
    { name: '0.5', type: FieldType.number, values: [1, 2] },
    { name: '10', type: FieldType.number, values: [null, 5] },
  ] });
  it('are ordered by their bounds and by time', () => {
    const grid = fromRows([frame])!;
    expect(grid.names).toEqual(['≤ 0.5', '0.5 – 10', '> 10']);
    expect(grid.xs).toEqual([1000, 2000]);
    expect(grid.values).toEqual([[2, 5, 4], [1, null, 3]]);
    expect(grid.xSize).toBe(1000);
  });
  it('know what is shown', () => {
    expect(spread(fromRows([frame])!, { le: 1 })).toEqual([2, 5]);
    expect([shown(null, {}), shown(0, { le: 1e-9 }), shown(1, { le: 1e-9 }), shown(9, { ge: 9 })]).toEqual([false, false, true, false]);
    expect(spread({ ...fromRows([frame])!, values: [[null]] })).toBeNull();
  });
  it('need a time', () => {
    expect(fromRows([toDataFrame({ fields: [{ name: 'v', type: FieldType.number, values: [1] }] })])).toBeNull();
  });
});

it('finds rows', () => {
  expect([-1, 0, 4, 5, 9, 10, 11].map((v) => rowOf([0, 5, 10], v))).toEqual([-1, 0, 0, 1, 1, 1, -1]);
});

it('ramps start near the background', () => {
  expect(ramp('Oranges', 3, true)[0]).not.toBe(ramp('Oranges', 3, false)[0]);
  expect(ramp('Oranges', 3, true, true)).toEqual(ramp('Oranges', 3, false));
  expect(ramp('no such', 3, true)).toEqual(ramp('Oranges', 3, true));
  expect(SCHEMES.every((name) => ramp(name, 64, true).every((c) => /^rgb\(\d+, \d+, \d+\)$/.test(c)))).toBe(true);
  expect(opacityRamp([1, 2, 3], 2, 1)).toEqual(['rgba(1, 2, 3, 0.5)', 'rgba(1, 2, 3, 1)']);
});
