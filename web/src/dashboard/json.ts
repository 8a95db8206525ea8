// The parts of Grafana's dashboard JSON that the page reads. Everything else in a file is kept as it is.
import type { DataTransformerConfig, FieldConfigSource } from '@grafana/data';
import type { DashboardJson } from '../api';

export interface GridPos {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface TargetJson {
  refId: string;
  rawSql?: string;
  format?: number;
  hide?: boolean;
  datasource?: { type?: string; uid?: string } | string | null;
}

export interface LinkJson {
  title?: string;
  url?: string;
  type?: string;
  targetBlank?: boolean;
  includeVars?: boolean;
  keepTime?: boolean;
  tooltip?: string;
  tags?: string[];
  asDropdown?: boolean;
}

export interface PanelJson {
  id: number;
  type: string;
  title?: string;
  description?: string;
  transparent?: boolean;
  gridPos?: GridPos;
  datasource?: { type?: string; uid?: string } | string | null;
  targets?: TargetJson[];
  options?: Record<string, any>;
  fieldConfig?: FieldConfigSource;
  transformations?: DataTransformerConfig[];
  links?: LinkJson[];
  repeat?: string | null;
  repeatDirection?: 'h' | 'v';
  maxPerRow?: number;
  interval?: string | null;
  maxDataPoints?: number | null;
  timeFrom?: string | null;
  timeShift?: string | null;
  hideTimeOverride?: boolean;
  pluginVersion?: string;
  libraryPanel?: { name?: string; uid?: string };
  /** Only of a row. */
  collapsed?: boolean;
  panels?: PanelJson[];
}

export function panelsOf(dashboard: DashboardJson): PanelJson[] {
  return Array.isArray(dashboard.panels) ? dashboard.panels : [];
}

/** Where a panel stands in the document: in the list, or in the list of a collapsed row. */
export function pathOfPanel(dashboard: DashboardJson, id: number): Array<string | number> | undefined {
  const panels = panelsOf(dashboard);
  for (let at = 0; at < panels.length; at++) {
    if (panels[at].id === id) {
      return ['panels', at];
    }
    const inner = panels[at].panels?.findIndex((panel) => panel.id === id) ?? -1;
    if (inner >= 0) {
      return ['panels', at, 'panels', inner];
    }
  }
  return undefined;
}

export function panelById(dashboard: DashboardJson, id: number): PanelJson | undefined {
  for (const panel of panelsOf(dashboard)) {
    const found = panel.id === id ? panel : panel.panels?.find((inner) => inner.id === id);
    if (found) {
      return found;
    }
  }
  return undefined;
}

/** As the file has it: two spaces, keys in their order, a newline at the end. */
export function textOfDashboard(dashboard: DashboardJson): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

/** A document in which each panel has an id of its own, as Grafana makes it when it opens one. The same, if they had. */
export function withIds(dashboard: DashboardJson): DashboardJson {
  const taken = new Set<number>();
  let next = 1 + Math.max(0, ...panelsOf(dashboard).flatMap((panel) => [panel, ...(panel.panels ?? [])]).map(({ id }) => (Number.isInteger(id) ? id : 0)));
  const named = (panel: PanelJson): PanelJson => {
    const panels = panel.panels?.map(named);
    const inner = panels?.some((one, at) => one !== panel.panels![at]) ? { ...panel, panels } : panel;
    const id = Number.isInteger(panel.id) && !taken.has(panel.id) ? panel.id : next++;
    taken.add(id);
    return id === panel.id ? inner : { ...inner, id };
  };
  const panels = panelsOf(dashboard).map(named);
  return panels.some((panel, at) => panel !== dashboard.panels[at]) ? { ...dashboard, panels } : dashboard;
}
