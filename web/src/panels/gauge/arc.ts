// Geometry of the gauge: a ring that is open below (240 degrees) or closed, as SVG paths.

export interface Ring { cx: number; cy: number; radius: number; width: number; from: number; sweep: number; top: number; bottom: number }

/** The largest ring for a box; angles are degrees clockwise from the top. `marks` leaves room for the threshold band. */
export function ring(width: number, height: number, shape: 'gauge' | 'circle', thickness: number, marks: boolean): Ring {
  const open = shape === 'gauge';
  // Open below, the ring's lowest point is at cos(120 deg) = half its radius under the centre.
  const tall = open ? 1.5 : 2;
  const pad = 4;
  const radius = Math.max(8, Math.min((width - pad * 2) / 2, (height - pad * 2) / tall));
  const cy = pad + radius + Math.max(0, (height - pad * 2 - radius * tall) / 2);
  const band = marks ? Math.max(3, radius * 0.05) + 2 : 0;
  const outer = radius - band;
  const bar = Math.max(4, Math.min(outer * 0.6, outer * 0.36 * thickness * 2));
  return { cx: width / 2, cy, radius: outer - bar / 2, width: bar, from: open ? -120 : 0, sweep: open ? 240 : 360, top: cy - radius, bottom: cy + radius * (tall - 1) };
}

export function point(r: { cx: number; cy: number }, radius: number, angle: number): [number, number] {
  const rad = ((angle - 90) * Math.PI) / 180;
  return [r.cx + radius * Math.cos(rad), r.cy + radius * Math.sin(rad)];
}

/** An arc between two shares (0..1) of the ring's sweep. */
export function arcPath(r: Ring, from: number, to: number, radius = r.radius): string {
  const a = r.from + r.sweep * from;
  // A whole circle starts where it ends and would vanish.
  const b = r.from + Math.min(r.sweep * to, r.sweep * from + 359.99);
  const [x1, y1] = point(r, radius, a);
  const [x2, y2] = point(r, radius, b);
  return `M${x1.toFixed(2)},${y1.toFixed(2)}A${radius.toFixed(2)},${radius.toFixed(2)} 0 ${b - a > 180 ? 1 : 0} 1 ${x2.toFixed(2)},${y2.toFixed(2)}`;
}

export function share(value: number, min: number, max: number): number {
  return max > min && Number.isFinite(value) ? Math.min(1, Math.max(0, (value - min) / (max - min))) : 0;
}

/** Bands of the thresholds as shares: absolute steps are values, percentage steps are shares already. */
export function bands(steps: Array<{ value: number | null; color: string }>, percentage: boolean, min: number, max: number) {
  const at = steps.map((step) => (step.value === null || !Number.isFinite(step.value) ? 0 : percentage ? Math.min(1, Math.max(0, step.value / 100)) : share(step.value, min, max)));
  return steps.map((step, i) => ({ from: at[i], to: at[i + 1] ?? 1, color: step.color, value: step.value }))
    .filter((band) => band.to > band.from);
}
