// The options of each panel type under Grafana's names, with the defaults that Grafana documents.
import type { Choice, Spec } from './spec';

const LEGEND = 'Legend';
const TOOLTIP = 'Tooltip';
const SORT: Choice[] = [['none', 'None'], ['asc', 'Ascending'], ['desc', 'Descending']];
const ORIENTATION: Choice[] = [['auto', 'Auto'], ['horizontal', 'Horizontal'], ['vertical', 'Vertical']];
const VISIBILITY: Choice[] = [['auto', 'Auto'], ['always', 'Always'], ['never', 'Never']];

const legend = (calcs: boolean, show = true): Spec[] => [
  { path: 'legend.showLegend', name: 'Show', category: LEGEND, kind: 'switch', default: show },
  { path: 'legend.displayMode', name: 'Mode', category: LEGEND, kind: 'radio', choices: [['list', 'List'], ['table', 'Table']], default: 'list' },
  { path: 'legend.placement', name: 'Placement', category: LEGEND, kind: 'radio', choices: [['bottom', 'Bottom'], ['right', 'Right']], default: 'bottom' },
  { path: 'legend.calcs', name: 'Values', category: LEGEND, kind: calcs ? 'calcs' : 'kept', default: [] },
  { path: 'legend.width', name: 'Width', category: LEGEND, kind: 'number' },
  { path: 'legend.limit', name: 'Limit', category: LEGEND, kind: 'number' },
  { path: 'legend.sortBy', name: 'Sort by', category: LEGEND, kind: 'kept' },
  { path: 'legend.sortDesc', name: 'Sort descending', category: LEGEND, kind: 'kept' },
  { path: 'legend.overflow', name: 'Overflow', category: LEGEND, kind: 'kept' },
];

const tooltip = (multi: boolean): Spec[] => [
  { path: 'tooltip.mode', name: 'Mode', category: TOOLTIP, kind: 'radio', choices: [['single', 'Single'], ...(multi ? [['multi', 'All'] as Choice] : []), ['none', 'Hidden']], default: 'single' },
  { path: 'tooltip.sort', name: 'Order of values', category: TOOLTIP, kind: multi ? 'radio' : 'kept', choices: SORT, default: 'none' },
  { path: 'tooltip.hideZeros', name: 'Hide zeros', category: TOOLTIP, kind: multi ? 'switch' : 'kept', default: false },
];
const tooltipSize: Spec[] = [
  { path: 'tooltip.maxWidth', name: 'Greatest width', category: TOOLTIP, kind: 'number' },
  { path: 'tooltip.maxHeight', name: 'Greatest height', category: TOOLTIP, kind: 'number' },
];

const VALUES = 'Values';
const reduce = (orientation = true): Spec[] => [
  { path: 'reduceOptions.values', name: 'Show', category: VALUES, kind: 'radio', choices: [[false, 'Calculate'], [true, 'All values']], default: false },
  { path: 'reduceOptions.limit', name: 'Limit of rows', category: VALUES, kind: 'number' },
  { path: 'reduceOptions.calcs', name: 'Calculation', category: VALUES, kind: 'calcs', default: ['lastNotNull'] },
  { path: 'reduceOptions.fields', name: 'Fields', category: VALUES, kind: 'text', default: '' },
  ...(orientation ? [{ path: 'orientation', name: 'Orientation', category: VALUES, kind: 'radio', choices: ORIENTATION, default: 'auto' } satisfies Spec] : []),
];
const textSize: Spec[] = [
  { path: 'text.titleSize', name: 'Title size', category: 'Text size', kind: 'number' },
  { path: 'text.valueSize', name: 'Value size', category: 'Text size', kind: 'number' },
];
const sizing = (width: number, height: number): Spec[] => [
  { path: 'sizing', name: 'Size', kind: 'radio', choices: [['auto', 'Auto'], ['manual', 'By hand']], default: 'auto' },
  { path: 'minVizWidth', name: 'Least width', kind: 'number', default: width },
  { path: 'minVizHeight', name: 'Least height', kind: 'number', default: height },
];

const state = (timeline: boolean): Spec[] => [
  ...(timeline
    ? [
      { path: 'mergeValues', name: 'Merge equal values', kind: 'switch', default: true },
      { path: 'alignValue', name: 'Align values', kind: 'radio', choices: [['left', 'Left'], ['center', 'Center'], ['right', 'Right']], default: 'left' },
    ] satisfies Spec[]
    : [{ path: 'colWidth', name: 'Column width', kind: 'number', min: 0, max: 1, step: 0.01, default: 0.9 }] satisfies Spec[]),
  { path: 'showValue', name: 'Show values', kind: 'radio', choices: VISIBILITY, default: 'auto' },
  { path: 'rowHeight', name: 'Row height', kind: 'number', min: 0, max: 1, step: 0.01, default: 0.9 },
  { path: 'perPage', name: 'Rows on a page', kind: 'number', default: 20 },
  ...legend(false), ...tooltip(false),
];

export const options: Record<string, Spec[]> = {
  timeseries: [...legend(true), ...tooltip(true), ...tooltipSize, { path: 'timezone', name: 'Time zones', category: 'Axis', kind: 'kept' }],
  stat: [
    ...reduce(),
    { path: 'graphMode', name: 'Trend', kind: 'radio', choices: [['none', 'None'], ['area', 'Area'], ['line', 'Line']], default: 'area' },
    { path: 'colorMode', name: 'Color', kind: 'select', choices: [['none', 'None'], ['value', 'Value'], ['background', 'Background'], ['background_solid', 'Background, plain']], default: 'value' },
    { path: 'textMode', name: 'Text', kind: 'select', choices: [['auto', 'Auto'], ['value', 'Value'], ['value_and_name', 'Value and name'], ['name', 'Name'], ['none', 'None']], default: 'auto' },
    { path: 'justifyMode', name: 'Alignment', kind: 'radio', choices: [['auto', 'Auto'], ['center', 'Center']], default: 'auto' },
    { path: 'wideLayout', name: 'Wide layout', kind: 'switch', default: true },
    { path: 'showPercentChange', name: 'Show change in percent', kind: 'switch', default: false },
    { path: 'percentChangeColorMode', name: 'Color of the change', kind: 'select', choices: [['standard', 'Standard'], ['inverted', 'Inverted'], ['same_as_value', 'As the value']], default: 'standard' },
    ...textSize,
  ],
  gauge: [
    ...reduce(),
    { path: 'shape', name: 'Shape', kind: 'radio', choices: [['gauge', 'Open'], ['circle', 'Circle']], default: 'gauge' },
    { path: 'barWidthFactor', name: 'Bar width', kind: 'number', min: 0.1, max: 1, step: 0.01, default: 0.5 },
    { path: 'barShape', name: 'Bar ends', kind: 'radio', choices: [['flat', 'Flat'], ['rounded', 'Round']], default: 'flat' },
    { path: 'showThresholdMarkers', name: 'Show thresholds', kind: 'switch', default: true },
    { path: 'showThresholdLabels', name: 'Label thresholds', kind: 'switch', default: false },
    { path: 'sparkline', name: 'Show trend', kind: 'switch', default: true },
    { path: 'textMode', name: 'Text', kind: 'select', choices: [['auto', 'Auto'], ['value', 'Value'], ['value_and_name', 'Value and name'], ['name', 'Name'], ['none', 'None']], default: 'auto' },
    ...sizing(75, 75), ...textSize,
  ],
  bargauge: [
    ...reduce(),
    { path: 'displayMode', name: 'Look', kind: 'radio', choices: [['gradient', 'Gradient'], ['lcd', 'Cells'], ['basic', 'Plain']], default: 'gradient' },
    { path: 'valueMode', name: 'Value', kind: 'radio', choices: [['color', 'In color'], ['text', 'As text'], ['hidden', 'Hidden']], default: 'color' },
    { path: 'namePlacement', name: 'Names', kind: 'radio', choices: [['auto', 'Auto'], ['top', 'Top'], ['left', 'Left'], ['hidden', 'Hidden']], default: 'auto' },
    { path: 'showUnfilled', name: 'Show the rest', kind: 'switch', default: true },
    ...sizing(8, 16), { path: 'maxVizHeight', name: 'Greatest height', kind: 'number', default: 300 }, ...textSize,
  ],
  table: [
    { path: 'showHeader', name: 'Show head', kind: 'switch', default: true },
    { path: 'cellHeight', name: 'Cell height', kind: 'radio', choices: [['sm', 'Small'], ['md', 'Medium'], ['lg', 'Large'], ['auto', 'Auto']], default: 'sm' },
    { path: 'enablePagination', name: 'Pages', kind: 'switch', default: false },
    { path: 'pageSize', name: 'Rows on a page', kind: 'number' },
    { path: 'maxRowHeight', name: 'Greatest row height', kind: 'number' },
    { path: 'frozenColumns.left', name: 'Frozen columns', kind: 'number', default: 0 },
    { path: 'showTypeIcons', name: 'Type icons', kind: 'switch', default: false },
    { path: 'sortBy', name: 'Sort', kind: 'kept', default: [] },
    { path: 'frameIndex', name: 'Result', kind: 'kept', default: 0 },
    { path: 'disableKeyboardEvents', name: 'No keyboard', kind: 'kept' },
    { path: 'footer', name: 'Footer (old)', kind: 'kept' },
  ],
  barchart: [
    { path: 'xField', name: 'Categories', kind: 'fieldName' },
    { path: 'orientation', name: 'Orientation', kind: 'radio', choices: ORIENTATION, default: 'auto' },
    { path: 'stacking', name: 'Stack', kind: 'radio', choices: [['none', 'Off'], ['normal', 'Normal'], ['percent', '100%']], default: 'none' },
    { path: 'showValue', name: 'Show values', kind: 'radio', choices: VISIBILITY, default: 'auto' },
    { path: 'groupWidth', name: 'Group width', kind: 'number', min: 0, max: 1, step: 0.01, default: 0.7 },
    { path: 'barWidth', name: 'Bar width', kind: 'number', min: 0, max: 1, step: 0.01, default: 0.97 },
    { path: 'barRadius', name: 'Bar radius', kind: 'number', min: 0, max: 0.5, step: 0.05, default: 0 },
    { path: 'xTickLabelRotation', name: 'Turn labels', kind: 'number', min: -90, max: 90, step: 15, default: 0 },
    { path: 'xTickLabelMaxLength', name: 'Label length', kind: 'number' },
    { path: 'xTickLabelSpacing', name: 'Label spacing', kind: 'number', default: 0 },
    { path: 'colorByField', name: 'Color by field', kind: 'fieldName' },
    { path: 'fullHighlight', name: 'Highlight the whole area', kind: 'kept', default: false },
    { path: 'text.valueSize', name: 'Value size', category: 'Text size', kind: 'number' },
    ...legend(true), ...tooltip(true),
  ],
  piechart: [
    ...reduce(false),
    { path: 'pieType', name: 'Type', kind: 'radio', choices: [['pie', 'Pie'], ['donut', 'Ring']], default: 'pie' },
    { path: 'sort', name: 'Order of slices', kind: 'radio', choices: [['desc', 'Descending'], ['asc', 'Ascending'], ['none', 'None']], default: 'desc' },
    { path: 'displayLabels', name: 'Labels', kind: 'multi', choices: [['percent', 'Percent'], ['name', 'Name'], ['value', 'Value']], default: [] },
    ...legend(false),
    { path: 'legend.values', name: 'Values', category: LEGEND, kind: 'multi', choices: [['percent', 'Percent'], ['value', 'Value']], default: [] },
    ...tooltip(true),
  ],
  heatmap: [
    { path: 'calculate', name: 'Calculate from data', kind: 'switch', default: false },
    { path: 'calculation.xBuckets.mode', name: 'X buckets', category: 'Buckets', kind: 'radio', choices: [['size', 'Size'], ['count', 'Count']] },
    { path: 'calculation.xBuckets.value', name: 'X size or count', category: 'Buckets', kind: 'text' },
    { path: 'calculation.yBuckets.mode', name: 'Y buckets', category: 'Buckets', kind: 'radio', choices: [['size', 'Size'], ['count', 'Count']] },
    { path: 'calculation.yBuckets.value', name: 'Y size or count', category: 'Buckets', kind: 'text' },
    { path: 'calculation.yBuckets.scale.type', name: 'Y scale', category: 'Buckets', kind: 'radio', choices: [['linear', 'Linear'], ['log', 'Logarithmic']] },
    { path: 'calculation.yBuckets.scale.log', name: 'Base', category: 'Buckets', kind: 'number' },
    { path: 'calculation.xBuckets.scale', name: 'X scale', category: 'Buckets', kind: 'kept' },
    { path: 'rowsFrame.layout', name: 'Bounds', category: 'Buckets', kind: 'radio', choices: [['auto', 'Auto'], ['le', 'Upper'], ['ge', 'Lower'], ['unknown', 'Names']], default: 'auto' },
    { path: 'rowsFrame.value', name: 'Value name', kind: 'kept' },
    { path: 'color.mode', name: 'Mode', category: 'Colors', kind: 'radio', choices: [['scheme', 'Scheme'], ['opacity', 'Opacity']], default: 'scheme' },
    { path: 'color.scheme', name: 'Scheme', category: 'Colors', kind: 'select', choices: ['Oranges', 'Blues', 'Greens', 'Reds', 'Purples', 'Greys', 'Viridis', 'Magma', 'Inferno', 'Plasma', 'Turbo', 'YlOrRd', 'YlGnBu', 'RdYlGn', 'Spectral'].map((name): Choice => [name, name]), default: 'Oranges' },
    { path: 'color.fill', name: 'Color', category: 'Colors', kind: 'text', default: 'dark-orange' },
    { path: 'color.scale', name: 'Scale', category: 'Colors', kind: 'radio', choices: [['exponential', 'Exponential'], ['linear', 'Linear']], default: 'exponential' },
    { path: 'color.exponent', name: 'Exponent', category: 'Colors', kind: 'number', default: 0.5 },
    { path: 'color.steps', name: 'Steps', category: 'Colors', kind: 'number', min: 2, max: 128, default: 64 },
    { path: 'color.reverse', name: 'Reverse', category: 'Colors', kind: 'switch', default: false },
    { path: 'color.min', name: 'From', category: 'Colors', kind: 'number' },
    { path: 'color.max', name: 'To', category: 'Colors', kind: 'number' },
    { path: 'filterValues.le', name: 'Hide values up to', category: 'Colors', kind: 'number', default: 1e-9 },
    { path: 'filterValues.ge', name: 'Hide values from', category: 'Colors', kind: 'number' },
    { path: 'cellGap', name: 'Gap', category: 'Cells', kind: 'number', min: 0, max: 25, default: 1 },
    { path: 'cellRadius', name: 'Radius', category: 'Cells', kind: 'number', min: 0, max: 100 },
    { path: 'showValue', name: 'Show values', category: 'Cells', kind: 'radio', choices: VISIBILITY, default: 'auto' },
    { path: 'cellValues.unit', name: 'Unit', category: 'Cells', kind: 'text' },
    { path: 'cellValues.decimals', name: 'Decimals', category: 'Cells', kind: 'number' },
    { path: 'yAxis.axisPlacement', name: 'Placement', category: 'Y axis', kind: 'radio', choices: [['left', 'Left'], ['right', 'Right'], ['hidden', 'Hidden']], default: 'left' },
    { path: 'yAxis.axisLabel', name: 'Label', category: 'Y axis', kind: 'text' },
    { path: 'yAxis.axisWidth', name: 'Width', category: 'Y axis', kind: 'number' },
    { path: 'yAxis.unit', name: 'Unit', category: 'Y axis', kind: 'text' },
    { path: 'yAxis.decimals', name: 'Decimals', category: 'Y axis', kind: 'number' },
    { path: 'yAxis.min', name: 'Min', category: 'Y axis', kind: 'number' },
    { path: 'yAxis.max', name: 'Max', category: 'Y axis', kind: 'number' },
    { path: 'yAxis.reverse', name: 'Reverse', category: 'Y axis', kind: 'switch', default: false },
    { path: 'legend.show', name: 'Show', category: LEGEND, kind: 'switch', default: true },
    { path: 'tooltip.mode', name: 'Mode', category: TOOLTIP, kind: 'radio', choices: [['single', 'Single'], ['none', 'Hidden']], default: 'single' },
    { path: 'tooltip.show', name: 'Show (old)', category: TOOLTIP, kind: 'kept' },
    { path: 'exemplars.color', name: 'Exemplars', kind: 'kept', default: 'rgba(255,0,255,0.7)' },
    { path: 'selectionMode', name: 'Selection', kind: 'kept', default: 'x' },
  ],
  histogram: [
    { path: 'bucketCount', name: 'Bucket count', kind: 'number', default: 30 },
    { path: 'bucketSize', name: 'Bucket size', kind: 'number' },
    { path: 'bucketOffset', name: 'Bucket offset', kind: 'number', default: 0 },
    { path: 'combine', name: 'Combine series', kind: 'switch', default: false },
    ...legend(false), ...tooltip(true),
  ],
  'state-timeline': state(true),
  'status-history': state(false),
  text: [
    { path: 'mode', name: 'Mode', kind: 'radio', choices: [['markdown', 'Markdown'], ['html', 'HTML'], ['code', 'Code']], default: 'markdown' },
    { path: 'content', name: 'Content', kind: 'textarea', default: '' },
    { path: 'code.language', name: 'Language', kind: 'kept', default: 'plaintext' },
    { path: 'code.showLineNumbers', name: 'Line numbers', kind: 'switch', default: false },
    { path: 'code.showMiniMap', name: 'Mini map', kind: 'kept', default: false },
  ],
  logs: [
    { path: 'showTime', name: 'Time', kind: 'switch', default: false },
    { path: 'showLabels', name: 'Labels', kind: 'switch', default: false },
    { path: 'showCommonLabels', name: 'Common labels', kind: 'switch', default: false },
    { path: 'wrapLogMessage', name: 'Wrap lines', kind: 'switch', default: false },
    { path: 'prettifyLogMessage', name: 'Format JSON', kind: 'switch', default: false },
    { path: 'enableLogDetails', name: 'Details', kind: 'switch', default: true },
    { path: 'dedupStrategy', name: 'Join repeats', kind: 'radio', choices: [['none', 'None'], ['exact', 'Exact'], ['numbers', 'Numbers'], ['signature', 'Signature']], default: 'none' },
    { path: 'sortOrder', name: 'Order', kind: 'radio', choices: [['Descending', 'Newest first'], ['Ascending', 'Oldest first']], default: 'Descending' },
    { path: 'fontSize', name: 'Font size', kind: 'radio', choices: [['default', 'Default'], ['small', 'Small']], default: 'default' },
    { path: 'showLogContextToggle', name: 'Context', kind: 'kept', default: false },
    { path: 'enableInfiniteScrolling', name: 'Endless', kind: 'kept', default: false },
    { path: 'showControls', name: 'Controls', kind: 'kept' }, { path: 'showFieldSelector', name: 'Fields', kind: 'kept' }, { path: 'showLogAttributes', name: 'Attributes', kind: 'kept' },
    { path: 'showLevel', name: 'Level', kind: 'kept' }, { path: 'detailsMode', name: 'Details', kind: 'kept' }, { path: 'timestampResolution', name: 'Time in', kind: 'kept' },
    { path: 'syntaxHighlighting', name: 'Highlighting', kind: 'kept' }, { path: 'unwrappedColumns', name: 'Columns', kind: 'kept' }, { path: 'displayedFields', name: 'Fields', kind: 'kept', default: [] },
  ],
  'millrace-funnel-panel': [
    { path: 'orientation', name: 'Orientation', kind: 'radio', choices: ORIENTATION, default: 'auto' },
    { path: 'showTime', name: 'Show time to convert', kind: 'switch', default: true },
    { path: 'stepField', name: 'Steps', category: 'Fields', kind: 'fieldName' },
    { path: 'peopleField', name: 'People', category: 'Fields', kind: 'fieldName' },
    { path: 'timeField', name: 'Median seconds', category: 'Fields', kind: 'fieldName' },
    { path: 'groupField', name: 'Group', category: 'Fields', kind: 'fieldName' },
  ],
  'millrace-retention-panel': [
    { path: 'show', name: 'Show', kind: 'radio', choices: [['share', 'Share'], ['people', 'People']], default: 'share' },
    { path: 'periodName', name: 'Name of a period', kind: 'text', default: 'Week' },
    { path: 'showAverages', name: 'Averages', kind: 'switch', default: true },
    { path: 'color', name: 'Color', kind: 'text', default: 'blue' },
    { path: 'cohortField', name: 'Cohort', category: 'Fields', kind: 'fieldName' },
    { path: 'sizeField', name: 'Size', category: 'Fields', kind: 'fieldName' },
    { path: 'periodField', name: 'Period', category: 'Fields', kind: 'fieldName' },
    { path: 'valueField', name: 'People or share', category: 'Fields', kind: 'fieldName' },
  ],
};
