// What the file uses beyond this page, told above the panels.
import type { GrafanaTheme2 } from '@grafana/data';
import { Icon, IconButton, useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { useState } from 'react';
import type { DashboardJson } from '../api';
import { noticesOfDashboard } from './notices';

export function DashboardNotices({ dashboard }: { dashboard: DashboardJson }) {
  const styles = useStyles2(getStyles);
  const [read, setRead] = useState(false);
  const notices = noticesOfDashboard(dashboard);
  if (read || notices.length === 0) {
    return null;
  }
  return (
    <div className={styles.bar} role="note">
      <Icon name="exclamation-triangle" className={styles.icon} />
      <div className={styles.text}>
        {notices.map((notice) => (
          <div key={notice}>{notice}</div>
        ))}
      </div>
      <IconButton name="times" tooltip="I have read this" onClick={() => setRead(true)} />
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  bar: css({
    display: 'flex',
    alignItems: 'flex-start',
    gap: theme.spacing(1),
    padding: theme.spacing(0.75, 1.5),
    marginBottom: theme.spacing(1),
    background: theme.colors.warning.transparent,
    borderRadius: theme.shape.radius.default,
    fontSize: theme.typography.bodySmall.fontSize,
  }),
  icon: css({ color: theme.colors.warning.text }),
  text: css({ flex: 1 }),
});
