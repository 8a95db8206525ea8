// What was done to a table's values that its readers should know, in sentences.
import type { TableStatus } from '../kit/status';
import { countText, plural } from '../kit/words';

const byColumn = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([column, count]) => `${column} (${countText(count)})`)
    .join(', ');

export function remarks(table: TableStatus): string[] {
  const said: string[] = [];
  const columns = (counts: Record<string, number> | undefined, what: string) => {
    if (counts && Object.keys(counts).length > 0) {
      said.push(`${what}: ${byColumn(counts)}.`);
    }
  };
  columns(table.clamped_columns, 'Values brought into the range that ClickHouse knows');
  columns(table.nulled_columns, 'Values that became NULL, because ClickHouse cannot carry them');
  columns(table.defaulted_columns, 'NULLs that became their column’s default');
  if (table.ignored_updates > 0 || table.ignored_deletes > 0) {
    said.push(`Not followed, as its mode says: ${plural(table.ignored_updates, 'update')}, ${plural(table.ignored_deletes, 'delete')}.`);
  }
  if (table.verified && table.verified.differences > 0) {
    said.push(`Compared with Postgres: ${plural(table.verified.differences, 'row')} of ${countText(table.verified.rows)} differ.`);
  }
  return said;
}
