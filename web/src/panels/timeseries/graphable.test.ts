import { FieldType, toDataFrame } from '@grafana/data';
import { describe, expect, it } from 'vitest';
import { graphable, ownValues } from './graphable';

const frame = (values: unknown[], type = FieldType.number, time = values.map((_, i) => i * 1000)) =>
  toDataFrame({ fields: [{ name: 't', type: FieldType.time, values: time }, { name: 'v', type, values }, { name: 's', type: FieldType.string, values: values.map(String) }] });

describe('graphable', () => {
  it('drops text and frames without time, keeps none of nothing', () => {
    expect(graphable([])).toEqual([]);
    expect(graphable([frame([])])).toEqual([]);
    expect(graphable([toDataFrame({ fields: [{ name: 'v', type: FieldType.number, values: [1] }] })])).toEqual([]);
    expect(graphable([frame([1, 2])])[0].fields.map((f) => f.name)).toEqual(['t', 'v']);
  });
  it('turns NaN and infinities into gaps', () => {
    expect(graphable([frame([1, NaN, Infinity, null])])[0].fields[1].values).toEqual([1, null, null, null]);
  });
  it('sorts by time', () => {
    const out = graphable([frame([3, 1, 2], FieldType.number, [3000, 1000, 2000])])[0];
    expect(Array.from(out.fields[0].values)).toEqual([1000, 2000, 3000]);
    expect(Array.from(out.fields[1].values)).toEqual([1, 2, 3]);
  });
  it('draws booleans as 0 and 1', () => {
    expect(graphable([frame([true, null, false], FieldType.boolean)])[0].fields[1].values).toEqual([1, null, 0]);
  });
  it('gives copies to the library', () => {
    const given = [frame([1, 2])];
    ownValues(given)[0].fields[1].values.push(9);
    expect(given[0].fields[1].values.length).toBe(2);
  });
});
