// What the project does and how it is, in sentences: for somebody who sees it for the first time.
import type { PipeStatus, TableStatus } from '../kit/status';
import { countText, durationText, plural, shortText } from '../kit/words';
import type { Tone } from '../kit/StateBadge';
import { behindSeconds, waysIn } from '../kit/ways';

export interface Verdict {
  tone: Tone;
  text: string;
}

const LATE_S = 60;

/** `Millrace copies 7 tables of Postgres into ClickHouse as they change, and dbt builds 24 models from them.` */
export function whatItDoes(status: PipeStatus, models: number): string {
  const ways = waysIn(status);
  const tables = status.tables.filter((table) => table.state !== 'removed');
  if (tables.length === 0) {
    return ways.stream
      ? 'Millrace copies tables of Postgres into ClickHouse as they change. It has found none yet.'
      : 'Millrace copies topics of Kafka into ClickHouse as their messages come. None has come yet.';
  }
  const ofTopics = tables.filter((table) => table.way === 'topics').length;
  const ofStream = tables.length - ofTopics;
  const counts = [
    ...(ofStream > 0 ? [`${plural(ofStream, 'table')} of Postgres`] : []),
    ...(ofTopics > 0 ? [`${ofStream > 0 ? countText(ofTopics) : plural(ofTopics, 'table')} of Kafka’s topics`] : []),
  ];
  const rows = status.tables.reduce((sum, table) => sum + (table.rows ?? 0), 0);
  const copied = `Millrace copies ${counts.join(' and ')} into ClickHouse as they change${rows > 0 ? ` (${shortText(rows)} rows)` : ''}`;
  return models > 0 ? `${copied}, and dbt builds ${plural(models, 'model')} from them.` : `${copied}.`;
}

/** Whether what is shown is what is there. */
export function freshVerdict(status: PipeStatus): Verdict {
  const { paused_since, source, kafka, tables } = status;
  const ways = waysIn(status);
  if (paused_since !== null) {
    return { tone: 'warn', text: `Paused: nothing new arrives${ways.topics ? ' from Postgres' : ''} until it is resumed${ways.topics ? '; topics go on' : ''}.` };
  }
  const away = [...(ways.stream && !source.connected ? ['Postgres'] : []), ...(kafka && !kafka.connected ? ['Kafka'] : [])];
  if (away.length > 0) {
    const other = ways.stream && ways.topics && away.length === 1;
    return { tone: 'bad', text: `${away.join(' and ')} ${away.length > 1 ? 'are' : 'is'} not connected: nothing new arrives${other ? ' from there' : ''}.` };
  }
  const failed = tables.filter((table) => table.state === 'failed').length;
  if (failed > 0) {
    return { tone: 'bad', text: `${plural(failed, 'table')} stopped and ${failed === 1 ? 'waits' : 'wait'} for a person; the others go on.` };
  }
  if (tables.some((table) => table.state === 'copying' || table.state === 'waiting')) {
    return { tone: 'busy', text: 'The first copy is under way; tables that stream are current.' };
  }
  const lag = behindSeconds(status);
  const done = [...(ways.stream ? ['committed'] : []), ...(ways.topics ? ['sent'] : [])].join(' or ');
  if (lag > LATE_S) {
    return { tone: 'warn', text: `Everything ${done} until ${durationText(lag)} ago is here; it is catching up.` };
  }
  return { tone: 'good', text: `Everything ${done} until ${lag > 0 ? `${durationText(lag)} ago` : 'now'} is here.` };
}

/** What keeps a way in from going on, each once: of topics alone the source says the same. */
export function errorsOf({ source, kafka }: PipeStatus): string[] {
  return [...new Set([source.last_error, kafka?.last_error ?? null].filter((error) => error !== null))];
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
