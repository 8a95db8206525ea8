// Labels of rules and instances. Those between double underscores are Grafana's own and are not shown.

export function shownLabels(labels: Record<string, string>): Array<[string, string]> {
  return Object.entries(labels).filter(([name]) => !(name.startsWith('__') && name.endsWith('__')));
}

/** Where a rule stands, and what Grafana adds when a query fails or answers nothing. */
const OF_THE_ENGINE = ['alertname', 'grafana_folder', 'datasource_uid', 'ref_id'];

/** Labels that an instance has beside those of its rule. */
export function ownLabels(labels: Record<string, string>, ofRule: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(shownLabels(labels).filter(([name, value]) => !OF_THE_ENGINE.includes(name) && ofRule[name] !== value));
}

export function labelsText(labels: Record<string, string>, ofRule?: Record<string, string>): string {
  return Object.entries(ownLabels(labels, ofRule))
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

/** The panel that a rule was made from, by its own words or by Grafana's annotations. */
export function panelOf({ annotations, dashboard, panel }: { annotations: Record<string, string>; dashboard?: string | null; panel?: number | null }): string | null {
  const uid = dashboard ?? annotations.__dashboardUid__;
  const id = panel ?? annotations.__panelId__;
  return uid ? `/d/${encodeURIComponent(uid)}${id ? `?viewPanel=${encodeURIComponent(id)}` : ''}` : null;
}

/** A text with a template in it is one of instances, not of the rule. */
export const isWhole = (text: string | undefined): text is string => Boolean(text) && !text!.includes('{{');
