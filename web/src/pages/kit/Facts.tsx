// Names and what they are, side by side; and single numbers, large and calm.
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2, useTheme2 } from '@grafana/ui';
import { css } from '@emotion/css';
import type { ReactNode } from 'react';
import { toneColor, type Tone } from './StateBadge';

export function Facts({ facts }: { facts: Array<[string, ReactNode]> }) {
  const styles = useStyles2(getStyles);
  return (
    <dl className={styles.facts}>
      {facts.map(([name, value]) => (
        <div key={name} className={styles.fact}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface Figure {
  name: string;
  value: string;
  unit?: string;
  tone?: Tone;
  children?: ReactNode;
}

export function Figures({ children }: { children: ReactNode }) {
  return <dl className={useStyles2(getStyles).figures}>{children}</dl>;
}

export function Figure({ name, value, unit, tone, children }: Figure) {
  const styles = useStyles2(getStyles);
  const theme = useTheme2();
  return (
    <div className={styles.figure}>
      <dt className={styles.name}>{name}</dt>
      <dd className={styles.value} style={tone && { color: toneColor(theme, tone) }}>
        {value}
        {unit && <span className={styles.unit}> {unit}</span>}
      </dd>
      {children && <dd className={styles.words}>{children}</dd>}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  facts: css({
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fill, minmax(150px, 1fr))',
    gap: theme.spacing(1, 3),
    margin: 0,
    [theme.breakpoints.down('md')]: { gridTemplateColumns: 'repeat(auto-fill, minmax(130px, 1fr))', gap: theme.spacing(1, 2) },
  }),
  fact: css({
    minWidth: 0,
    '& > dt': { color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize, fontWeight: 400 },
    '& > dd': { margin: 0, overflowWrap: 'anywhere', fontVariantNumeric: 'tabular-nums', '& span': { whiteSpace: 'normal' } },
  }),
  figures: css({
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fit, minmax(200px, 1fr))',
    margin: theme.spacing(0, 0, 1.5),
    background: theme.colors.background.primary,
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
    overflow: 'hidden',
    [theme.breakpoints.down('md')]: { gridTemplateColumns: 'repeat(auto-fit, minmax(150px, 1fr))' },
  }),
  // The lines between them are drawn outside of each, so that those at the rim are cut off.
  figure: css({ padding: theme.spacing(1.5, 2), boxShadow: `-1px -1px 0 ${theme.colors.border.weak}`, minWidth: 0, [theme.breakpoints.down('md')]: { padding: theme.spacing(1, 1.5) } }),
  name: css({ color: theme.colors.text.secondary, fontWeight: 400, fontSize: theme.typography.bodySmall.fontSize }),
  value: css({ margin: 0, fontSize: 30, lineHeight: 1.25, fontWeight: 500, letterSpacing: '-0.02em', fontVariantNumeric: 'tabular-nums', color: theme.colors.text.maxContrast }),
  unit: css({ fontSize: 15, fontWeight: 400, letterSpacing: 0, color: theme.colors.text.secondary }),
  words: css({ margin: 0, color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});
