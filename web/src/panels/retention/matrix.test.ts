import { FieldType, toDataFrame } from '@grafana/data';
import { describe, expect, it } from 'vitest';
import { matrix } from './matrix';

const day = 86_400_000;
const rows = (list: Array<[number, number, number, number | null]>, value = 'people') => toDataFrame({ fields: [
  { name: 'cohort', type: FieldType.time, values: list.map((r) => r[0] * day) },
  { name: 'size', type: FieldType.number, values: list.map((r) => r[1]) },
  { name: 'period', type: FieldType.number, values: list.map((r) => r[2]) },
  { name: value, type: FieldType.number, values: list.map((r) => r[3]) },
] });

describe('retention matrix', () => {
  it('is a triangle with shares of the size', () => {
    const m = matrix([rows([[7, 50, 0, 50], [0, 100, 1, 40], [0, 100, 0, 100]])])!;
    expect(m.periods).toEqual([0, 1]);
    expect(m.cohorts.map((c) => [c.size, c.cells.map((cell) => cell?.share ?? null)])).toEqual([[100, [1, 0.4]], [50, [1, null]]]);
  });
  it('averages by people, of those cohorts that got so far', () => {
    const m = matrix([rows([[0, 100, 1, 50], [7, 300, 1, 30], [14, 10, 0, 10]])])!;
    expect(m.averages).toEqual([1, 80 / 400]);
  });
  it('takes shares, as parts or percent', () => {
    expect(matrix([rows([[0, 200, 0, 1], [0, 200, 1, 0.25]], 'share')])!.cohorts[0].cells[1]).toEqual({ share: 0.25, people: 50 });
    expect(matrix([rows([[0, 200, 0, 100], [0, 200, 1, 25]], 'percent')])!.cohorts[0].cells[1]).toEqual({ share: 0.25, people: 50 });
  });
  it('takes period 0 for the size if there is none', () => {
    const frame = toDataFrame({ fields: [
      { name: 'week', type: FieldType.string, values: ['a', 'a'] }, { name: 'n', type: FieldType.number, values: [0, 1] }, { name: 'users', type: FieldType.number, values: [8, 2] },
    ] });
    expect(matrix([frame])!.cohorts[0]).toMatchObject({ size: 8, cells: [{ share: 1 }, { share: 0.25 }] });
  });
  it('survives nothing, nulls and silly periods', () => {
    expect(matrix([])).toBeNull();
    expect(matrix([rows([[0, 1, -1, 1], [0, 1, 1e9, 1], [0, 1, 0.5, 1]])])).toBeNull();
    expect(matrix([rows([[0, 0, 0, 0], [0, 0, 1, null]])])!.cohorts[0].cells).toEqual([{ share: null, people: 0 }, null]);
  });
});
