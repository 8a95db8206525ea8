// What a file asks of a panel that we do not draw, so that the page can say so on that panel.
import type { FieldConfigSource } from '@grafana/data';
import { get, isEqual } from 'lodash';
import { fields } from './fields';
import { options as optionSpecs } from './options';

/** Read from files because they are harmless, but the picture is not what Grafana would draw: said if they are set to this. */
const NOT_DRAWN: Record<string, Array<[path: string, when: (value: unknown) => boolean]>> = {
  timeseries: [['options.timeCompare', Boolean], ['options.orientation', (v) => v === 'vertical'], ['custom.pointSymbol', Boolean], ['custom.showValues', Boolean]],
  gauge: [['options.segmentCount', (v) => Number(v) > 1], ['options.neutral', (v) => v != null]],
  barchart: [['options.fullHighlight', Boolean], ['custom.gradientMode', (v) => v === 'scheme'], ['custom.thresholdsStyle.mode', on]],
  histogram: [['custom.gradientMode', (v) => v === 'scheme']],
  heatmap: [['options.tooltip.yHistogram', Boolean], ['options.rowsFrame.yBucketScale', (v) => v != null], ['options.selectionMode', (v) => v === 'y' || v === 'xy']],
  'state-timeline': [['custom.insertNulls', Boolean], ['options.tooltip.mode', (v) => v === 'multi']],
  'status-history': [['options.tooltip.mode', (v) => v === 'multi']],
  table: [['custom.cellOptions.type', (v) => ['image', 'geo', 'actions', 'custom'].includes(String(v))]],
  text: [['options.renderMode', (v) => v === 'perRow']],
  logs: [
    ['options.displayedFields', (v) => Array.isArray(v) && v.length > 0], ['options.enableInfiniteScrolling', Boolean], ['options.showLogContextToggle', Boolean], ['options.timestampResolution', (v) => v === 'ns'],
  ],
};

/** Options without an effect on the picture, or with one that our default look has anyway. */
const SILENT = new Set([
  'legend.asTable', 'legend.isVisible', 'legend.enableFacetedFilter', 'legend.facetedFilterPinned', 'disableKeyboardEvents', 'annotations', 'effects', 'endpointMarker', 'segmentCount', 'segmentSpacing', 'neutral',
  'tooltip.maxWidth', 'tooltip.maxHeight', 'tooltip.hoverProximity', 'tooltip.hideZeros', 'tooltip.sort', 'tooltip.showColorScale', 'tooltip.yHistogram', 'timeCompare', 'orientation', 'renderMode', 'footer', 'timezone',
  'legend.placement', 'legend.width', 'legend.showLegend', 'legend.displayMode', 'legend.calcs', 'text', 'allowDownload', 'controlsStorageKey', 'noInteractions', 'rowsFrame.yBucketScale', 'yAxis.axisColorMode', 'yAxis.axisGridShow',
  'yAxis.axisBorderShow', 'yAxis.axisCenteredZero', 'yAxis.scaleDistribution', 'yAxis.axisSoftMin', 'yAxis.axisSoftMax', 'calculation.xBuckets.scale', 'reduceOptions', 'sizing', 'valueMode', 'xTickLabelSpacing',
]);
const SILENT_FIELDS = new Set(['barAlignment', 'pointSymbol', 'axisGridShow', 'fillOpacity', 'lineWidth', 'showValues', 'hideFrom', 'align', 'inspect', 'thresholdsStyle', 'axisPlacement', 'axisLabel', 'axisColorMode', 'axisCenteredZero', 'scaleDistribution', 'gradientMode', 'axisBorderShow', 'axisSoftMin', 'axisSoftMax', 'axisWidth', 'insertNulls', 'spanNulls', 'stacking']);

function on(value: unknown): boolean {
  return value != null && value !== 'off' && value !== 'none' && value !== false;
}

/** Nothing was asked for: unset, switched off, empty. */
function idle(value: unknown): boolean {
  return !on(value) || value === '' || value === 0 || (typeof value === 'object' && Object.values(value as object).every(idle));
}

/** Names of the options that a file uses and we do not draw, as they stand in the file. */
export function unsupported(type: string, options: unknown, fieldConfig: Partial<FieldConfigSource> | undefined): string[] {
  const known = optionSpecs[type];
  if (!known) {
    return [];
  }
  const out = new Set<string>();
  const paths = known.map((spec) => spec.path);
  const walk = (value: unknown, path: string) => {
    if (idle(value) || SILENT.has(path) || paths.includes(path) || paths.some((one) => path.startsWith(`${one}.`))) {
      return;
    }
    const inner = paths.some((one) => one.startsWith(`${path}.`)) || [...SILENT].some((one) => one.startsWith(`${path}.`));
    if (inner && typeof value === 'object') {
      Object.entries(value as object).forEach(([key, part]) => walk(part, `${path}.${key}`));
    } else {
      out.add(`options.${path}`);
    }
  };
  Object.entries((options ?? {}) as object).forEach(([key, value]) => walk(value, key));

  const custom = fields[type] ?? [];
  const field = (key: string, value: unknown) => {
    const spec = custom.find((one) => one.path === key);
    if (!spec && !SILENT_FIELDS.has(key) && !idle(value)) {
      out.add(`custom.${key}`);
    }
  };
  const sets: Array<Record<string, unknown>> = [(fieldConfig?.defaults?.custom ?? {}) as Record<string, unknown>];
  for (const override of fieldConfig?.overrides ?? []) {
    for (const { id, value } of override.properties ?? []) {
      if (String(id).startsWith('custom.')) {
        sets.push({ [String(id).slice('custom.'.length)]: value });
      }
    }
  }
  sets.forEach((set) => Object.entries(set).forEach(([key, value]) => field(key, value)));
  for (const [path, when] of NOT_DRAWN[type] ?? []) {
    const rest = path.slice(path.indexOf('.') + 1);
    const found = path.startsWith('options.') ? [get(options, rest)] : sets.map((set) => get(set, rest));
    if (found.some((value) => value !== undefined && when(value))) {
      out.add(path);
    }
  }
  // A value that is the default anyway asks for nothing.
  return [...out].filter((path) => {
    const spec = path.startsWith('options.') ? known.find((one) => `options.${one.path}` === path) : undefined;
    return !(spec && isEqual(get(options, spec.path), spec.default));
  }).sort();
}
