// An answer as a file: CSV for spreadsheets, JSON for programs. Times are UTC in ISO 8601.
import { exactText, type ResultColumn } from './columns';

export function csvOf(columns: ResultColumn[], rows: number): string {
  const lines = [columns.map((column) => cell(column.name)).join(',')];
  for (let row = 0; row < rows; row++) {
    lines.push(columns.map((column) => (column.kind === 'number' ? (exactText(column, row) ?? '') : cell(exactText(column, row) ?? ''))).join(','));
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

/** A text that a spreadsheet would take for a formula is kept from being one. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Numbers that JavaScript would bend stay texts, as they came. */
export function jsonOf(columns: ResultColumn[], rows: number): string {
  const objects = Array.from({ length: rows }, (_, row) => Object.fromEntries(columns.map((column) => [column.name, column.kind === 'time' ? exactText(column, row) : column.values[row]])));
  return `${JSON.stringify(objects, null, 1)}\n`;
}
