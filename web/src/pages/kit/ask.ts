// A question of the page's own in SQL, by the same way as a panel's.
import type { DataFrame, TimeRange } from '@grafana/data';
import { ApiError, api, type Problem } from '../../api';
import { TABLE, framesOf } from '../../datasource/frames';

const HOUR_MS = 3_600_000;
const POINTS = 240;

export interface Span {
  from: number;
  to: number;
}

export const lastHour = (): Span => ({ from: Date.now() - HOUR_MS, to: Date.now() });

export const spanOf = (range: TimeRange): Span => ({ from: range.from.valueOf(), to: range.to.valueOf() });

export function requestOf(rawSql: string, span: Span) {
  return {
    dashboard: null,
    panel: null,
    from_ms: span.from,
    to_ms: span.to,
    interval_ms: Math.max(1000, Math.round((span.to - span.from) / POINTS)),
    max_points: POINTS,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    queries: [{ refId: 'A', rawSql, format: TABLE }],
    variables: {},
  };
}

export async function askFrame(sql: string, span: Span = lastHour(), signal?: AbortSignal): Promise<DataFrame> {
  const { results, fresh } = await api.query(requestOf(sql, span), signal);
  const [result] = results;
  if (!result || result.error) {
    const problem: Problem = result?.error ?? { error: 'the server did not answer the query' };
    throw new ApiError(200, problem);
  }
  return framesOf(result, TABLE, fresh)[0] ?? { fields: [], length: 0 };
}

/** Rows as objects by column, for short lists. */
export function rowsOf<Row>(frame: DataFrame): Row[] {
  return Array.from({ length: frame.length }, (_, at) => Object.fromEntries(frame.fields.map((field) => [field.name, field.values[at]])) as Row);
}
