// What the project does and how it is, in sentences: for somebody who sees it for the first time.
import type { PipeStatus, TableStatus } from '../kit/status';
import { countText, durationText, plural, shortText } from '../kit/words';
import type { Tone } from '../kit/StateBadge';

export interface Verdict {
  tone: Tone;
  text: string;
}

const LATE_S = 60;

/** `Millrace copies 7 tables of Postgres into ClickHouse as they change, and dbt builds 24 models from them.` */
export function whatItDoes(status: PipeStatus, models: number): string {
  const tables = status.tables.filter((table) => table.state !== 'removed').length;
  if (tables === 0) {
    return 'Millrace copies tables of Postgres into ClickHouse as they change. It has found none yet.';
  }
  const rows = status.tables.reduce((sum, table) => sum + (table.rows ?? 0), 0);
  const copied = `Millrace copies ${plural(tables, 'table')} of Postgres into ClickHouse as they change${rows > 0 ? ` (${shortText(rows)} rows)` : ''}`;
  return models > 0 ? `${copied}, and dbt builds ${plural(models, 'model')} from them.` : `${copied}.`;
}

/** Whether what is shown is what is there. */
export function freshVerdict({ paused_since, source, tables }: PipeStatus): Verdict {
  if (paused_since !== null) {
    return { tone: 'warn', text: 'Paused: nothing new arrives until it is resumed.' };
  }
  if (!source.connected) {
    return { tone: 'bad', text: 'Postgres is not connected: nothing new arrives.' };
  }
  const failed = tables.filter((table) => table.state === 'failed').length;
  if (failed > 0) {
    return { tone: 'bad', text: `${plural(failed, 'table')} stopped and ${failed === 1 ? 'waits' : 'wait'} for a person; the others go on.` };
  }
  if (tables.some((table) => table.state === 'copying' || table.state === 'waiting')) {
    return { tone: 'busy', text: 'The first copy is under way; tables that stream are current.' };
  }
  if (source.lag_seconds > LATE_S) {
    return { tone: 'warn', text: `Everything committed until ${durationText(source.lag_seconds)} ago is here; it is catching up.` };
  }
  return {
    tone: 'good',
    text: source.lag_seconds > 0 ? `Everything committed until ${durationText(source.lag_seconds)} ago is here.` : 'Everything committed until now is here.',
  };
}

const ORDER = ['failed', 'copying', 'waiting', 'streaming', 'removed'] as const;

/** `1 failed, 6 streaming` */
export function tablesLine(tables: TableStatus[]): Verdict {
  const counts = ORDER.map((state) => [state, tables.filter((table) => table.state === state).length] as const).filter(([, count]) => count > 0);
  const text = counts.map(([state, count]) => `${countText(count)} ${state}`).join(', ') || 'no tables';
  const has = (state: (typeof ORDER)[number]) => counts.some(([name]) => name === state);
  return { tone: has('failed') ? 'bad' : has('copying') || has('waiting') ? 'busy' : tables.length > 0 ? 'good' : 'quiet', text };
}

/** Over all tables that are copied, weighed alike: how many rows a table has is not known before. */
export function copiedRatio(tables: TableStatus[]): number {
  const counted = tables.filter((table) => table.state !== 'removed' && table.state !== 'failed');
  const done = counted.reduce((sum, table) => sum + (table.state === 'streaming' ? 1 : table.copied_ratio), 0);
  return counted.length > 0 ? done / counted.length : 0;
}
