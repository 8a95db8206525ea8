// Where the bars of a bar chart are: groups side by side, or stacked, or stacked to 100 %.

export interface Bar { category: number; series: number; from: number; to: number; value: number; at: number; size: number }
export type Stacking = 'none' | 'normal' | 'percent';

/**
 * Bars along an axis of `length` pixels. `at` and `size` are pixels along it, `from` and `to` values across it.
 * `group` is the share of a category that its bars may take, `width` the share that a bar takes of its part.
 */
export function bars(values: Array<Array<number | null>>, categories: number, length: number, stacking: Stacking, group: number, width: number): Bar[] {
  const step = length / Math.max(1, categories);
  const out: Bar[] = [];
  const stacked = stacking !== 'none';
  const lanes = stacked ? 1 : Math.max(1, values.length);
  // One bar a category needs no gap between groups beyond its own width.
  const span = step * (lanes === 1 ? 1 : clamp(group));
  const lane = span / lanes;
  const size = Math.max(1, lane * clamp(width) * (lanes === 1 ? clamp(group) : 1));
  for (let c = 0; c < categories; c++) {
    const total = stacking === 'percent' ? values.reduce((sum, series) => sum + Math.abs(series[c] ?? 0), 0) : 0;
    let [up, down] = [0, 0];
    values.forEach((series, s) => {
      const value = series[c];
      if (value == null) {
        return;
      }
      const part = stacking === 'percent' ? (total > 0 ? value / total : 0) : value;
      let from = 0;
      if (stacked) {
        from = part >= 0 ? up : down;
        if (part >= 0) {
          up += part;
        } else {
          down += part;
        }
      }
      const start = step * c + (step - span) / 2 + (stacked ? 0 : lane * s);
      out.push({ category: c, series: s, from, to: from + part, value, at: start + (lane - size) / 2, size });
    });
  }
  return out;
}

const clamp = (share: number) => (Number.isFinite(share) ? Math.min(1, Math.max(0.05, share)) : 1);

export function extent(list: Bar[]): [number, number] {
  return list.reduce(([low, high], bar) => [Math.min(low, bar.from, bar.to), Math.max(high, bar.from, bar.to)], [0, 0]);
}
