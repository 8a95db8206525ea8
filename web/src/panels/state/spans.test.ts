import { FieldType, toDataFrame } from '@grafana/data';
import { describe, expect, it } from 'vitest';
import { columns, lanes, spans } from './spans';

const cut = (list: ReturnType<typeof spans>) => list.map((s) => [s.from, s.to, s.value]);

describe('spans', () => {
  it('last until the next, the last until the end', () => {
    expect(cut(spans([0, 10, 20], ['a', 'b', 'a'], 30, true))).toEqual([[0, 10, 'a'], [10, 20, 'b'], [20, 30, 'a']]);
  });
  it('merge equal neighbours only if asked', () => {
    expect(cut(spans([0, 10, 20], ['a', 'a', 'b'], 30, true))).toEqual([[0, 20, 'a'], [20, 30, 'b']]);
    expect(spans([0, 10, 20], ['a', 'a', 'b'], 30, false).length).toBe(3);
  });
  it('end at null and go on over undefined', () => {
    expect(cut(spans([0, 10, 20], ['a', null, 'b'], 30, true))).toEqual([[0, 10, 'a'], [20, 30, 'b']]);
    expect(cut(spans([0, 10, 20], ['a', undefined, 'b'], 30, true))).toEqual([[0, 20, 'a'], [20, 30, 'b']]);
    expect(cut(spans([0, 10], ['a', null], 30, true))).toEqual([[0, 10, 'a']]);
  });
  it('bridge gaps if asked', () => {
    expect(cut(spans([0, 10, 20], ['a', null, 'a'], 30, true, true))).toEqual([[0, 30, 'a']]);
    expect(spans([0, 10, 20], ['a', null, 'a'], 30, true, 5).length).toBe(2);
    expect(spans([0, 10, 20], ['a', null, 'a'], 30, true, 15).length).toBe(1);
  });
  it('survive nothing, nulls, disorder and one row', () => {
    expect(spans([], [], 10, true)).toEqual([]);
    expect(spans([0, 1], [null, NaN], 10, true)).toEqual([]);
    expect(cut(spans([10, 0], ['b', 'a'], 20, true))).toEqual([[0, 10, 'a'], [10, 20, 'b']]);
    expect(cut(spans([5], ['a'], 20, true))).toEqual([[5, 20, 'a']]);
  });
});

describe('columns', () => {
  it('are as wide as the least distance', () => {
    expect(columns([0, 10, 30], [1, null, 2], 0.8).map((s) => [s.from, s.to])).toEqual([[-4, 4], [26, 34]]);
    expect(columns([0], [1], 1).length).toBe(1);
  });
});

it('lanes need a time', () => {
  const fields = [{ name: 't', type: FieldType.time, values: [1] }, { name: 's', type: FieldType.string, values: ['x'] }];
  expect(lanes([toDataFrame({ fields })]).map((lane) => lane.name)).toEqual(['s']);
  expect(lanes([toDataFrame({ fields: fields.slice(1) })])).toEqual([]);
});
