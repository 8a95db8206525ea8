import { describe, expect, it } from 'vitest';
import { csvOf, jsonOf } from './files';
import { columnsOf, sorted } from './columns';

const answer = {
  meta: [
    { name: 'at', type: "DateTime64(3, 'UTC')" },
    { name: 'what, "who"', type: 'LowCardinality(Nullable(String))' },
    { name: 'n', type: 'UInt64' },
    { name: 'tags', type: 'Array(String)' },
  ],
  data: [
    ['1700000000.125', '1700000001.000'],
    ['=cmd()', null],
    ['18446744073709551615', '-5'],
    [['a', 'b'], []],
  ],
  rows: 2,
  statistics: { elapsed: 0, rows_read: 0, bytes_read: 0 },
};
const columns = columnsOf(answer);

describe('an answer as a file', () => {
  it('is CSV with quoted texts, exact numbers and UTC times', () => {
    expect(csvOf(columns, 2)).toBe(
      'at,"what, ""who""",n,tags\r\n' + '2023-11-14T22:13:20.125Z,\'=cmd(),18446744073709551615,"[""a"",""b""]"\r\n' + '2023-11-14T22:13:21.000Z,,-5,[]\r\n'
    );
  });

  it('is JSON with the digits that came', () => {
    expect(JSON.parse(jsonOf(columns, 2))).toEqual([
      { at: '2023-11-14T22:13:20.125Z', 'what, "who"': '=cmd()', n: '18446744073709551615', tags: ['a', 'b'] },
      { at: '2023-11-14T22:13:21.000Z', 'what, "who"': null, n: '-5', tags: [] },
    ]);
  });
});

describe('the order of rows', () => {
  const order = (type: string, values: unknown[], descending: boolean) => {
    const [column] = columnsOf({ ...answer, meta: [{ name: 'x', type }], data: [values], rows: values.length });
    return [...sorted(column, values.length, descending)];
  };

  it('is by number where texts are numbers, NULL last', () => {
    expect(order('Nullable(UInt64)', ['10', null, '9'], false)).toEqual([2, 0, 1]);
    expect(order('Nullable(UInt64)', ['10', null, '9'], true)).toEqual([0, 2, 1]);
  });

  it('knows what is no number and what has no end', () => {
    expect(order('Nullable(Float64)', [2, 'nan', 'inf', null, '-inf', 1], false)).toEqual([4, 5, 0, 2, 1, 3]);
    expect(order('Nullable(Float64)', [2, 'nan', 'inf', null, '-inf', 1], true)).toEqual([2, 0, 5, 4, 1, 3]);
  });

  it('is by text otherwise, and keeps equals as they came', () => {
    expect(order('String', ['b', 'a', 'b'], false)).toEqual([1, 0, 2]);
  });
});
