// What fires now.
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { api } from '../../api';
import { firing } from '../alerts/firing';
import { labelsText } from '../alerts/labels';
import { Section } from '../kit/Section';
import { Mark } from '../kit/StateBadge';
import { Loaded, Nothing } from '../kit/States';
import { usePolled } from '../kit/usePolled';
import { Way } from '../kit/Way';
import { When } from '../kit/When';
import { countText, plural } from '../kit/words';

const EVERY_MS = 5000;
const SHOWN = 8;

export function AlertsNow() {
  const styles = useStyles2(getStyles);
  const alerts = usePolled(() => api.alerts(), EVERY_MS);
  const now = alerts.data && firing(alerts.data);
  const rules = alerts.data?.groups.reduce((sum, group) => sum + group.rules.length, 0) ?? 0;
  return (
    <Section title="Firing now" note={now && countText(now.length)} actions={<Way to="/alerts">All alerts</Way>}>
      <Loaded from={alerts} lines={2}>
        {() =>
          rules === 0 ? (
            <Nothing title="No alert rules yet" icon="bell-slash">
              Put Grafana’s YAML files into the folder <code>alerting/</code> of the project.
            </Nothing>
          ) : now!.length === 0 ? (
            <Nothing title={`None of ${plural(rules, 'rule')} fires`} icon="check-circle" />
          ) : (
            <ul className={styles.list}>
              {now!.slice(0, SHOWN).map(({ rule, instance, key }) => (
                <li key={key} className={styles.entry}>
                  <span className={styles.head}>
                    <Mark tone="bad" />
                    <Way to={`/alerts?rule=${encodeURIComponent(rule.uid)}`}>{rule.title}</Way>
                    <span className={styles.since}>
                      since <When ms={instance.since_ms} />
                    </span>
                  </span>
                  <span className={styles.text}>{instance.annotations.summary || labelsText(instance.labels, rule.labels)}</span>
                </li>
              ))}
              {now!.length > SHOWN && <li className={styles.entry}>and {plural(now!.length - SHOWN, 'more', 'more')}</li>}
            </ul>
          )
        }
      </Loaded>
    </Section>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({ listStyle: 'none', margin: 0, padding: 0 }),
  entry: css({ display: 'grid', gridTemplateColumns: 'minmax(0, 1fr)', gap: 2, padding: theme.spacing(0.75, 0), '& + &': { borderTop: `1px solid ${theme.colors.border.weak}` } }),
  head: css({ display: 'flex', alignItems: 'baseline', gap: theme.spacing(1), '& a': { fontWeight: 500, minWidth: 0 } }),
  since: css({ marginLeft: 'auto', color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize, whiteSpace: 'nowrap' }),
  text: css({ color: theme.colors.text.secondary, paddingLeft: 18, overflowWrap: 'anywhere' }),
});
