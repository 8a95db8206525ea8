// Labels beside each other.
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { shownLabels } from './labels';

export function LabelList({ labels, none = 'no labels' }: { labels: Record<string, string>; none?: string }) {
  const styles = useStyles2(getStyles);
  const shown = shownLabels(labels);
  if (shown.length === 0) {
    return <span>{none}</span>;
  }
  return (
    <span className={styles.list}>
      {shown.map(([name, value]) => (
        <span key={name} className={styles.label}>
          {name}={value}
        </span>
      ))}
    </span>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({ display: 'inline-flex', flexWrap: 'wrap', gap: theme.spacing(0.5) }),
  label: css({
    padding: theme.spacing(0, 0.75),
    border: `1px solid ${theme.colors.border.medium}`,
    borderRadius: theme.shape.radius.default,
    fontSize: theme.typography.bodySmall.fontSize,
    fontWeight: 400,
    overflowWrap: 'anywhere',
    textAlign: 'left',
  }),
});
