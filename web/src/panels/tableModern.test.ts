import { FieldType, toDataFrame } from '@grafana/data';
import { describe, expect, it } from 'vitest';
import { modern } from './tableModern';

const frame = (custom: object) => toDataFrame({ fields: [{ name: 's', type: FieldType.string, values: ['a'] }, { name: 'n', type: FieldType.number, values: [1], config: { custom } }] });

describe('tables of older files', () => {
  it('have cells of today', () => {
    expect(modern(frame({ displayMode: 'lcd-gauge' }), undefined).fields[1].config.custom.cellOptions).toEqual({ type: 'gauge', mode: 'lcd' });
    expect(modern(frame({ displayMode: 'color-text' }), undefined).fields[1].config.custom.cellOptions).toEqual({ type: 'color-text' });
    expect(modern(frame({ displayMode: 'basic', cellOptions: { type: 'color-text' } }), undefined).fields[1].config.custom.cellOptions).toEqual({ type: 'color-text' });
  });
  it('have footers of today', () => {
    const out = modern(frame({}), { show: true, reducer: ['sum'] });
    expect(out.fields.map((f) => f.config.custom?.footer)).toEqual([undefined, { reducers: ['sum'] }]);
    expect(modern(frame({}), { show: true, reducer: ['max'], fields: ['s'] }).fields[0].config.custom.footer).toEqual({ reducers: ['max'] });
  });
  it('are left alone if they are new', () => {
    const one = frame({ cellOptions: { type: 'auto' } });
    expect(modern(one, { show: false, reducer: ['sum'] })).toBe(one);
  });
});
