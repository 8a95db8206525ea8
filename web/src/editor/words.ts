// What completes while SQL is written: ClickHouse's dialect, the schema, its functions and the macros.
import type { CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import { sql } from '@codemirror/lang-sql';
import type { Extension } from '@codemirror/state';
import type { Schema } from '../api';
import { columnOffers, functionOffers, macroOffers, tableOffers, type Offer } from './complete';
import { clickhouse } from './dialect';

export function wordsOf(schema: Schema | undefined, functions: string[]): Extension {
  const byDatabase = Object.fromEntries((schema?.databases ?? []).map(({ name, tables }) => [name, Object.fromEntries(tables.map((table) => [table.name, table.columns.map((column) => column.name)]))]));
  const always: Offer[] = [...macroOffers(), ...functionOffers(functions), ...(schema ? tableOffers(schema) : [])];
  const complete = (context: CompletionContext): CompletionResult | null => {
    const word = context.matchBefore(/[$\w]+/);
    const from = word?.from ?? context.pos;
    // What follows a dot is a column, and the schema's own completion knows of which table.
    if ((!word && !context.explicit) || context.state.sliceDoc(from - 1, from) === '.') {
      return null;
    }
    return { from, options: schema ? [...columnOffers(schema, context.state.doc.toString()), ...always] : always, validFor: /^[$\w]*$/ };
  };
  return [sql({ dialect: clickhouse, schema: byDatabase, upperCaseKeywords: true }), clickhouse.language.data.of({ autocomplete: complete })];
}
