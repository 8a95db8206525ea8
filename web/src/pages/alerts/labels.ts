// Labels of rules and instances. Those between double underscores are Grafana's own and are not shown.

export function shownLabels(labels: Record<string, string>): Array<[string, string]> {
  return Object.entries(labels).filter(([name]) => !(name.startsWith('__') && name.endsWith('__')));
}

export function labelsText(labels: Record<string, string>): string {
  return shownLabels(labels)
    .filter(([name]) => name !== 'alertname' && name !== 'grafana_folder')
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

/** The panel that a rule was made from, by Grafana's annotations. */
export function panelOf(annotations: Record<string, string>): string | null {
  const uid = annotations.__dashboardUid__;
  const panel = annotations.__panelId__;
  return uid ? `/d/${encodeURIComponent(uid)}${panel ? `?viewPanel=${encodeURIComponent(panel)}` : ''}` : null;
}
