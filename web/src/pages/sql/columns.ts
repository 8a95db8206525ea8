// An answer as it is shown in the table: wide numbers keep all their digits, times stand in the user's zone.
import { FieldType, dateTimeFormat } from '@grafana/data';
import type { Answer } from '../../api';
import { fieldTypeOf, numberOf, unwrap } from '../../datasource/columnTypes';

export interface ResultColumn {
  name: string;
  type: string;
  kind: 'number' | 'time' | 'text';
  values: unknown[];
}

export function columnsOf(answer: Answer): ResultColumn[] {
  return answer.meta.map(({ name, type }, at) => ({ name, type, kind: kindOf(type), values: answer.data[at] ?? [] }));
}

function kindOf(type: string): ResultColumn['kind'] {
  const bare = unwrap(type);
  const field = fieldTypeOf(type);
  return field === FieldType.number ? 'number' : field === FieldType.time && bare.startsWith('DateTime') ? 'time' : 'text';
}

/** `null`: NULL. */
export function cellText(column: ResultColumn, row: number): string | null {
  const value = column.values[row];
  if (value === null || value === undefined) {
    return null;
  }
  if (column.kind === 'time') {
    return dateTimeFormat(Number(value) * 1000, { format: fraction(value) ? 'YYYY-MM-DD HH:mm:ss.SSS' : 'YYYY-MM-DD HH:mm:ss' });
  }
  return plain(value);
}

/** Times as exact UTC, with as many digits as they came with. */
export function exactText(column: ResultColumn, row: number): string | null {
  const value = column.values[row];
  if (value === null || value === undefined) {
    return null;
  }
  if (column.kind !== 'time') {
    return plain(value);
  }
  const seconds = Math.floor(Number(value));
  return Number.isFinite(seconds) ? new Date(seconds * 1000).toISOString().replace('.000Z', `${fraction(value)}Z`) : plain(value);
}

/** `.123` of seconds since 1970, as they are written. */
function fraction(value: unknown): string {
  const found = /\.\d+$/.exec(String(value));
  return found && Number(value) >= 0 ? found[0] : '';
}

const plain = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));

/** Rows in the order of a column; `undefined` where they are as they came. NULL comes last. */
export function sorted(column: ResultColumn, rows: number, descending: boolean): Uint32Array {
  const order = Uint32Array.from({ length: rows }, (_, row) => row);
  const sign = descending ? -1 : 1;
  const { values } = column;
  const numbers = column.kind === 'text' ? undefined : Float64Array.from(values, (value) => numberOf(value) ?? NaN);
  // What is no number comes after those that are, and NULL after that.
  const rank = (row: number) => (values[row] === null ? 2 : numbers && Number.isNaN(numbers[row]) ? 1 : 0);
  return order.sort((a, b) => {
    const nothing = rank(a) - rank(b);
    if (nothing !== 0 || rank(a) > 0) {
      return nothing || a - b;
    }
    const [left, right] = numbers ? [numbers[a], numbers[b]] : [plain(values[a]), plain(values[b])];
    return sign * (left < right ? -1 : left > right ? 1 : 0) || a - b;
  });
}
