import { describe, expect, it } from 'vitest';
import type { AlertTransition } from '../../api';
import { labelsText, panelOf } from './labels';
import { strips as stripsOf } from './strips';

const to = (at_ms: number, from: string, state: string, labels: Record<string, string> = {}): AlertTransition => ({ at_ms, rule: 'lag', labels, from, to: state, values: {} });
const strips = (history: AlertTransition[], of: { from: number; to: number }) => stripsOf(history, of, ({ labels }) => labelsText(labels));
const span = { from: 100, to: 200 };

describe('strips of a history', () => {
  it('tell which state it was in, from end to end of the span', () => {
    const [strip] = strips([to(150, 'Pending', 'Alerting'), to(120, 'Normal', 'Pending')], span);
    expect(strip.pieces).toEqual([
      { from: 100, to: 120, state: 'Normal' },
      { from: 120, to: 150, state: 'Pending' },
      { from: 150, to: 200, state: 'Alerting' },
    ]);
  });

  it('stand apart by labels, the one that changed last first', () => {
    const found = strips([to(110, 'Normal', 'Alerting', { table: 'a' }), to(120, 'Normal', 'Alerting', { table: 'b' })], span);
    expect(found.map(({ labels }) => labels)).toEqual(['table=b', 'table=a']);
  });

  it('know what was before the span, and join what does not change', () => {
    const [strip] = strips([to(50, 'Normal', 'Alerting'), to(150, 'Alerting', 'Alerting')], span);
    expect(strip.pieces).toEqual([{ from: 100, to: 200, state: 'Alerting' }]);
  });

  it('are none of nothing', () => {
    expect(strips([], span)).toEqual([]);
  });
});

it('labels of Grafana’s own, and those of the rule, are not shown', () => {
  expect(labelsText({ alertname: 'x', grafana_folder: 'y', __alert_rule_uid__: 'z', table: 'orders', severity: 'page' }, { severity: 'page' })).toBe('table=orders');
});

it('a rule leads to its panel', () => {
  expect(panelOf({ annotations: { __dashboardUid__: 'pipe', __panelId__: '4' } })).toBe('/d/pipe?viewPanel=4');
  expect(panelOf({ annotations: {}, dashboard: 'pipe', panel: 4 })).toBe('/d/pipe?viewPanel=4');
  expect(panelOf({ annotations: { __panelId__: '4' } })).toBeNull();
});
