// One answer of the server as Grafana's data frames, with what the panel's footer and inspector tell of it.
import { DataFrameType, type DataFrame, type QueryResultMeta } from '@grafana/data';
import type { Answer, Fresh, QueryResult } from '../api';
import { fieldTypeOf, valuesOf } from './columnTypes';
import { longToWide } from './longToWide';

export const TIME_SERIES = 0;
export const TABLE = 1;
export const LOGS = 2;
export const TRACE = 3;

/** What a frame's `meta.custom` holds. */
export interface AnswerFacts {
  elapsedSeconds: number;
  rows: number;
  rowsRead: number;
  bytesRead: number;
  fresh: Fresh | null;
  /** When the answer was here, to tell its age. */
  receivedMs: number;
}

export function factsOf(frame: DataFrame | undefined): AnswerFacts | undefined {
  return frame?.meta?.custom as AnswerFacts | undefined;
}

export function framesOf(result: QueryResult, format: number | undefined, fresh: Fresh | null): DataFrame[] {
  const { answer } = result;
  if (!answer) {
    return [];
  }
  const frame: DataFrame = { refId: result.refId, fields: fieldsOf(answer), length: answer.rows, meta: metaOf(result, answer, fresh) };
  switch (format) {
    case TABLE:
      return [shownAs(frame, 'table')];
    case LOGS:
      return [shownAs(frame, 'logs')];
    case TRACE:
      return [shownAs(frame, 'trace')];
    default: {
      const wide = longToWide(frame);
      return [wide === frame ? frame : { ...wide, meta: { ...frame.meta, type: DataFrameType.TimeSeriesWide, preferredVisualisationType: 'graph' } }];
    }
  }
}

function fieldsOf(answer: Answer): DataFrame['fields'] {
  return answer.meta.map(({ name, type }, index) => ({
    name,
    type: fieldTypeOf(type),
    config: {},
    values: valuesOf(type, answer.data[index] ?? []),
  }));
}

function shownAs(frame: DataFrame, preferredVisualisationType: QueryResultMeta['preferredVisualisationType']): DataFrame {
  return { ...frame, meta: { ...frame.meta, preferredVisualisationType } };
}

function metaOf(result: QueryResult, answer: Answer, fresh: Fresh | null): QueryResultMeta {
  const facts: AnswerFacts = {
    elapsedSeconds: answer.statistics.elapsed,
    rows: answer.rows,
    rowsRead: answer.statistics.rows_read,
    bytesRead: answer.statistics.bytes_read,
    fresh,
    receivedMs: Date.now(),
  };
  return {
    executedQueryString: result.sql,
    custom: { ...facts },
    notices: result.limited ? [{ severity: 'warning', text: `The answer was cut after ${answer.rows.toLocaleString()} rows.` }] : undefined,
  };
}
