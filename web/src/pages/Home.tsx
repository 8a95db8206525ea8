// The first page: what this is, whether its data is fresh, what fires, and the way to the dashboards.
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { api } from '../api';
import { useSession } from '../host/session';
import { Page } from '../shell/Page';
import { AlertsNow } from './home/AlertsNow';
import { Dashboards } from './home/Dashboards';
import { FirstCopy } from './home/FirstCopy';
import { Freshness } from './home/Freshness';
import { LastRuns } from './home/LastRuns';
import { errorsOf, freshVerdict, whatItDoes } from './home/story';
import { readReport } from './kit/report';
import { StateBadge } from './kit/StateBadge';
import { Loaded, ProblemCard } from './kit/States';
import { usePageTitle } from './kit/usePageTitle';
import { usePolled } from './kit/usePolled';
import { useStatus } from './kit/useStatus';
import { modelsOf } from './runs/models';

const RUNS_EVERY_MS = 60_000;

export default function Home() {
  usePageTitle('Home');
  const styles = useStyles2(getStyles);
  const { session } = useSession();
  const status = useStatus();
  const runs = usePolled(() => api.runs(), RUNS_EVERY_MS);
  return (
    <Page title={session.project?.name || 'Millrace'}>
      <div className={styles.whole}>
        <Loaded from={status} lines={4}>
          {(pipe) => {
            const verdict = freshVerdict(pipe);
            return (
              <>
                <p className={styles.story}>
                  {whatItDoes(pipe, modelsOf(runs.data ?? []))} <span className={styles.verdict}><StateBadge tone={verdict.tone}>{verdict.text}</StateBadge></span>
                </p>
                {errorsOf(pipe).map((error) => (
                  <ProblemCard key={error} problem={readReport(error)} severity="warning" />
                ))}
                <Freshness status={pipe} />
                <FirstCopy status={pipe} />
              </>
            );
          }}
        </Loaded>
        <div className={styles.columns}>
          <Dashboards />
          <div>
            <AlertsNow />
            <LastRuns status={status} />
          </div>
        </div>
      </div>
    </Page>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  // Titles, labels and errors are other people's words, and may have no place to break at.
  whole: css({ overflowWrap: 'anywhere' }),
  story: css({ color: theme.colors.text.secondary, margin: theme.spacing(0, 0, 1.5), maxWidth: '110ch', '& span': { whiteSpace: 'normal' } }),
  verdict: css({ color: theme.colors.text.primary }),
  columns: css({
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 5fr) minmax(0, 3fr)',
    gap: theme.spacing(0, 1.5),
    alignItems: 'start',
    [theme.breakpoints.down('md')]: { gridTemplateColumns: 'minmax(0, 1fr)' },
  }),
});
