// How many rules fire, wait or fail, in large calm numbers.
import type { Alerts } from '../../api';
import { Figure, Figures } from '../kit/Facts';
import { countText, plural } from '../kit/words';
import { firing } from './firing';

export function Summary({ alerts }: { alerts: Alerts }) {
  const rules = alerts.groups.flatMap((group) => group.rules);
  if (rules.length === 0) {
    return null;
  }
  const now = firing(alerts);
  const pending = rules.flatMap((rule) => rule.instances).filter((instance) => instance.state.toLowerCase() === 'pending').length;
  const broken = rules.filter((rule) => rule.error).length;
  const missed = rules.reduce((sum, rule) => sum + rule.missed, 0);
  return (
    <Figures>
      <Figure name="Firing" value={countText(now.length)} tone={now.length > 0 ? 'bad' : 'good'}>
        {now.length > 0 ? `of ${plural(new Set(now.map(({ rule }) => rule.uid)).size, 'rule')}` : 'all is well'}
      </Figure>
      <Figure name="Pending" value={countText(pending)} tone={pending > 0 ? 'warn' : undefined}>
        for less than their rules ask
      </Figure>
      <Figure name="Rules" value={countText(rules.length)}>
        {broken > 0 ? `${countText(broken)} cannot be evaluated` : 'all can be evaluated'}
      </Figure>
      <Figure name="Missed evaluations" value={countText(missed)} tone={missed > 0 ? 'warn' : undefined}>
        since the start
      </Figure>
    </Figures>
  );
}
