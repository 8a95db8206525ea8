import { FieldType, toDataFrame } from '@grafana/data';
import { describe, expect, it } from 'vitest';
import { convert, funnel, percent, span } from './funnel';

const table = (columns: Record<string, unknown[]>) => toDataFrame({
  fields: Object.entries(columns).map(([name, values]) => ({ name, values, type: typeof values[0] === 'number' ? FieldType.number : FieldType.string })),
});

describe('funnel', () => {
  it('converts from the first and the previous step', () => {
    const steps = convert([{ name: 'a', people: 200, seconds: 5 }, { name: 'b', people: 100, seconds: 60 }, { name: 'c', people: 25, seconds: null }]);
    expect(steps.map((s) => [s.ofFirst, s.ofPrevious, s.dropped, s.seconds])).toEqual([[1, 1, 0, null], [0.5, 0.5, 100, 60], [0.125, 0.25, 75, null]]);
  });
  it('survives nobody, nulls and nothing', () => {
    expect(convert([])).toEqual([]);
    expect(convert([{ name: 'a', people: 0, seconds: null }, { name: 'b', people: null, seconds: null }]).map((s) => [s.people, s.ofFirst, s.ofPrevious])).toEqual([[0, null, null], [0, null, null]]);
    expect(funnel([])).toBeNull();
    expect(funnel([table({ people: [1] })])).toBeNull();
  });
  it('finds its fields, in any order, numbered steps too', () => {
    const found = funnel([table({ median_seconds: [0, 30], users: [10, 5], step: ['Visit', 'Buy'] })])!;
    expect(found.groups[0].steps.map((s) => [s.name, s.people, s.seconds])).toEqual([['Visit', 10, null], ['Buy', 5, 30]]);
    expect(funnel([table({ step: [1, 2], people: [10, 5] })])!.people.name).toBe('people');
  });
  it('has groups, each with all steps', () => {
    const found = funnel([table({ step: ['a', 'a', 'b'], device: ['web', 'app', 'web'], n: [4, 2, 1] })])!;
    expect(found.groups.map((g) => [g.name, g.steps.map((s) => s.people)])).toEqual([['web', [4, 1]], ['app', [2, 0]]]);
  });
  it('says shares and times in short', () => {
    expect([percent(null), percent(0.5), percent(0.0123), percent(0)]).toEqual(['–', '50%', '1.2%', '0%']);
    expect([span(null), span(0.25), span(12), span(75), span(600), span(7200), span(864000)]).toEqual(['–', '250 ms', '12 s', '75 s', '10 min', '2 h', '10 d']);
  });
});
