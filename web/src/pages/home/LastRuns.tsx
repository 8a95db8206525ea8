// What dbt did last, by schedule.
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { Section } from '../kit/Section';
import { StateBadge } from '../kit/StateBadge';
import { Loaded, Nothing } from '../kit/States';
import type { PipeStatus, ScheduleStatus } from '../kit/status';
import { toneOfRun } from '../kit/tones';
import type { Polled } from '../kit/usePolled';
import { Way } from '../kit/Way';
import { When } from '../kit/When';
import { durationText } from '../kit/words';

export function LastRuns({ status }: { status: Polled<PipeStatus> }) {
  return (
    <Section title="dbt" actions={<Way to="/runs">All runs</Way>}>
      <Loaded from={status} lines={2}>
        {({ runs }) => <Runs runs={runs} />}
      </Loaded>
    </Section>
  );
}

function Runs({ runs }: { runs: ScheduleStatus[] }) {
  const styles = useStyles2(getStyles);
  const latest = [...runs].sort((a, b) => b.last_started - a.last_started);
  if (latest.length === 0) {
    return (
      <Nothing title="dbt has not run yet" icon="sitemap">
        Run it with <code>millrace transform build</code>, or give it a schedule in <code>millrace.toml</code>.
      </Nothing>
    );
  }
  return (
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
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({ listStyle: 'none', margin: 0, padding: 0 }),
  entry: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(0.5, 1.5), padding: theme.spacing(0.75, 0), '& + &': { borderTop: `1px solid ${theme.colors.border.weak}` } }),
  when: css({ marginLeft: 'auto', color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});
