// What a query gave, as series over time: rising times, numbers or gaps, booleans as 0 and 1, nothing else.
import { type DataFrame, type Field, FieldType, sortDataFrame } from '@grafana/data';
import { finite } from '../kit/frame';

/** The frames that can be drawn over time; none if no frame has a time field and a number, boolean or enum field. */
export function graphable(frames: DataFrame[]): DataFrame[] {
  const out: DataFrame[] = [];
  for (const frame of frames) {
    const time = frame.fields.findIndex((field) => field.type === FieldType.time);
    if (time < 0 || frame.length === 0) {
      continue;
    }
    const sorted = rising(frame.fields[time].values) ? frame : sortDataFrame(frame, time);
    const fields = [sorted.fields[time], ...sorted.fields.map(numbers).filter((field) => field !== null)];
    if (fields.length > 1) {
      out.push({ ...sorted, fields });
    }
  }
  return out;
}

function rising(times: unknown[]): boolean {
  for (let i = 1; i < times.length; i++) {
    if (Number(times[i - 1]) > Number(times[i])) {
      return false;
    }
  }
  return true;
}

function numbers(field: Field): Field | null {
  if (field.type === FieldType.enum) {
    return field;
  }
  if (field.type === FieldType.boolean) {
    return {
      ...field, type: FieldType.number, values: field.values.map((v) => (v == null ? null : Number(Boolean(v)))),
      config: { ...field.config, min: field.config.min ?? 0, max: field.config.max ?? 1, unit: field.config.unit ?? 'bool' },
    };
  }
  if (field.type !== FieldType.number) {
    return null;
  }
  // An undefined stays: the join uses it for "no row here", which spans, where null is a gap.
  return field.values.every((v) => v == null || (typeof v === 'number' && Number.isFinite(v)))
    ? field
    : { ...field, values: field.values.map((v) => (v === undefined ? undefined : finite(v))) };
}

/** The library's alignment writes into the arrays it is given (bars get two more points); it shall have its own. */
export function ownValues(frames: DataFrame[]): DataFrame[] {
  return frames.map((frame) => ({
    ...frame,
    fields: frame.fields.map((field) => ({ ...field, values: field.values.slice(), config: { ...field.config, custom: { ...field.config.custom } } })),
  }));
}
