// The custom options of fields, by panel type, under Grafana's names and with its documented defaults.
import { FieldColorModeId, FieldConfigProperty, FieldType, type StandardOptionConfig } from '@grafana/data';
import { forNumbers, type Spec } from './spec';

const AXIS = 'Axis';
const STYLE = 'Style';

const hideFrom: Spec = { path: 'hideFrom', name: 'Hide in', kind: 'kept', default: { tooltip: false, viz: false, legend: false } };

const axis: Spec[] = [
  // The time axis can be hidden too, so this one is for every field.
  { path: 'axisPlacement', name: 'Placement', category: AXIS, kind: 'select', choices: [['auto', 'Auto'], ['left', 'Left'], ['right', 'Right'], ['hidden', 'Hidden']], default: 'auto', types: [FieldType.number, FieldType.time, FieldType.enum, FieldType.boolean, FieldType.string] },
  ...forNumbers([
    { path: 'axisLabel', name: 'Label', category: AXIS, kind: 'text', default: '' },
    { path: 'axisWidth', name: 'Width', category: AXIS, kind: 'number' },
    { path: 'axisColorMode', name: 'Color', category: AXIS, kind: 'radio', choices: [['text', 'Text'], ['series', 'Series']], default: 'text' },
    { path: 'axisBorderShow', name: 'Show border', category: AXIS, kind: 'switch', default: false },
    { path: 'axisCenteredZero', name: 'Zero in the middle', category: AXIS, kind: 'switch', default: false },
    { path: 'axisSoftMin', name: 'Soft min', category: AXIS, kind: 'number' },
    { path: 'axisSoftMax', name: 'Soft max', category: AXIS, kind: 'number' },
    { path: 'scaleDistribution', name: 'Scale', category: AXIS, kind: 'kept', default: { type: 'linear' } },
  ]),
  { path: 'axisGridShow', name: 'Show grid', category: AXIS, kind: 'radio', choices: [[undefined, 'Auto'], [true, 'On'], [false, 'Off']] },
];

const fill = (opacity: number, line: number): Spec[] => [
  { path: 'lineWidth', name: 'Line width', category: STYLE, kind: 'number', min: 0, max: 10, default: line },
  { path: 'fillOpacity', name: 'Fill opacity', category: STYLE, kind: 'number', min: 0, max: 100, default: opacity },
];
const gradient: Spec = { path: 'gradientMode', name: 'Gradient', category: STYLE, kind: 'radio', choices: [['none', 'None'], ['opacity', 'Opacity'], ['hue', 'Hue'], ['scheme', 'Scheme']], default: 'none' };
const stacking: Spec = { path: 'stacking', name: 'Stack', category: STYLE, kind: 'kept', default: { mode: 'none', group: 'A' } };

export const fields: Record<string, Spec[]> = {
  timeseries: [
    ...forNumbers([
      { path: 'drawStyle', name: 'Draw', category: STYLE, kind: 'radio', choices: [['line', 'Lines'], ['bars', 'Bars'], ['points', 'Points']], default: 'line' },
      { path: 'lineInterpolation', name: 'Between points', category: STYLE, kind: 'radio', choices: [['linear', 'Straight'], ['smooth', 'Smooth'], ['stepBefore', 'Step before'], ['stepAfter', 'Step after']], default: 'linear' },
      { path: 'lineStyle', name: 'Line', category: STYLE, kind: 'kept' },
      ...fill(0, 1), gradient,
      { path: 'showPoints', name: 'Show points', category: STYLE, kind: 'radio', choices: [['auto', 'Auto'], ['always', 'Always'], ['never', 'Never']], default: 'auto' },
      { path: 'pointSize', name: 'Point size', category: STYLE, kind: 'number', min: 1, max: 40, default: 5 },
      { path: 'showValues', name: 'Show values', category: STYLE, kind: 'kept', default: false },
      { path: 'spanNulls', name: 'Connect over gaps', category: STYLE, kind: 'radio', choices: [[false, 'Never'], [true, 'Always']], default: false },
      { path: 'barAlignment', name: 'Bar alignment', category: STYLE, kind: 'radio', choices: [[-1, 'Before'], [0, 'Center'], [1, 'After']], default: 0 },
      { path: 'barWidthFactor', name: 'Bar width', category: STYLE, kind: 'number', min: 0.1, max: 1, step: 0.1, default: 0.6 },
      { path: 'barMaxWidth', name: 'Greatest bar width', category: STYLE, kind: 'kept' },
      stacking,
      { path: 'transform', name: 'Transform', category: STYLE, kind: 'radio', choices: [[undefined, 'None'], ['constant', 'Constant'], ['negative-Y', 'Negative']] },
      { path: 'fillBelowTo', name: 'Fill below to', category: STYLE, kind: 'text' },
      { path: 'thresholdsStyle', name: 'Thresholds', category: 'Thresholds', kind: 'kept', default: { mode: 'off' } },
      { path: 'lineColor', name: 'Line color', kind: 'kept' }, { path: 'fillColor', name: 'Fill color', kind: 'kept' }, { path: 'pointColor', name: 'Point color', kind: 'kept' },
    ]),
    { path: 'insertNulls', name: 'Break lines at gaps of', category: STYLE, kind: 'kept', default: false },
    ...axis, hideFrom,
  ],
  barchart: [...forNumbers([...fill(80, 1), gradient, { path: 'thresholdsStyle', name: 'Thresholds', kind: 'kept', default: { mode: 'off' } }]), ...axis, hideFrom],
  histogram: [...forNumbers([...fill(80, 1), gradient, stacking]), ...axis, hideFrom],
  piechart: [hideFrom],
  heatmap: [hideFrom, { path: 'scaleDistribution', name: 'Scale', kind: 'kept', default: { type: 'linear' } }],
  'state-timeline': [...fill(70, 0), { path: 'spanNulls', name: 'Connect over gaps', kind: 'radio', choices: [[false, 'Never'], [true, 'Always']], default: false }, { path: 'insertNulls', name: 'Break at gaps', kind: 'kept', default: false }, axis[0], hideFrom],
  'status-history': [...fill(70, 1), axis[0], hideFrom],
  table: [
    { path: 'width', name: 'Column width', kind: 'number', min: 20 },
    { path: 'minWidth', name: 'Least column width', kind: 'number' },
    { path: 'align', name: 'Alignment', kind: 'radio', choices: [['auto', 'Auto'], ['left', 'Left'], ['center', 'Center'], ['right', 'Right']], default: 'auto' },
    { path: 'cellOptions.type', name: 'Cell', kind: 'select', choices: [['auto', 'Auto'], ['color-text', 'Colored text'], ['color-background', 'Colored background'], ['gauge', 'Gauge'], ['sparkline', 'Sparkline'], ['data-links', 'Links'], ['json-view', 'JSON'], ['pill', 'Pills'], ['markdown', 'Markdown']] },
    { path: 'cellOptions', name: 'Cell', kind: 'kept', default: { type: 'auto' } },
    { path: 'filterable', name: 'Filter', kind: 'switch' },
    { path: 'sortable', name: 'Sort', kind: 'switch' },
    { path: 'inspect', name: 'Inspect values', kind: 'switch', default: false },
    { path: 'wrapText', name: 'Wrap text', kind: 'switch' }, { path: 'wrapHeaderText', name: 'Wrap head', kind: 'switch' },
    { path: 'hidden', name: 'Hide', kind: 'switch' }, { path: 'hideHeader', name: 'Hide head', kind: 'switch' },
    { path: 'footer', name: 'Footer', kind: 'kept' }, { path: 'styleField', name: 'Style from field', kind: 'kept' }, { path: 'tooltip', name: 'Tooltip from field', kind: 'kept' },
    { path: 'displayMode', name: 'Cell (old)', kind: 'kept' }, hideFrom,
  ],
  stat: [hideFrom], gauge: [hideFrom], bargauge: [hideFrom],
};

/** What a panel colours by if the file does not say: series by the palette, single values by thresholds. */
export const standard: Record<string, Partial<Record<FieldConfigProperty, StandardOptionConfig>>> = {
  ...Object.fromEntries(['timeseries', 'barchart', 'histogram', 'piechart'].map((type) => [type, color(FieldColorModeId.PaletteClassic)])),
  'state-timeline': color('continuous-GrYlRd'),
  'status-history': color(FieldColorModeId.Thresholds),
};

function color(mode: string) {
  return { [FieldConfigProperty.Color]: { settings: { byValueSupport: true, bySeriesSupport: true, preferThresholdsMode: false }, defaultValue: { mode } } };
}
