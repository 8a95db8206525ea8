// A heatmap's cells: counted from series over time and value, or given as one field a bucket.
import { type DataFrame, type Field, FieldType, rangeUtil } from '@grafana/data';
import { finite, nameOf } from '../kit/frame';
import { decimalsOf } from '../kit/ticks';

export interface Grid {
  /** Start of each column, and how long one is, in ms. */
  xs: number[];
  xSize: number;
  /** Edges of the rows, one more than there are rows; values, or row numbers if the rows are names. */
  edges: number[];
  /** Names of the rows; null if the edges are values. */
  names: string[] | null;
  log: number | null;
  /** values[x][y]; null: nothing there. */
  values: Array<Array<number | null>>;
  /** Field whose unit the cells' values have; none for counts. */
  cell?: Field;
  /** Field whose unit the y axis has. */
  y?: Field;
}

export interface Buckets { mode?: 'size' | 'count'; value?: string; scale?: { type: string; log?: number } }

const STEPS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5, 6048e5, 2592e6];

function columnSize(x: Buckets | undefined, range: number): number {
  const value = x?.value?.trim();
  if (value && x?.mode === 'count' && Number(value) > 0) {
    return Math.max(1, range / Number(value));
  }
  if (value && x?.mode !== 'count') {
    const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) : safeInterval(value);
    if (ms > 0) {
      return Math.max(ms, range / 5000);
    }
  }
  return STEPS_MS.find((step) => range / step <= 40) ?? range / 40;
}

function safeInterval(text: string): number {
  try {
    return rangeUtil.intervalToMs(text);
  } catch {
    return 0;
  }
}

function rowEdges(y: Buckets | undefined, low: number, high: number): number[] {
  const base = y?.scale?.type === 'log' ? y.scale.log ?? 2 : null;
  if (base) {
    const log = (v: number) => Math.log(v) / Math.log(base);
    const split = Math.max(1, y?.mode === 'count' || !y?.value ? 1 : Math.round(1 / Number(y.value)) || 1);
    const from = Math.floor(log(low) * split + 1e-9);
    const to = Math.max(from + 1, Math.ceil(log(high) * split + 1e-9));
    const many = Math.min(400, to - from);
    return Array.from({ length: many + 1 }, (_, i) => base ** ((from + i) / split));
  }
  const asked = Number(y?.value);
  const raw = asked > 0 ? (y?.mode === 'count' ? (high - low || 1) / asked : asked) : (high - low || Math.abs(high) || 1) / 12;
  const power = 10 ** Math.floor(Math.log10(raw));
  let size = asked > 0 && y?.mode !== 'count' ? raw : [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999) ?? raw;
  size = Math.max(size, (high - low) / 500);
  const from = Math.floor(low / size + 1e-9);
  const to = Math.max(from + 1, Math.floor(high / size + 1e-9) + 1);
  const decimals = Math.min(20, decimalsOf(size) + 1);
  return Array.from({ length: to - from + 1 }, (_, i) => Number(((from + i) * size).toFixed(decimals)));
}

/** Counts how many values of all series fall into each cell. */
export function calculated(frames: DataFrame[], xBuckets: Buckets | undefined, yBuckets: Buckets | undefined, range: { from: number; to: number }): Grid | null {
  const log = yBuckets?.scale?.type === 'log' ? yBuckets.scale.log ?? 2 : null;
  const points: Array<[number, number]> = [];
  let y: Field | undefined;
  for (const frame of frames) {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    for (const field of time ? frame.fields : []) {
      if (field.type !== FieldType.number) {
        continue;
      }
      y = y ?? field;
      for (let i = 0; i < frame.length; i++) {
        const t = finite(time!.values[i]);
        const v = finite(field.values[i]);
        if (t !== null && v !== null && (!log || v > 0)) {
          points.push([t, v]);
        }
      }
    }
  }
  if (points.length === 0) {
    return null;
  }
  let [low, high, first, last] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [t, v] of points) {
    [low, high, first, last] = [Math.min(low, v), Math.max(high, v), Math.min(first, t), Math.max(last, t)];
  }
  const xSize = columnSize(xBuckets, Math.max(1, range.to - range.from));
  const start = Math.floor(first / xSize) * xSize;
  const columns = Math.min(5000, Math.floor((last - start) / xSize) + 1);
  const edges = rowEdges(yBuckets, low, high);
  const values = Array.from({ length: columns }, () => new Array<number | null>(edges.length - 1).fill(null));
  for (const [t, v] of points) {
    const column = values[Math.floor((t - start) / xSize)];
    const row = rowOf(edges, v);
    if (column && row >= 0) {
      column[row] = (column[row] ?? 0) + 1;
    }
  }
  return { xs: values.map((_, i) => start + i * xSize), xSize, edges, names: null, log, values, y };
}

/** The row that holds a value; each row holds its lower edge, the last one its upper edge too. */
export function rowOf(edges: number[], value: number): number {
  let [low, high] = [0, edges.length - 1];
  if (value < edges[0] || value > edges[high]) {
    return -1;
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (edges[middle] <= value) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

const bound = (name: string) => (/^\+?inf(inity)?$/i.test(name.trim()) ? Infinity : name.trim() === '' ? NaN : Number(name));

/** One number field a bucket; `alone` is how long the only column is. Names that are numbers are upper (or lower) bounds and put the rows in order. */
export function fromRows(frames: DataFrame[], layout = 'auto', alone = 60_000): Grid | null {
  const frame = frames.find((f) => f.length > 0 && f.fields.some((x) => x.type === FieldType.time) && f.fields.some((x) => x.type === FieldType.number));
  if (!frame) {
    return null;
  }
  const time = frame.fields.find((field) => field.type === FieldType.time)!;
  // Buckets may also come as one frame each, with the same times.
  const same = frames.filter((f) => f.length === frame.length && f.fields.some((x) => x.type === FieldType.time));
  let rows = same.flatMap((f) => f.fields.filter((x) => x.type === FieldType.number).map((field) => ({ field, name: nameOf(field, f, frames) })));
  const bounds = rows.map((row) => bound(row.name));
  const numeric = rows.length > 1 && bounds.every((b) => !Number.isNaN(b));
  if (numeric) {
    rows = rows.map((row, i) => ({ row, b: bounds[i] })).sort((a, b) => a.b - b.b).map(({ row }) => row);
  }
  const order = Array.from({ length: frame.length }, (_, i) => i).filter((i) => finite(time.values[i]) !== null).sort((a, b) => time.values[a] - time.values[b]);
  const xs = order.map((i) => Number(time.values[i]));
  let xSize = Infinity;
  for (let i = 1; i < xs.length; i++) {
    if (xs[i] > xs[i - 1]) {
      xSize = Math.min(xSize, xs[i] - xs[i - 1]);
    }
  }
  const names = rows.map((row) => row.name);
  return {
    xs, xSize: Number.isFinite(xSize) ? xSize : time.config.interval ?? alone, edges: Array.from({ length: rows.length + 1 }, (_, i) => i),
    names: numeric && layout !== 'unknown' ? names.map((name, i) => (layout === 'ge' ? `≥ ${name}` : i === 0 ? `≤ ${name}` : bound(name) === Infinity ? `> ${names[i - 1]}` : `${names[i - 1]} – ${name}`)) : names,
    log: null, values: order.map((i) => rows.map(({ field }) => finite(field.values[i]))), cell: rows[0]?.field,
  };
}

/** Least and greatest of the cells that are shown: those not hidden by "hide values <=" and ">=". */
export function spread(grid: Grid, hide: { le?: number; ge?: number } = {}): [number, number] | null {
  let [low, high] = [Infinity, -Infinity];
  for (const column of grid.values) {
    for (const value of column) {
      if (shown(value, hide)) {
        [low, high] = [Math.min(low, value!), Math.max(high, value!)];
      }
    }
  }
  return low <= high ? [low, high] : null;
}

export const shown = (value: number | null, hide: { le?: number; ge?: number }) =>
  value !== null && !(hide.le != null && value <= hide.le) && !(hide.ge != null && value >= hide.ge);
