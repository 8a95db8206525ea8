// A state: a word beside a mark whose shape tells it, too, where colours do not.
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2, useTheme2 } from '@grafana/ui';
import { css } from '@emotion/css';

export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'quiet';

export function toneColor(theme: GrafanaTheme2, tone: Tone): string {
  const { success, info, warning, error, text } = theme.colors;
  return { good: success.text, busy: info.text, warn: warning.text, bad: error.text, quiet: text.secondary }[tone];
}

export function StateBadge({ tone, children }: { tone: Tone; children: string }) {
  const styles = useStyles2(getStyles);
  return (
    <span className={styles.badge}>
      <Mark tone={tone} />
      <span>{children}</span>
    </span>
  );
}

/** Disc, ring, triangle, square, dash. */
export function Mark({ tone }: { tone: Tone }) {
  const color = toneColor(useTheme2(), tone);
  return (
    <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true" style={{ flex: '0 0 auto' }}>
      {tone === 'good' && <circle cx="5" cy="5" r="4" fill={color} />}
      {tone === 'busy' && <circle cx="5" cy="5" r="3.4" fill="none" stroke={color} strokeWidth="2" />}
      {tone === 'warn' && <path d="M5 0.8 9.6 9.2H0.4Z" fill={color} />}
      {tone === 'bad' && <rect x="1" y="1" width="8" height="8" fill={color} />}
      {tone === 'quiet' && <rect x="1" y="4" width="8" height="2" fill={color} />}
    </svg>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  badge: css({ display: 'inline-flex', alignItems: 'baseline', gap: theme.spacing(0.75), whiteSpace: 'nowrap' }),
});
