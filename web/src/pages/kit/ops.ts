// What admins tell the pipe: the paths of `crates/serve/src/ops`, with the session's token.
import { ApiError, type Problem } from '../../api';

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

export function opsOf(csrf: string) {
  const post = <T>(path: string, body?: unknown) => ask<T>(csrf, path, body);
  return {
    pause: () => post<{ since: number }>('pause'),
    resume: () => post<{ paused_since: number | null }>('resume'),
    resync: (tables: string[]) => post<Array<{ name: string; kept_as: string | null }>>('resync', { tables }),
    quarantine: () => post<QuarantineGroup[]>('quarantine/list'),
    show: (filter: QuarantineFilter) => post<QuarantinedRow[]>('quarantine/show', filter),
    drop: (filter: QuarantineFilter) => post<Array<{ table: string; rows: number }>>('quarantine/drop', filter),
    replay: (tables: string[]) => post<Replayed[]>('quarantine/replay', { tables }),
  };
}

async function ask<T>(csrf: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(new URL(`api/${path}`, document.baseURI), {
    method: 'POST',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json', 'X-Millrace-Csrf': csrf },
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: 'same-origin',
  });
  const text = await response.text();
  const answer = parsed(text);
  if (!response.ok) {
    const said = (answer as Problem | undefined)?.error;
    throw new ApiError(response.status, said ? (answer as Problem) : { error: `the server answered ${response.status}`, detail: text.slice(0, 300) });
  }
  return answer as T;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
