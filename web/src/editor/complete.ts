// What may stand at the cursor, beyond keywords and what follows a dot: functions, tables by their bare names,
// columns of the tables that the text names, and macros.
import type { Schema } from '../api';

export interface Offer {
  label: string;
  /** CodeMirror's name of its picture. */
  type: 'function' | 'type' | 'property' | 'variable';
  detail?: string;
  apply?: string;
  boost?: number;
}

/** As the server expands them. */
const MACROS: Array<[string, string]> = [
  ['$__timeFilter', 'the column is within the time range'],
  ['$__timeFilter_ms', 'the same, of a DateTime64'],
  ['$__dateFilter', 'the same, of a Date'],
  ['$__timeInterval', 'the column in steps that fit the range'],
  ['$__timeInterval_ms', 'the same, of a DateTime64'],
  ['$__fromTime', 'where the range begins'],
  ['$__toTime', 'where the range ends'],
  ['$__interval_s', 'the step in seconds'],
];
const TAKE_A_COLUMN = /Filter|timeInterval/;

export function macroOffers(): Offer[] {
  return MACROS.map(([label, detail]) => ({ label, detail, type: 'variable', apply: TAKE_A_COLUMN.test(label) ? `${label}(` : label }));
}

export const functionOffers = (names: string[]): Offer[] => names.map((label) => ({ label, type: 'function', apply: `${label}(`, boost: -1 }));

export function tableOffers(schema: Schema): Offer[] {
  return schema.databases.flatMap(({ name: database, tables }) =>
    tables.map((table) => ({ label: table.name, type: 'type', detail: database, apply: `${quoted(database)}.${quoted(table.name)}` }) as Offer)
  );
}

/** Of the tables that are named anywhere in the text, once each. */
export function columnOffers(schema: Schema, text: string): Offer[] {
  const named = new Set([...text.matchAll(/`?([A-Za-z_]\w*)`?\s*\.\s*`?([A-Za-z_]\w*)`?/g)].map(([, database, table]) => `${database}.${table}`));
  const offers = new Map<string, Offer>();
  for (const { name: database, tables } of schema.databases) {
    for (const table of tables.filter((found) => named.has(`${database}.${found.name}`))) {
      for (const column of table.columns) {
        offers.set(column.name, { label: column.name, type: 'property', detail: column.type, apply: quoted(column.name), boost: 2 });
      }
    }
  }
  return [...offers.values()];
}

export const quoted = (name: string) => (/^[A-Za-z_]\w*$/.test(name) ? name : `\`${name.replace(/[\\`]/g, '\\$&')}\``);
