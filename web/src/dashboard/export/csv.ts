// A panel's frames as CSV: times in ISO, numbers as they are.
import { FieldType, type DataFrame, type Field, getFieldDisplayName } from '@grafana/data';
import { save } from './save';

export function saveCsv(frames: DataFrame[], name: string) {
  save(new Blob([csvOf(frames)], { type: 'text/csv' }), name, 'csv');
}

/** Several frames stand below each other, with an empty line between. */
export function csvOf(frames: DataFrame[]): string {
  return frames.map((frame) => tableOf(frame, frames)).join('\r\n');
}

function tableOf(frame: DataFrame, frames: DataFrame[]): string {
  const lines = [frame.fields.map((field) => csvCell(getFieldDisplayName(field, frame, frames))).join(',')];
  for (let row = 0; row < frame.length; row++) {
    lines.push(frame.fields.map((field) => csvCell(textOf(field, row), field.type === FieldType.number)).join(','));
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

function textOf(field: Field, row: number): string {
  const value = field.values[row];
  if (value === null || value === undefined) {
    return '';
  }
  return field.type === FieldType.time ? new Date(value).toISOString() : String(value);
}

/** A text that a spreadsheet would take for a formula is kept from being one. */
export function csvCell(text: string, isNumber = false): string {
  const safe = !isNumber && /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
