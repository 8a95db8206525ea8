// Fixed data for golden pictures: the same numbers at every run, times in UTC.
import { type DataFrame, dateTime, FieldType, type FieldConfigSource, type TimeRange, toDataFrame } from '@grafana/data';

export interface Case { type: string; title: string; series: DataFrame[]; annotations?: DataFrame[]; options?: object; fieldConfig?: Partial<FieldConfigSource> }

const START = Date.UTC(2026, 0, 15, 6, 7);
const HOURS = 6;
export const range: TimeRange = (() => {
  const [from, to] = [dateTime(START), dateTime(START + HOURS * 3_600_000)];
  return { from, to, raw: { from, to } };
})();

/** Numbers that look measured but never change. */
function wave(n: number, seed: number, base: number, swing: number): number[] {
  let state = seed * 2654435761;
  return Array.from({ length: n }, (_, i) => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return Math.max(0, base + swing * Math.sin(i / 9 + seed) + (swing / 3) * (state / 4294967296 - 0.5));
  });
}

const times = (n: number) => Array.from({ length: n }, (_, i) => START + Math.round((i * HOURS * 3_600_000) / n));
const time = (values: number[]) => ({ name: 'time', type: FieldType.time, values });
const num = (name: string, values: unknown[], config: object = {}) => ({ name, type: FieldType.number, values, config });
const str = (name: string, values: unknown[]) => ({ name, type: FieldType.string, values });
const frame = (...fields: object[]) => toDataFrame({ fields });
const defaults = (config: object, overrides: FieldConfigSource['overrides'] = []): Partial<FieldConfigSource> => ({ defaults: config, overrides });

const latency = () => frame(time(times(180)), num('p50', wave(180, 1, 40, 12)), num('p95', wave(180, 2, 110, 30)), num('p99', wave(180, 3, 190, 50)));
const events = () => frame(time(times(36)), num('web', wave(36, 4, 900, 260)), num('ios', wave(36, 5, 600, 160)), num('android', wave(36, 6, 420, 120)));
const gaps = () => {
  const values: Array<number | null> = wave(90, 7, 60, 25).map((v, i) => (i > 30 && i < 42 ? null : v));
  return frame(time(times(90)), num('rows/s', values), num('lag', wave(90, 8, 3, 2)));
};
const annotation = (): DataFrame[] => [frame(
  time([START + 4_000_000, START + 12_000_000]), { name: 'timeEnd', type: FieldType.time, values: [null, START + 15_000_000] },
  str('title', ['Deploy 1.8', 'Incident 42']), str('text', ['api', 'Queue <b>full</b>']), { name: 'tags', type: FieldType.other, values: [['deploy'], ['incident']] }, str('color', ['blue', 'red']),
)];
const numbers = () => frame(time(times(60)), num('Orders', wave(60, 9, 320, 60)), num('Revenue', wave(60, 10, 18400, 3000), { unit: 'currencyUSD' }), num('Errors', wave(60, 11, 0.011, 0.004), { unit: 'percentunit' }));
const endpoints = () => frame(str('endpoint', ['/cart', '/checkout', '/login', '/search', '/items/:id']), num('p95', [92, 184, 61, 240, 118]), num('p99', [160, 420, 98, 510, 231]));
const shop = () => frame(
  time(times(24)), str('customer', Array.from({ length: 24 }, (_, i) => ['Ada Lovelace', 'Grace Hopper', '<img src=x onerror=alert(1)>', 'Alan Turing'][i % 4])),
  num('amount', wave(24, 12, 80, 50)), num('load', wave(24, 13, 55, 40)), str('state', Array.from({ length: 24 }, (_, i) => ['paid', 'refunded', 'open'][i % 3])),
  { name: 'meta', type: FieldType.other, values: Array.from({ length: 24 }, (_, i) => ({ id: i, tags: ['a', 'b'] })) },
);
const mapping = [{ type: 'value', options: { ok: { color: 'green', index: 0, text: 'OK' }, slow: { color: 'orange', index: 1, text: 'Slow' }, down: { color: 'red', index: 2, text: 'Down' } } }];
const states = () => frame(time(times(24)), ...['api', 'worker', 'database'].map((name, k) => str(name, Array.from({ length: 24 }, (_, i) => (k === 1 && i > 14 && i < 18 ? 'down' : (i * (k + 3)) % 7 === 0 ? 'slow' : 'ok')))));
const buckets = () => frame(time(times(48)), ...['10', '25', '50', '100', '250', '500', '+Inf'].map((name, k) => num(name, wave(48, 20 + k, 60 * Math.exp(-((k - 2.4) ** 2) / 3), 20 * Math.exp(-((k - 2.4) ** 2) / 3)).map(Math.round))));
const steps = () => frame(str('step', ['Visit', 'View item', 'Add to cart', 'Check out', 'Pay']), num('people', [12480, 7312, 2904, 1610, 1244]), num('median_seconds', [0, 42, 310, 95, 61]));
const grouped = () => frame(
  str('step', ['Visit', 'Visit', 'Cart', 'Cart', 'Pay', 'Pay']), str('device', ['web', 'app', 'web', 'app', 'web', 'app']), num('people', [8000, 4480, 1700, 1204, 640, 604]),
);
const cohorts = () => {
  const rows: Array<[number, number, number, number]> = [];
  for (let c = 0; c < 9; c++) {
    const size = 900 + ((c * 137) % 400);
    for (let p = 0; p < 9 - c; p++) {
      rows.push([Date.UTC(2025, 10, 3) + c * 7 * 86_400_000, size, p, p === 0 ? size : Math.round(size * (0.46 / p ** 0.55) * (1 + ((c * 31 + p * 17) % 9) / 60))]);
    }
  }
  return frame({ name: 'cohort', type: FieldType.time, values: rows.map((r) => r[0]) }, num('size', rows.map((r) => r[1])), num('week', rows.map((r) => r[2])), num('people', rows.map((r) => r[3])));
};
const log = () => frame(
  time(times(14)), str('level', ['info', 'info', 'warn', 'error', 'debug', 'info', 'info', 'fatal', 'info', 'trace', 'info', 'warn', 'info', 'info']),
  str('body', ['GET /cart 200 12 ms', 'GET /items/7 200 8 ms', 'slow query took 812 ms', 'payment failed: card declined for <script>alert(1)</script>', 'pool has 3 idle connections', 'GET /login 200 5 ms', '{"msg":"order paid","id":81,"amount":42.5}', 'out of memory', 'GET / 200 3 ms', 'span closed', 'POST /orders 201 31 ms', 'retrying in 2 s', 'GET /search?q=tea 200 44 ms', 'GET /cart 304 2 ms']),
  str('service', Array(14).fill('shop')), str('pod', Array.from({ length: 14 }, (_, i) => `shop-${i % 3}`)),
);

const away = () => frame({ ...time(times(20).map((t) => t - 86_400_000)) }, num('v', wave(20, 1, 40, 12)));

const right = { legend: { showLegend: true, displayMode: 'table', placement: 'right', calcs: ['mean', 'max'] } };
const thresholds = { mode: 'absolute', steps: [{ value: -Infinity, color: 'green' }, { value: 60, color: 'orange' }, { value: 85, color: 'red' }] };

export const cases: Record<string, () => Case> = {
  timeseries: () => ({ type: 'timeseries', title: 'Latency', series: [latency()], annotations: annotation(), options: { tooltip: { mode: 'multi', sort: 'desc' } }, fieldConfig: defaults({ unit: 'ms', custom: { fillOpacity: 10 } }) }),
  'timeseries-stacked': () => ({ type: 'timeseries', title: 'Events by platform', series: [events()], options: right, fieldConfig: defaults({ unit: 'short', custom: { drawStyle: 'bars', fillOpacity: 80, stacking: { mode: 'normal', group: 'A' } } }) }),
  'timeseries-axes': () => ({ type: 'timeseries', title: 'Rate and lag', series: [gaps()], fieldConfig: defaults({ unit: 'ops', custom: { lineInterpolation: 'smooth', lineWidth: 2, fillOpacity: 20, gradientMode: 'opacity' } }, [{ matcher: { id: 'byName', options: 'lag' }, properties: [{ id: 'unit', value: 's' }, { id: 'custom.axisPlacement', value: 'right' }, { id: 'custom.axisLabel', value: 'lag' }, { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 6] } }, { id: 'custom.fillOpacity', value: 0 }] }]) }),
  'timeseries-percent': () => ({ type: 'timeseries', title: 'Share by platform', series: [events()], fieldConfig: defaults({ custom: { fillOpacity: 60, stacking: { mode: 'percent', group: 'A' }, lineInterpolation: 'stepAfter' } }) }),
  'timeseries-thresholds': () => ({ type: 'timeseries', title: 'Load', series: [frame(time(times(120)), num('load', wave(120, 14, 60, 30)))], fieldConfig: defaults({ unit: 'percent', min: 0, max: 110, thresholds, color: { mode: 'thresholds' }, custom: { thresholdsStyle: { mode: 'dashed+area' }, gradientMode: 'scheme', showPoints: 'never', lineWidth: 2 } }) }),
  'timeseries-log': () => ({ type: 'timeseries', title: 'Log scale', series: [frame(time(times(60)), num('a', wave(60, 1, 5, 4)), num('b', wave(60, 2, 900, 700)))], fieldConfig: defaults({ custom: { scaleDistribution: { type: 'log', log: 10 }, drawStyle: 'points', pointSize: 4 } }) }),
  'timeseries-outside': () => ({ type: 'timeseries', title: 'Yesterday', series: [away()] }),
  stat: () => ({ type: 'stat', title: 'Today', series: [numbers()] }),
  'stat-background': () => ({ type: 'stat', title: 'Today', series: [numbers()], options: { colorMode: 'background', graphMode: 'none', showPercentChange: true, textMode: 'value_and_name' } }),
  gauge: () => ({ type: 'gauge', title: 'Disk and memory', series: [frame(time(times(30)), num('Disk', wave(30, 3, 58, 20)), num('Memory', wave(30, 4, 88, 10)))], fieldConfig: defaults({ unit: 'percent', min: 0, max: 100, thresholds }) }),
  'gauge-one': () => ({ type: 'gauge', title: 'Disk', series: [frame(time([START]), num('Disk', [67.4]))], options: { showThresholdLabels: true }, fieldConfig: defaults({ unit: 'percent', min: 0, max: 100, thresholds }) }),
  bargauge: () => ({ type: 'bargauge', title: 'p95 by endpoint', series: [endpoints()], options: { reduceOptions: { values: true, calcs: [], fields: '/p95/' }, orientation: 'horizontal' }, fieldConfig: defaults({ unit: 'ms', min: 0, max: 300, thresholds: { mode: 'absolute', steps: [{ value: -Infinity, color: 'green' }, { value: 150, color: 'orange' }, { value: 220, color: 'red' }] } }) }),
  'bargauge-lcd': () => ({ type: 'bargauge', title: 'Series', series: [numbers()], options: { displayMode: 'lcd' }, fieldConfig: defaults({ min: 0 }) }),
  table: () => ({ type: 'table', title: 'Orders', series: [shop()], options: { sortBy: [{ displayName: 'amount', desc: true }] }, fieldConfig: defaults({ thresholds }, [
    { matcher: { id: 'byName', options: 'amount' }, properties: [{ id: 'unit', value: 'currencyUSD' }, { id: 'custom.cellOptions', value: { type: 'color-text' } }, { id: 'custom.footer', value: { reducers: ['sum'] } }] },
    { matcher: { id: 'byName', options: 'load' }, properties: [{ id: 'unit', value: 'percent' }, { id: 'max', value: 100 }, { id: 'min', value: 0 }, { id: 'custom.cellOptions', value: { type: 'gauge', mode: 'gradient' } }, { id: 'custom.width', value: 150 }] },
    { matcher: { id: 'byName', options: 'state' }, properties: [{ id: 'custom.cellOptions', value: { type: 'color-background' } }, { id: 'custom.align', value: 'center' }, { id: 'custom.filterable', value: true }, { id: 'mappings', value: [{ type: 'value', options: { refunded: { color: 'red', index: 0 }, paid: { color: 'green', index: 1 } } }] }] },
    { matcher: { id: 'byName', options: 'meta' }, properties: [{ id: 'custom.cellOptions', value: { type: 'json-view' } }] },
    { matcher: { id: 'byName', options: 'customer' }, properties: [{ id: 'links', value: [{ title: 'Open', url: 'https://example.org/${__value.raw}' }] }] },
  ]) }),
  barchart: () => ({ type: 'barchart', title: 'Latency by endpoint', series: [endpoints()], fieldConfig: defaults({ unit: 'ms' }) }),
  'barchart-stacked': () => ({ type: 'barchart', title: 'Latency by endpoint', series: [endpoints()], options: { orientation: 'horizontal', stacking: 'normal', ...right }, fieldConfig: defaults({ unit: 'ms' }) }),
  'barchart-many': () => ({ type: 'barchart', title: 'Many', series: [frame(str('name', Array.from({ length: 40 }, (_, i) => `category number ${i}`)), num('n', wave(40, 5, 50, 40)))], options: { xTickLabelRotation: 45, showValue: 'never' } }),
  piechart: () => ({ type: 'piechart', title: 'Revenue by country', series: [frame(str('country', ['DE', 'FR', 'US', 'UK', 'IT', 'Other']), num('revenue', [4200, 3100, 2600, 1900, 800, 400]))], options: { reduceOptions: { values: true, calcs: [] }, displayLabels: ['name', 'percent'], legend: { showLegend: true, placement: 'right', displayMode: 'table', values: ['value', 'percent'] } }, fieldConfig: defaults({ unit: 'currencyEUR' }) }),
  'piechart-donut': () => ({ type: 'piechart', title: 'Sources', series: [numbers()], options: { pieType: 'donut', displayLabels: ['percent'] } }),
  heatmap: () => ({ type: 'heatmap', title: 'Latency buckets', series: [buckets()], options: { yAxis: { axisLabel: 'ms' } } }),
  'heatmap-calculated': () => ({ type: 'heatmap', title: 'Latency', series: [latency()], options: { calculate: true, color: { scheme: 'Viridis' }, calculation: { xBuckets: { mode: 'size', value: '10m' } } }, fieldConfig: defaults({ unit: 'ms' }) }),
  histogram: () => ({ type: 'histogram', title: 'Latencies', series: [latency()], fieldConfig: defaults({ unit: 'ms' }) }),
  'state-timeline': () => ({ type: 'state-timeline', title: 'Services', series: [states()], fieldConfig: defaults({ mappings: mapping }) }),
  'status-history': () => ({ type: 'status-history', title: 'Load', series: [frame(time(times(24)), num('eu-1', wave(24, 3, 55, 40)), num('us-1', wave(24, 6, 50, 40)), num('ap-1', wave(24, 9, 60, 40)))], fieldConfig: defaults({ unit: 'percent', decimals: 0, thresholds }) }),
  text: () => ({ type: 'text', title: 'Notes', series: [], options: { mode: 'markdown', content: '# Pulse\n\nOrders and **revenue** of [the shop](https://example.org).\n\n- one\n- two `code`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<img src=x onerror=alert(1)><script>alert(1)</script>' } }),
  'text-code': () => ({ type: 'text', title: 'Query', series: [], options: { mode: 'code', content: 'SELECT count()\nFROM orders\nWHERE paid', code: { language: 'sql', showLineNumbers: true } } }),
  logs: () => ({ type: 'logs', title: 'Shop', series: [log()], options: { showTime: true, wrapLogMessage: true, showCommonLabels: true } }),
  'millrace-funnel-panel': () => ({ type: 'millrace-funnel-panel', title: 'Checkout', series: [steps()], fieldConfig: defaults({ unit: 'locale' }) }),
  'funnel-lying': () => ({ type: 'millrace-funnel-panel', title: 'Checkout', series: [steps()], options: { orientation: 'horizontal' }, fieldConfig: defaults({ unit: 'locale' }) }),
  'funnel-grouped': () => ({ type: 'millrace-funnel-panel', title: 'Checkout by device', series: [grouped()], fieldConfig: defaults({ unit: 'locale' }) }),
  'millrace-retention-panel': () => ({ type: 'millrace-retention-panel', title: 'Weekly retention', series: [cohorts()], fieldConfig: defaults({ unit: 'locale' }) }),
};

/** Data that breaks careless panels; every type is drawn with each. */
export const hard: Record<string, () => DataFrame[]> = {
  none: () => [],
  'zero-rows': () => [frame(time([]), num('v', []), str('s', []))],
  'one-row': () => [frame(time([START + 3_600_000]), num('v', [42]), str('s', ['one']))],
  nulls: () => [frame(time(times(20)), num('v', Array(20).fill(null)), str('s', Array(20).fill(null)))],
  nan: () => [frame(time(times(6)), num('v', [1, NaN, Infinity, -Infinity, 2, NaN]), str('s', ['a', '', 'b', 'c', 'd', 'e']))],
  'fifty-series': () => [frame(time(times(30)), ...Array.from({ length: 50 }, (_, i) => num(`series number ${i} with a long name`, wave(30, i, 50 + i, 20))))],
  'many-points': () => [frame(time(times(10_000)), num('v', wave(10_000, 3, 100, 60)), str('s', Array.from({ length: 10_000 }, (_, i) => `row ${i}`)))],
  'no-time': () => [frame(str('s', ['a', 'b']), num('v', [1, 2]))],
  text: () => [frame(str('s', ['<img src=x onerror=alert(1)>', 'b']), str('t', ['x', 'y']))],
  bare: () => [{ length: 2, fields: [{ name: 'time', type: FieldType.time, values: [START, START + 60_000] }, { name: 'v', type: FieldType.number, values: [1, 2] }] } as unknown as DataFrame],
  xss: () => {
    const bad = '<img src=x onerror=alert(1)>"><script>alert(2)</script>';
    const links = [{ title: bad, url: 'javascript:alert(3)' }];
    return [frame(
      { ...time(times(6)), config: { links } }, { ...num(bad, [1, 2, 3, 4, 5, 6], { unit: bad, links, displayName: bad }), labels: { a: bad } },
      { ...str(`step ${bad}`, Array.from({ length: 6 }, (_, i) => `${bad}${i}`)), config: { links } }, num('period', [0, 1, 0, 1, 0, 1]), num('people', [5, 4, 3, 2, 1, 1]),
    )];
  },
  same: () => [frame(time(times(10)), num('v', Array(10).fill(0)), str('s', Array(10).fill('x')))],
  negative: () => [frame(time(times(10)), num('v', wave(10, 2, 50, 30).map((v) => 40 - v)), str('s', Array.from({ length: 10 }, (_, i) => `n${i}`)))],
};
