// How far something has come, as a bar and a number.
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { percentText } from './words';

export function Progress({ ratio, label }: { ratio: number; label: string }) {
  const styles = useStyles2(getStyles);
  const percent = Math.min(100, Math.max(0, ratio * 100));
  return (
    <span className={styles.whole}>
      <span className={styles.bar} role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(percent)}>
        <span className={styles.done} style={{ width: `${percent}%` }} />
      </span>
      <span className={styles.number}>{percentText(ratio, ratio < 0.1 ? 1 : 0)}</span>
    </span>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  whole: css({ display: 'flex', alignItems: 'center', gap: theme.spacing(1), minWidth: 120 }),
  bar: css({ flex: 1, height: 6, borderRadius: 3, background: theme.colors.background.secondary, boxShadow: `inset 0 0 0 1px ${theme.colors.border.weak}`, overflow: 'hidden' }),
  done: css({ display: 'block', height: '100%', background: theme.colors.primary.border }),
  number: css({ flex: '0 0 auto', minWidth: '4ch', textAlign: 'right' }),
});
