// What admins tell the pipe: the paths of `crates/serve/src/ops`, with the session's token.
import { ask } from '../../api';

export interface QuarantineGroup {
  table: string;
  column: string;
  reason: string;
  rows: number;
  superseded: number;
  newest: string;
}

export interface QuarantinedRow {
  table: string;
  position: string;
  op: string;
  column: string;
  reason: string;
  state: string;
  at: string;
  row: unknown;
}

export interface QuarantineFilter {
  tables: string[];
  column?: string;
  rows_max?: number;
}

export interface Replayed {
  table: string;
  replayed: number;
  refused: number;
  superseded: number;
  skipped: string | null;
}

const post = <T>(path: string, body?: unknown) => ask<T>('POST', path, body);

export const ops = {
  pause: () => post<{ since: number }>('pause'),
  resume: () => post<{ paused_since: number | null }>('resume'),
  resync: (tables: string[]) => post<Array<{ name: string; kept_as: string | null }>>('resync', { tables }),
  quarantine: () => post<QuarantineGroup[]>('quarantine/list'),
  show: (filter: QuarantineFilter) => post<QuarantinedRow[]>('quarantine/show', filter),
  drop: (filter: QuarantineFilter) => post<Array<{ table: string; rows: number }>>('quarantine/drop', filter),
  replay: (tables: string[]) => post<Replayed[]>('quarantine/replay', { tables }),
};
