// Values over time as spans of one state each.
import { type DataFrame, type Field, FieldType } from '@grafana/data';
import { nameOf } from '../kit/frame';

export interface Span { from: number; to: number; value: unknown; index: number }
export interface Lane { name: string; field: Field; time: Field }

/** The rows of a state panel: every field beside the time; none without a time field. */
export function lanes(frames: DataFrame[]): Lane[] {
  return frames.flatMap((frame) => {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    return time && frame.length > 0
      ? frame.fields.filter((field) => field !== time && field.type !== FieldType.time && !field.config.custom?.hideFrom?.viz)
        .map((field) => ({ name: nameOf(field, frame, frames), field, time }))
      : [];
  });
}

/**
 * A state lasts until the next one; the last until `end`. Equal neighbours are one span if `merge` (`same` tells what is
 * equal). null ends a state; undefined, "no row here", does not. `spanNulls` true, or a length in ms, bridges gaps.
 */
export function spans(times: number[], values: unknown[], end: number, merge: boolean, spanNulls: boolean | number = false, same: (a: unknown, b: unknown) => boolean = Object.is): Span[] {
  const order = times.map((_, i) => i).filter((i) => Number.isFinite(Number(times[i])) && times[i] != null && values[i] !== undefined)
    .sort((a, b) => times[a] - times[b]);
  const out: Span[] = [];
  let gap: number | null = null;
  for (const i of order) {
    const last = out[out.length - 1];
    const value = values[i];
    const empty = value === null || (typeof value === 'number' && Number.isNaN(value));
    if (empty) {
      if (last && gap === null) {
        last.to = times[i];
        gap = times[i];
      }
      continue;
    }
    const bridged = gap === null || spanNulls === true || (typeof spanNulls === 'number' && times[i] - gap < spanNulls);
    gap = null;
    if (last && bridged) {
      last.to = times[i];
      if (merge && same(last.value, value)) {
        continue;
      }
    }
    out.push({ from: times[i], to: end, value, index: i });
  }
  const last = out[out.length - 1];
  if (last) {
    last.to = gap ?? Math.max(end, last.from);
  }
  // A span that was extended by merging has its end from the next one; the others as set.
  return out.map((span, i) => ({ ...span, to: Math.min(span.to, out[i + 1]?.from ?? span.to) })).filter((span) => span.to > span.from || span === last);
}

/** One column a time: from halfway to the one before to halfway to the one after, `width` of that; `alone` is how long the only one is. */
export function columns(times: number[], values: unknown[], width: number, alone = 60_000): Span[] {
  const order = times.map((_, i) => i).filter((i) => times[i] != null && Number.isFinite(Number(times[i]))).sort((a, b) => times[a] - times[b]);
  let step = Infinity;
  for (let i = 1; i < order.length; i++) {
    const delta = times[order[i]] - times[order[i - 1]];
    step = delta > 0 ? Math.min(step, delta) : step;
  }
  const half = ((Number.isFinite(step) ? step : alone) / 2) * Math.min(1, Math.max(0.05, width));
  return order.filter((i) => values[i] != null).map((i) => ({ from: times[i] - half, to: times[i] + half, value: values[i], index: i }));
}
