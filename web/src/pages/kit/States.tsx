// What stands in the place of data: that it is on its way, that there is none, that it could not be had.
import type { GrafanaTheme2 } from '@grafana/data';
import { Alert, Button, Icon, useStyles2, type IconName } from '@grafana/ui';
import { css, keyframes } from '@emotion/css';
import type { ReactNode } from 'react';
import { problemFrom, type Problem } from '../../api';
import type { Polled } from './usePolled';
import { When } from './When';

export function Waiting({ lines = 3 }: { lines?: number }) {
  const styles = useStyles2(getStyles);
  return (
    <div role="status" aria-label="Loading" className={styles.waiting}>
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} className={styles.line} style={{ width: `${92 - ((line * 23) % 41)}%` }} />
      ))}
    </div>
  );
}

export function Nothing({ title, icon = 'info-circle', children }: { title: string; icon?: IconName; children?: ReactNode }) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.nothing}>
      <Icon name={icon} size="lg" />
      <div>
        <div className={styles.nothingTitle}>{title}</div>
        {children && <div className={styles.nothingText}>{children}</div>}
      </div>
    </div>
  );
}

export function Failed({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  return <ProblemCard problem={problemFrom(error)} onRetry={onRetry} />;
}

/** A problem's three sentences. */
export function ProblemCard({ problem, severity = 'error', onRetry }: { problem: Problem; severity?: 'error' | 'warning'; onRetry?: () => void }) {
  const styles = useStyles2(getStyles);
  return (
    <Alert title={problem.error} severity={severity}>
      {problem.detail && <div className={styles.detail}>{problem.detail}</div>}
      {problem.hint && <div className={styles.detail}>Hint: {problem.hint}</div>}
      {onRetry && (
        <Button size="sm" variant="secondary" icon="sync" onClick={onRetry} className={styles.retry}>
          Try again
        </Button>
      )}
    </Alert>
  );
}

/** Draws what is known: the data, even if the last attempt failed, and then since when it is not new any more. */
export function Loaded<T>({ from, lines, children }: { from: Polled<T>; lines?: number; children: (data: T) => ReactNode }) {
  const styles = useStyles2(getStyles);
  if (from.data === undefined) {
    return from.error === undefined ? <Waiting lines={lines} /> : <Failed error={from.error} onRetry={from.again} />;
  }
  return (
    <>
      {from.error !== undefined && (
        <p role="status" className={styles.stale}>
          <Icon name="exclamation-triangle" size="sm" /> Not answered since <When ms={from.at} />: {problemFrom(from.error).error}
        </p>
      )}
      {children(from.data)}
    </>
  );
}

const breathe = keyframes({ '0%, 100%': { opacity: 0.9 }, '50%': { opacity: 0.45 } });

const getStyles = (theme: GrafanaTheme2) => ({
  waiting: css({ display: 'grid', gap: theme.spacing(1), padding: theme.spacing(1, 0) }),
  line: css({
    height: 14,
    borderRadius: theme.shape.radius.default,
    background: theme.colors.background.secondary,
    [theme.transitions.handleMotion('no-preference')]: { animation: `${breathe} 1.6s ease-in-out infinite` },
  }),
  nothing: css({ display: 'flex', gap: theme.spacing(1.5), alignItems: 'flex-start', color: theme.colors.text.secondary, padding: theme.spacing(1.5, 0) }),
  nothingTitle: css({ color: theme.colors.text.primary }),
  nothingText: css({ marginTop: theme.spacing(0.5), maxWidth: '70ch' }),
  detail: css({ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }),
  retry: css({ marginTop: theme.spacing(1) }),
  stale: css({ color: theme.colors.warning.text, margin: theme.spacing(0, 0, 1) }),
});
