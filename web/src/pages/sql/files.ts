// An answer as a file: CSV for spreadsheets, JSON for programs. Times are UTC in ISO 8601.
import { csvCell } from '../../dashboard/export/csv';
import { exactText, type ResultColumn } from './columns';

export function csvOf(columns: ResultColumn[], rows: number): string {
  const lines = [columns.map((column) => csvCell(column.name)).join(',')];
  for (let row = 0; row < rows; row++) {
    lines.push(columns.map((column) => csvCell(exactText(column, row) ?? '', column.kind === 'number')).join(','));
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

/** Numbers that JavaScript would bend stay texts, as they came. */
export function jsonOf(columns: ResultColumn[], rows: number): string {
  const objects = Array.from({ length: rows }, (_, row) => Object.fromEntries(columns.map((column) => [column.name, column.kind === 'time' ? exactText(column, row) : column.values[row]])));
  return `${JSON.stringify(objects, null, 1)}\n`;
}
