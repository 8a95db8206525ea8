// The instances that fire, the newest first.
import type { AlertInstance, AlertRule, Alerts } from '../../api';

export interface Firing {
  rule: AlertRule;
  instance: AlertInstance;
  key: string;
}

const FIRES = ['alerting', 'firing', 'nodata', 'error'];

export const fires = (state: string): boolean => FIRES.some((word) => state.toLowerCase().startsWith(word));

export function firing(alerts: Alerts): Firing[] {
  return alerts.groups
    .flatMap((group) => group.rules)
    .flatMap((rule) => rule.instances.filter((instance) => fires(instance.state)).map((instance) => ({ rule, instance, key: rule.uid + JSON.stringify(instance.labels) })))
    .sort((a, b) => b.instance.since_ms - a.instance.since_ms);
}
