// The dashboard that is shown: its document, and the scene that was built from it. An edit goes to the document first;
// the scene follows. So what is saved is the file that was read, with the edits in it.
import type { DashboardJson, DashboardDocument } from '../api';
import {
  SceneObjectBase,
  SceneTimePicker,
  SceneTimeRange,
  behaviors,
  type SceneObjectState,
} from '@grafana/scenes';
import type { TimeOption } from '@grafana/data';
import { defaultIntervals } from '@grafana/ui';
import { buildAnnotations } from './buildAnnotations';
import { buildVariables } from './buildVariables';
import { DashboardGrid } from './DashboardGrid';
import { panelById, pathOfPanel, panelsOf, withIds, type PanelJson } from './json';
import { Refresh } from './Refresh';
import { setIn } from './setIn';

export interface DashboardState extends SceneObjectState {
  uid: string;
  title: string;
  document: DashboardJson;
  /** The document as it lies on the server. */
  saved: DashboardJson;
  version: string;
  file: string;
  grid: DashboardGrid;
  timePicker: SceneTimePicker;
  refreshPicker: Refresh;
  /** What is typed and not yet part of the document, by its place; throws what is wrong with it. */
  drafts: Record<string, () => void>;
  /** The file is another one than was opened. */
  isOutdated?: boolean;
  /** Puts a scene of the changed document in this one's place. */
  rebuild: (document: DashboardJson) => void;
  /** Puts one of the file as it is now there. */
  reload: () => void;
}

export class DashboardScene extends SceneObjectBase<DashboardState> {
  panel(id: number): PanelJson | undefined {
    return panelById(this.state.document, id);
  }

  /** A changed panel: in the document, and drawn anew. */
  changePanel(id: number, panel: PanelJson) {
    const path = pathOfPanel(this.state.document, id);
    if (path) {
      this.change(setIn(this.state.document, path, panel));
    }
  }

  change(document: DashboardJson) {
    this.setState({ document, title: document.title ?? '' });
    this.state.grid.setState({ source: panelsOf(document) });
    this.state.grid.place();
  }

  discard() {
    if (this.state.isOutdated) {
      this.state.reload();
    } else {
      this.state.rebuild(this.state.saved);
    }
  }

  isEdited(): boolean {
    return this.state.document !== this.state.saved || Object.keys(this.state.drafts).length > 0;
  }

  /** None: there is no draft in that place any more. */
  setDraft(place: string, apply: (() => void) | undefined) {
    const { [place]: _before, ...others } = this.state.drafts;
    this.setState({ drafts: apply ? { ...others, [place]: apply } : others });
  }

  /** What is typed becomes part of the document. */
  applyDrafts() {
    // JSON of the panel comes before its queries: it has the older ones in it.
    for (const [place, apply] of Object.entries(this.state.drafts).sort()) {
      apply();
      this.setDraft(place, undefined);
    }
  }

  /** `saved` was written. Edits that were made meanwhile are not in the file. */
  markSaved(saved: DashboardJson, version: string) {
    this.setState({ saved, version, isOutdated: false });
  }
}

interface Building {
  /** The document as it lies on the server, when the one to show is already changed. */
  saved?: DashboardJson;
  rebuild?: (document: DashboardJson) => void;
  reload?: () => void;
}

export function buildScene({ dashboard: opened, file, version }: DashboardDocument, uid: string, { saved, rebuild = () => {}, reload = () => {} }: Building = {}): DashboardScene {
  const dashboard = withIds(opened);
  const { time, timepicker } = dashboard;
  return new DashboardScene({
    key: `dashboard-${uid}`,
    uid,
    title: dashboard.title ?? '',
    document: dashboard,
    saved: saved ?? dashboard,
    version,
    drafts: {},
    rebuild,
    reload,
    file,
    $timeRange: new SceneTimeRange({
      from: time?.from ?? 'now-6h',
      to: time?.to ?? 'now',
      timeZone: dashboard.timezone || 'browser',
      weekStart: dashboard.weekStart || undefined,
      fiscalYearStartMonth: dashboard.fiscalYearStartMonth,
      UNSAFE_nowDelay: timepicker?.nowDelay,
    }),
    $variables: buildVariables(dashboard),
    $data: buildAnnotations(dashboard),
    $behaviors: [
      new behaviors.CursorSync({ sync: dashboard.graphTooltip ?? 0 }),
      new behaviors.SceneQueryController(),
      new behaviors.LiveNowTimer({ enabled: Boolean(dashboard.liveNow) }),
    ],
    timePicker: new SceneTimePicker({ quickRanges: quickRangesOf(timepicker?.quick_ranges), hidePicker: Boolean(timepicker?.hidden) }),
    refreshPicker: new Refresh({
      refresh: dashboard.refresh || '',
      intervals: intervalsWith(dashboard.refresh, timepicker?.refresh_intervals),
      minRefreshInterval: '1s',
    }),
    grid: new DashboardGrid({ source: panelsOf(dashboard) }),
  });
}

/** The picker does not run an interval that it does not offer; what the file says is done. */
function intervalsWith(refresh: unknown, offered: unknown): string[] {
  const intervals = Array.isArray(offered) ? offered : defaultIntervals;
  return typeof refresh === 'string' && refresh && refresh !== 'auto' && !intervals.includes(refresh) ? [refresh, ...intervals] : intervals;
}

function quickRangesOf(ranges: unknown): TimeOption[] | undefined {
  return Array.isArray(ranges) && ranges.length > 0 ? ranges : undefined;
}
