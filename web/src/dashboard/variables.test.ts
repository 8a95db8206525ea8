// Variables of a file as variables of a scene, and the values that go with a query.
import { CustomVariable, IntervalVariable, QueryVariable, SceneVariableSet, EmbeddedScene, SceneReactObject, type SceneVariable } from '@grafana/scenes';
import { beforeAll, describe, expect, it } from 'vitest';
import { variablesInScope } from '../datasource/scope';
import { filledServices } from '../host/filled';
import { buildVariable, buildVariables } from './buildVariables';

beforeAll(filledServices);

const built = (json: Record<string, unknown>) => buildVariable({ name: 'v', type: 'query', ...json })!;

describe('variables of a file', () => {
  it('query: text or model, multi, all, allValue, regex, sort, refresh, hide', () => {
    const state = (built({ query: { editorType: 'sql', rawSql: 'SELECT 1' }, multi: true, includeAll: true, allValue: '.*', regex: '/a/', sort: 3, refresh: 2, hide: 1, label: 'L', current: { value: ['$__all'], text: ['All'] } }) as QueryVariable).state;
    expect(state).toMatchObject({ name: 'v', label: 'L', isMulti: true, includeAll: true, allValue: '.*', regex: '/a/', sort: 3, refresh: 2, hide: 1, value: ['$__all'] });
    expect(state.query).toEqual({ editorType: 'sql', rawSql: 'SELECT 1' });
  });

  it('custom, interval, textbox, constant', () => {
    expect((built({ type: 'custom', query: 'a : 1,b', current: { value: '1', text: 'a' } }) as CustomVariable).state).toMatchObject({ query: 'a : 1,b', value: '1' });
    const interval = built({ type: 'interval', query: '1m, 10m,"1h"', auto: true, auto_count: 20, auto_min: '30s', current: { value: '$__auto_interval_v' } }) as IntervalVariable;
    expect(interval.state).toMatchObject({ intervals: ['1m', '10m', '1h'], autoEnabled: true, autoStepCount: 20, autoMinInterval: '30s', value: '$__auto' });
    expect(built({ type: 'textbox', query: 'hello' }).getValue()).toBe('hello');
    expect(built({ type: 'constant', query: '42' }).getValue()).toBe('42');
    expect(built({ type: 'constant', query: '42' }).state.hide).toBe(2);
  });

  it('types that are not offered are left out', () => {
    expect(buildVariable({ name: 'f', type: 'adhoc' })).toBeUndefined();
    expect(buildVariables({ templating: { list: [{ name: 'f', type: 'adhoc' }, { name: 'c', type: 'constant', query: '1' }] } }).state.variables).toHaveLength(1);
  });
});

describe('values that a query is sent with', () => {
  const scope = (variables: SceneVariable[], inner: SceneVariable[] = []) => {
    const body = new SceneReactObject({ $variables: inner.length > 0 ? new SceneVariableSet({ variables: inner }) : undefined });
    void new EmbeddedScene({ $variables: new SceneVariableSet({ variables }), body });
    return variablesInScope(body);
  };

  it('one, several, all with and without allValue', () => {
    const options = [{ label: 'A', value: 'a' }, { label: 'B', value: 'b' }];
    expect(scope([new CustomVariable({ name: 'one', query: 'a,b', value: 'a', text: 'A', options })]).one).toEqual({ value: 'a', text: 'A', all: false });
    expect(scope([new CustomVariable({ name: 'many', isMulti: true, query: 'a,b', value: ['a', 'b'], text: ['A', 'B'], options })]).many).toEqual({ value: ['a', 'b'], text: ['A', 'B'], all: false });
    const all = { isMulti: true, includeAll: true, query: 'a,b', value: ['$__all'], text: ['All'], options };
    expect(scope([new CustomVariable({ name: 'all', ...all })]).all).toEqual({ value: ['a', 'b'], text: ['All'], all: true });
    expect(scope([new CustomVariable({ name: 'all', ...all, allValue: '.*' })]).all).toEqual({ value: '.*', text: ['All'], all: true });
  });

  it('the nearest of a name wins', () => {
    const near = new CustomVariable({ name: 'v', query: 'x', value: 'near', text: 'near' });
    expect(scope([new CustomVariable({ name: 'v', query: 'x', value: 'far', text: 'far' })], [near]).v.value).toBe('near');
  });
});
