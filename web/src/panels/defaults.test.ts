// Our defaults against those that Grafana publishes with its schema package.
import { defaultFieldConfig as barField, defaultOptions as bar } from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import { defaultOptions as bargauge } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import { defaultOptions as gauge } from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import { defaultOptions as heatmap } from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import { defaultFieldConfig as histogramField, defaultOptions as histogram } from '@grafana/schema/dist/esm/raw/composable/histogram/panelcfg/x/HistogramPanelCfg_types.gen';
import { defaultOptions as pie } from '@grafana/schema/dist/esm/raw/composable/piechart/panelcfg/x/PieChartPanelCfg_types.gen';
import { defaultOptions as stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import { defaultFieldConfig as timelineField, defaultOptions as timeline } from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import { defaultFieldConfig as historyField, defaultOptions as history } from '@grafana/schema/dist/esm/raw/composable/statushistory/panelcfg/x/StatusHistoryPanelCfg_types.gen';
import { defaultOptions as table } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import { describe, expect, it } from 'vitest';
import { fields } from './fields';
import { options } from './options';
import type { Spec } from './spec';

/** Looks of Grafana 13's gauge that ours has in one way only. */
const OTHER = new Set(['gauge endpointMarker', 'gauge segmentCount', 'gauge segmentSpacing']);

function flat(value: unknown, path = ''): Array<[string, unknown]> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.entries(value).flatMap(([key, part]) => flat(part, path ? `${path}.${key}` : key))
    : [[path, value]];
}

function compare(type: string, specs: Spec[], theirs: object) {
  for (const [path, value] of flat(theirs)) {
    if (OTHER.has(`${type} ${path}`) || path === 'legend.placement' || path.startsWith('tooltip.yHistogram') || path.startsWith('tooltip.showColorScale')) {
      continue;
    }
    const spec = specs.find((one) => one.path === path);
    expect(spec, `${type} ${path}`).toBeDefined();
    expect(spec!.default, `${type} ${path}`).toEqual(value);
  }
}

describe('defaults are those of Grafana', () => {
  it.each([
    ['barchart', bar], ['bargauge', bargauge], ['gauge', gauge], ['heatmap', heatmap], ['histogram', histogram], ['piechart', pie], ['stat', stat], ['state-timeline', timeline],
    ['status-history', history], ['table', table],
  ] as Array<[string, object]>)('%s', (type, theirs) => compare(type, options[type], theirs));
  it.each([['barchart', barField], ['histogram', histogramField], ['state-timeline', timelineField], ['status-history', historyField]] as Array<[string, object]>)(
    'fields of %s', (type, theirs) => compare(type, fields[type], theirs),
  );
});

it('no option is listed twice', () => {
  for (const list of [...Object.values(options), ...Object.values(fields)]) {
    const paths = list.map((spec) => spec.path);
    expect(new Set(paths).size).toBe(paths.length);
  }
});
