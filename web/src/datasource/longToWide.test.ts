// Answers as frames: series from long rows, tables, column types, options of variables.
import { FieldType, getFieldDisplayName, type DataFrame } from '@grafana/data';
import { describe, expect, it } from 'vitest';
import type { QueryResult } from '../api';
import { fieldTypeOf, unwrap, valuesOf } from './columnTypes';
import { LOGS, TABLE, factsOf, framesOf } from './frames';
import { findValues, sqlOf } from './findValues';

const FRESH = { at_ms: 1, lag_seconds: 0.4, p50_ms: 100, p99_ms: 600 };

function result(columns: Array<[name: string, type: string, values: unknown[]]>, limited = false): QueryResult {
  return {
    refId: 'A',
    sql: 'SELECT 1',
    error: null,
    limited,
    answer: {
      meta: columns.map(([name, type]) => ({ name, type })),
      data: columns.map(([, , values]) => values),
      rows: columns[0][2].length,
      statistics: { elapsed: 0.012, rows_read: 1000, bytes_read: 8000 },
    },
  };
}

const series = (frame: DataFrame) => frame.fields.slice(1).map((field) => [field.name, field.labels, field.values]);

describe('time series', () => {
  it('makes one field of each label set, missing values null, sorted by time and label', () => {
    const [frame] = framesOf(
      result([
        ['t', 'DateTime', ['120', '60', '60', '120']],
        ['service', 'LowCardinality(String)', ['search', 'search', 'cart', 'cart']],
        ['n', 'UInt64', ['4', '2', '1', '3']],
      ]),
      0,
      FRESH
    );
    expect(frame.fields[0].values).toEqual([60_000, 120_000]);
    expect(series(frame)).toEqual([
      ['n', { service: 'cart' }, [1, 3]],
      ['n', { service: 'search' }, [2, 4]],
    ]);
    expect(frame.fields.slice(1).map((field) => getFieldDisplayName(field, frame, [frame]))).toEqual(['n cart', 'n search']);
  });

  it('fills what a series lacks with null', () => {
    const [frame] = framesOf(
      result([
        ['t', 'DateTime', ['60', '120', '180']],
        ['service', 'String', ['a', 'b', 'a']],
        ['n', 'Float64', [1, 2, 3]],
      ]),
      undefined,
      null
    );
    expect(series(frame)).toEqual([
      ['n', { service: 'a' }, [1, null, 3]],
      ['n', { service: 'b' }, [null, 2, null]],
    ]);
  });

  it('keeps several values of wide rows in their order and without labels', () => {
    const [frame] = framesOf(result([['t', 'DateTime', ['2', '1']], ['z', 'Float64', [2, 1]], ['a', 'Float64', [20, 10]]]), 256, null);
    expect(series(frame)).toEqual([
      ['z', undefined, [1, 2]],
      ['a', undefined, [10, 20]],
    ]);
  });

  it('keeps each row of one time where there is no text to tell them apart', () => {
    const [frame] = framesOf(result([['t', 'DateTime', ['2', '1', '2']], ['n', 'Float64', [3, 1, 2]]]), 0, null);
    expect(frame.fields.map((field) => field.values)).toEqual([[1000, 2000, 2000], [1, 3, 2]]);
  });

  it('leaves rows without a time or a value as they are', () => {
    const [frame] = framesOf(result([['a', 'String', ['x']], ['n', 'Float64', [1]]]), 0, null);
    expect(frame.fields.map((field) => field.values)).toEqual([['x'], [1]]);
  });
});

describe('tables and logs', () => {
  it('keep the rows, say how they want to be shown and what the answer cost', () => {
    const [table] = framesOf(result([['a', 'String', ['x', 'y']]], true), TABLE, FRESH);
    expect(table.meta?.preferredVisualisationType).toBe('table');
    expect(table.meta?.executedQueryString).toBe('SELECT 1');
    expect(table.meta?.notices?.[0].severity).toBe('warning');
    expect(factsOf(table)).toMatchObject({ elapsedSeconds: 0.012, rows: 2, rowsRead: 1000, bytesRead: 8000, fresh: FRESH });
    expect(framesOf(result([['a', 'String', ['x']]]), LOGS, null)[0].meta?.preferredVisualisationType).toBe('logs');
  });
});

describe('column types', () => {
  it.each([
    ['LowCardinality(Nullable(String))', FieldType.string],
    ["Nullable(DateTime64(3, 'UTC'))", FieldType.time],
    ["DateTime('Europe/Berlin')", FieldType.time],
    ['Date32', FieldType.time],
    ['UInt256', FieldType.number],
    ['Nullable(Decimal(18, 4))', FieldType.number],
    ['SimpleAggregateFunction(sum, Int64)', FieldType.number],
    ['Bool', FieldType.boolean],
    ["Enum8('a' = 1)", FieldType.string],
    ['Array(UInt64)', FieldType.string],
    ['Map(String, UInt64)', FieldType.string],
    ['UUID', FieldType.string],
  ])('%s', (type, expected) => expect(fieldTypeOf(type)).toBe(expected));

  it('unwraps what is around a type', () => expect(unwrap('SimpleAggregateFunction(anyLast, Nullable(String))')).toBe('String'));

  it.each([
    ["DateTime64(3, 'UTC')", ['1700000000.123', null], [1_700_000_000_123, null]],
    ['Date', ['2026-11-30'], [Date.UTC(2026, 10, 30)]],
    ['Int64', ['9007199254740991', '-1', null], [9007199254740991, -1, null]],
    ['Float64', ['nan', 'inf', '-inf', 1.5], [NaN, Infinity, -Infinity, 1.5]],
    ['Decimal(10, 2)', ['12.50'], [12.5]],
    ['Bool', [true, false, null], [true, false, null]],
    ['Array(String)', [['a', 'b']], ['["a","b"]']],
    ['UInt64', [7], [7]],
  ])('values of %s', (type, column, expected) => expect(valuesOf(type, column)).toEqual(expected));
});

describe('query variables', () => {
  it('take one column for value and text, two for value and text', () => {
    expect(findValues(result([['v', 'String', ['a']]]).answer!)).toEqual([{ value: 'a', text: 'a' }]);
    expect(findValues(result([['v', 'UInt8', [1]], ['t', 'String', ['Eins']]]).answer!)).toEqual([{ value: '1', text: 'Eins' }]);
  });

  it('have their SQL as text or as the editor’s model', () => {
    expect(sqlOf('SELECT 1')).toBe('SELECT 1');
    expect(sqlOf({ editorType: 'sql', rawSql: 'SELECT 2' })).toBe('SELECT 2');
    expect(sqlOf(null)).toBe('');
  });
});
