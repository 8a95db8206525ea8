// A panel of the file as an object of the scene: its query, its transformations, its own time, its options.
import { SceneDataTransformer, SceneQueryRunner, SceneVariableSet, LocalValueVariable, VizPanel, type SceneDataProvider } from '@grafana/scenes';
import { standardTransformersRegistry } from '@grafana/data';
import { clickhouse } from '../datasource/clickhouse';
import type { Choice } from './arrange';
import type { PanelJson } from './json';
import { noticesOfPanel } from './notices';
import { PanelFacts } from './PanelFacts';
import { PanelTime } from './panelTime';
import { actions } from './panelActions';
import { panelMenu } from './panelMenu';

export function buildPanel(key: string, json: PanelJson, scoped: Choice[]): VizPanel {
  const timeFrom = json.timeFrom ?? undefined;
  const timeShift = json.timeShift ?? undefined;
  return new VizPanel({
    key,
    pluginId: json.libraryPanel ? 'library-panel' : json.type,
    title: json.title ?? '',
    description: json.description,
    displayMode: json.transparent ? 'transparent' : 'default',
    hoverHeader: !json.title && !timeFrom && !timeShift,
    options: json.options ?? {},
    fieldConfig: { defaults: json.fieldConfig?.defaults ?? {}, overrides: json.fieldConfig?.overrides ?? [] },
    pluginVersion: json.pluginVersion,
    $timeRange: timeFrom || timeShift ? new PanelTime({ timeFrom, timeShift, hidden: Boolean(json.hideTimeOverride) }) : undefined,
    $variables: scoped.length > 0 ? new SceneVariableSet({ variables: scoped.map(localValue) }) : undefined,
    $data: buildData(json),
    menu: panelMenu(),
    // A finger does not hover, and the menu would never show itself.
    showMenuAlways: window.matchMedia('(hover: none)').matches,
    // With it the panel's header tells notices (an answer that was cut) and errors in a list of its own.
    extendPanelContext: (panel, context) => {
      context.onOpenInspector = () => actions(panel).inspect?.();
    },
    titleItems: [new PanelFacts({ notices: noticesOfPanel(json), links: json.links ?? [] })],
  });
}

const localValue = ({ name, value, text }: Choice) => new LocalValueVariable({ name, value, text });

function buildData(json: PanelJson): SceneDataProvider | undefined {
  if (!json.targets?.length) {
    return undefined;
  }
  return new SceneDataTransformer({
    transformations: (json.transformations ?? []).filter(({ id }) => standardTransformersRegistry.getIfExists(id)),
    $data: new SceneQueryRunner({
      datasource: clickhouse.getRef(),
      // Every target asks the one source there is, whatever name the file has for it.
      queries: json.targets.map((target) => ({ ...target, datasource: clickhouse.getRef() })),
      maxDataPoints: json.maxDataPoints ?? undefined,
      maxDataPointsFromWidth: !json.maxDataPoints,
      minInterval: json.interval ?? undefined,
      dataLayerFilter: { panelId: json.id },
    }),
  });
}

/** What a change of these asks for is a new panel; all else can be given to the one that is drawn, with its data. */
const ASKED = ['targets', 'transformations', 'datasource', 'interval', 'maxDataPoints', 'timeFrom', 'timeShift', 'hideTimeOverride', 'libraryPanel', 'links'] as const;

/** Makes a panel show changed JSON without asking anew. False: it has to be built again. */
export function refit(panel: VizPanel, old: PanelJson, json: PanelJson): boolean {
  if (ASKED.some((key) => old[key] !== json[key])) {
    return false;
  }
  panel.setState({
    title: json.title ?? '',
    description: json.description,
    displayMode: json.transparent ? 'transparent' : 'default',
    hoverHeader: !json.title && !panel.state.$timeRange,
  });
  const { titleItems } = panel.state;
  if (Array.isArray(titleItems)) {
    titleItems.filter((item) => item instanceof PanelFacts).forEach((facts) => facts.setState({ notices: noticesOfPanel(json) }));
  }
  const fieldConfig = { defaults: json.fieldConfig?.defaults ?? {}, overrides: json.fieldConfig?.overrides ?? [] };
  if (old.type !== json.type) {
    void panel.changePluginType(json.type, json.options ?? {}, fieldConfig);
  } else {
    if (old.options !== json.options) {
      panel.onOptionsChange(json.options ?? {}, true);
    }
    if (old.fieldConfig !== json.fieldConfig) {
      panel.onFieldConfigChange(fieldConfig, true);
    }
  }
  return true;
}
