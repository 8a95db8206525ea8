// Shares of a whole as slices of a circle.

export interface Slice { index: number; value: number; share: number; from: number; to: number }

/** Slices clockwise from the top in turns (0..1). Negative values and gaps have no slice. */
export function slices(values: Array<number | null>, sort: 'asc' | 'desc' | 'none' = 'desc'): Slice[] {
  const some = values.map((value, index) => ({ value: value ?? 0, index })).filter(({ value }) => value > 0 && Number.isFinite(value));
  if (sort !== 'none') {
    some.sort((a, b) => (sort === 'desc' ? b.value - a.value : a.value - b.value));
  }
  const total = some.reduce((sum, { value }) => sum + value, 0);
  let at = 0;
  return some.map(({ value, index }) => {
    const share = value / total;
    const slice = { index, value, share, from: at, to: at + share };
    at += share;
    return slice;
  });
}

/** Outline of a slice: a wedge, or a part of a ring if `hole` is more than 0. */
export function outline(cx: number, cy: number, radius: number, hole: number, from: number, to: number): string {
  // A whole circle ends where it starts and would vanish.
  const end = to - from >= 1 ? from + 0.99999 : to;
  const on = (r: number, turn: number) => `${(cx + r * Math.sin(turn * 2 * Math.PI)).toFixed(2)},${(cy - r * Math.cos(turn * 2 * Math.PI)).toFixed(2)}`;
  const large = end - from > 0.5 ? 1 : 0;
  const outer = `M${on(radius, from)}A${radius},${radius} 0 ${large} 1 ${on(radius, end)}`;
  return hole > 0 ? `${outer}L${on(hole, end)}A${hole},${hole} 0 ${large} 0 ${on(hole, from)}Z` : `${outer}L${cx},${cy}Z`;
}
