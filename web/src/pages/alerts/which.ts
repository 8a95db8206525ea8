// Which rules are looked at.
import type { AlertGroup, AlertRule } from '../../api';
import { fires } from './firing';

export type Which = 'all' | 'upset' | 'errors';

/** It fires, or is about to. */
export const isUpset = (rule: AlertRule): boolean => fires(rule.state) || rule.state.toLowerCase() === 'pending' || rule.instances.some((instance) => fires(instance.state));

const hasErrors = (rule: AlertRule): boolean => Boolean(rule.error) || rule.health.toLowerCase() === 'error' || rule.missed > 0;

export function matches(rule: AlertRule, group: AlertGroup, words: string, which: Which): boolean {
  if ((which === 'upset' && !isUpset(rule)) || (which === 'errors' && !hasErrors(rule))) {
    return false;
  }
  const labels = [rule.labels, ...rule.instances.map((instance) => instance.labels)].flatMap((of) => Object.entries(of).map(([name, value]) => `${name}=${value}`));
  const text = [rule.title, group.name, group.folder, ...labels].join(' ').toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
