// What dbt did last, by schedule.
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { Section } from '../kit/Section';
import { StateBadge } from '../kit/StateBadge';
import { Nothing } from '../kit/States';
import type { ScheduleStatus } from '../kit/status';
import { toneOfRun } from '../kit/tones';
import { Way } from '../kit/Way';
import { When } from '../kit/When';
import { durationText } from '../kit/words';

export function LastRuns({ runs }: { runs: ScheduleStatus[] }) {
  const styles = useStyles2(getStyles);
  const latest = [...runs].sort((a, b) => b.last_started - a.last_started);
  return (
    <Section title="dbt" actions={<Way to="/runs">All runs</Way>}>
      {latest.length === 0 ? (
        <Nothing title="dbt has not run yet" icon="sitemap">
          Run it with <code>millrace dbt run</code>, or give it a schedule in <code>millrace.toml</code>.
        </Nothing>
      ) : (
        <ul className={styles.list}>
          {latest.map((run) => (
            <li key={run.schedule} className={styles.entry}>
              <StateBadge tone={toneOfRun(run.last_status)}>{run.last_status}</StateBadge>
              <span>{run.schedule || 'by hand'}</span>
              <span className={styles.when}>
                {run.last_status !== 'running' && `${durationText(run.last_seconds)}, `}
                <When ms={run.last_started} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({ listStyle: 'none', margin: 0, padding: 0 }),
  entry: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(0.5, 1.5), padding: theme.spacing(0.75, 0), '& + &': { borderTop: `1px solid ${theme.colors.border.weak}` } }),
  when: css({ marginLeft: 'auto', color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});
