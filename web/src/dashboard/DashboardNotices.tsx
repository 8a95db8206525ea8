// What the file uses beyond this page, told above the panels.
import { Alert } from '@grafana/ui';
import { useState } from 'react';
import type { DashboardJson } from '../api';
import { noticesOfDashboard } from './notices';

export function DashboardNotices({ dashboard }: { dashboard: DashboardJson }) {
  const [read, setRead] = useState(false);
  const notices = noticesOfDashboard(dashboard);
  if (read || notices.length === 0) {
    return null;
  }
  return (
    <Alert severity="warning" title="Not all of this dashboard is shown here" onRemove={() => setRead(true)} bottomSpacing={1}>
      {notices.map((notice) => (
        <div key={notice}>{notice}</div>
      ))}
    </Alert>
  );
}
