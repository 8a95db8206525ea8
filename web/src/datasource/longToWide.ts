// Long rows (time, text columns, values) to one field a label set, in the order and with the names of Grafana's backend.
import { FieldType, type DataFrame, type Field, type Labels } from '@grafana/data';

/** A frame without a time or a value column is no series and stays as it is. */
export function longToWide(frame: DataFrame): DataFrame {
  const time = frame.fields.find((field) => field.type === FieldType.time);
  const values = frame.fields.filter((field) => field.type === FieldType.number || field.type === FieldType.boolean);
  if (!time || values.length === 0) {
    return frame;
  }
  const factors = frame.fields.filter((field) => field.type === FieldType.string);
  const rows = rowsByTime(time);
  if (factors.length === 0) {
    // Each row is a point, also where several have one time.
    const fields = [time, ...values].map((field) => ({ ...field, values: rows.map((row) => field.values[row]) }));
    return { ...frame, fields, length: rows.length };
  }
  const times: number[] = [];
  const series = new Map<string, Field>();
  for (const row of rows) {
    const at = time.values[row];
    if (times[times.length - 1] !== at) {
      times.push(at);
    }
    const key = factors.map((factor) => factor.values[row] ?? '').join('\u0000');
    for (const value of values) {
      const name = `${value.name}\u0000\u0000${key}`;
      let field = series.get(name);
      if (!field) {
        field = { ...value, config: {}, values: [], labels: labelsOf(factors, row) };
        series.set(name, field);
      }
      field.values[times.length - 1] = value.values[row];
    }
  }
  const fields = [...series.values()];
  for (const field of fields) {
    fillGaps(field.values, times.length);
  }
  fields.sort(byNameAndLabels);
  return { ...frame, fields: [{ ...time, values: times }, ...fields], length: times.length };
}

/** The rows in ascending time; rows without a time belong nowhere on the axis. */
function rowsByTime(time: Field): number[] {
  const rows: number[] = [];
  for (let row = 0; row < time.values.length; row++) {
    if (time.values[row] !== null) {
      rows.push(row);
    }
  }
  return rows.sort((a, b) => time.values[a] - time.values[b] || a - b);
}

function labelsOf(factors: Field[], row: number): Labels {
  return Object.fromEntries(factors.map((factor) => [factor.name, factor.values[row] ?? '']));
}

function fillGaps(values: unknown[], length: number) {
  for (let at = 0; at < length; at++) {
    if (values[at] === undefined) {
      values[at] = null;
    }
  }
}

function byNameAndLabels(a: Field, b: Field): number {
  if (a.name !== b.name) {
    return a.name < b.name ? -1 : 1;
  }
  for (const label of Object.keys(a.labels ?? {}).sort()) {
    const left = a.labels![label];
    const right = b.labels![label];
    if (left !== right) {
      return left < right ? -1 : 1;
    }
  }
  return 0;
}
