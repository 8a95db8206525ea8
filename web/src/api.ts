// Everything the page asks its server: one typed function a path of docs/page.md.
// Paths are relative to <base href>, so the page works below any prefix.

export type Role = 'viewer' | 'editor' | 'admin';

export interface Session {
  user: { name: string; role: Role } | null;
  login: 'open' | 'password' | 'proxy';
  csrf: string | null;
  version: string;
  /** Not told to whoever is not logged in. */
  project: { name: string; writable: boolean; reason: string | null } | null;
}

export interface DashboardEntry {
  uid: string;
  title: string;
  description: string | null;
  tags: string[];
  file: string;
  folder: string;
  panels: number;
}

/** A dashboard as Grafana writes it. What we do not read, we keep. */
export type DashboardJson = Record<string, any>;

export interface DashboardDocument {
  dashboard: DashboardJson;
  file: string;
  version: string;
  writable: boolean;
  reason: string | null;
}

/** 0 time series, 1 table, 2 logs, 3 trace, 256 unset: Grafana's numbers. */
export type QueryFormat = 0 | 1 | 2 | 3 | 256;

export interface QueryItem {
  refId: string;
  rawSql: string;
  format: number;
}

export interface VariableValue {
  value: string | string[];
  text: string | string[];
  all: boolean;
}

export interface QueryRequest {
  dashboard: string | null;
  panel: number | null;
  from_ms: number;
  to_ms: number;
  interval_ms: number;
  max_points: number;
  timezone: string;
  queries: QueryItem[];
  variables: Record<string, VariableValue>;
}

export interface Problem {
  error: string;
  detail?: string | null;
  hint?: string | null;
}

/** Values by column; wide numbers and times as strings. */
export interface Answer {
  meta: Array<{ name: string; type: string }>;
  data: unknown[][];
  rows: number;
  statistics: { elapsed: number; rows_read: number; bytes_read: number };
}

export interface QueryResult {
  refId: string;
  sql: string;
  answer: Answer | null;
  error: Problem | null;
  limited: boolean;
}

/** How far behind the source the data is: the commit that is visible, and commit to visible. */
export interface Fresh {
  at_ms: number;
  lag_seconds: number | null;
  p50_ms: number | null;
  p99_ms: number | null;
}

export interface QueryResponse {
  results: QueryResult[];
  fresh: Fresh | null;
}

export interface SchemaColumn {
  name: string;
  type: string;
  comment: string;
}

export interface SchemaTable {
  name: string;
  engine: string;
  columns: SchemaColumn[];
}

export interface Schema {
  databases: Array<{ name: string; tables: SchemaTable[] }>;
}

/** The document of the operations port; its fields are those of `crates/serve/src/ops`. */
export type Status = Record<string, any>;

export interface AlertInstance {
  labels: Record<string, string>;
  state: string;
  since_ms: number;
  values: Record<string, number | null>;
  annotations: Record<string, string>;
}

export interface AlertRule {
  uid: string;
  title: string;
  state: string;
  health: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  for_s: number;
  last_evaluation_ms: number | null;
  next_evaluation_ms: number | null;
  missed: number;
  error: string | null;
  paused: boolean;
  instances: AlertInstance[];
}

export interface AlertGroup {
  folder: string;
  name: string;
  interval_s: number;
  rules: AlertRule[];
}

export interface Matcher {
  name: string;
  op: '=' | '!=' | '=~' | '!~';
  value: string;
}

export interface NewSilence {
  matchers: Matcher[];
  starts_ms: number;
  ends_ms: number;
  comment: string;
}

export interface Silence extends NewSilence {
  id: string;
  created_by?: string;
}

export interface Alerts {
  groups: AlertGroup[];
  contact_points: Array<{ name: string; kinds: string[] }>;
  silences: Silence[];
}

export interface AlertTransition {
  at_ms: number;
  rule: string;
  labels: Record<string, string>;
  from: string;
  to: string;
  values: Record<string, number | null>;
}

export interface ContactTest {
  sent: Array<{ kind: string; ok: boolean; error: string | null }>;
}

export interface RunNode {
  node: string;
  kind: string;
  status: string;
  seconds: number | null;
  error: string | null;
  relation: string | null;
  depends_on: string[];
}

export interface Run {
  id: string;
  schedule: string | null;
  command: string;
  status: string;
  started_ms: number;
  seconds: number | null;
  sla_seconds: number | null;
  error: string | null;
  nodes: RunNode[];
}

/** A refusal of the server, in its three sentences. */
export class ApiError extends Error {
  readonly status: number;
  readonly detail: string | null;
  readonly hint: string | null;

  constructor(status: number, problem: Problem) {
    super(problem.error);
    this.name = 'ApiError';
    this.status = status;
    this.detail = problem.detail ?? null;
    this.hint = problem.hint ?? null;
  }
}

let csrf = '';
let loggedOut = () => {};

/** Called when the server no longer knows the session that the page has. */
export const onLoggedOut = (told: () => void) => {
  loggedOut = told;
};

export const api = {
  session: () => keep(ask<Session>('GET', 'session')),
  login: (user: string, password: string) => keep(ask<Session>('POST', 'session', { user, password })),
  logout: () => ask<void>('DELETE', 'session'),
  dashboards: () => ask<DashboardEntry[]>('GET', 'dashboards'),
  dashboard: (uid: string) => ask<DashboardDocument>('GET', `dashboards/${encodeURIComponent(uid)}`),
  saveDashboard: (uid: string, dashboard: DashboardJson, version: string) =>
    ask<{ version: string }>('PUT', `dashboards/${encodeURIComponent(uid)}`, { dashboard, version }),
  query: async (request: QueryRequest, signal?: AbortSignal): Promise<QueryResponse> => {
    const response = await ask<QueryResponse>('POST', 'query', request, signal);
    return { ...response, results: response.results.map((result) => ({ ...result, answer: result.answer && byColumn(result.answer) })) };
  },
  schema: () => ask<Schema>('GET', 'schema'),
  status: () => ask<Status>('GET', 'status'),
  alerts: () => ask<Alerts>('GET', 'alerts'),
  alertHistory: (limit = 200) => ask<AlertTransition[]>('GET', `alerts/history?limit=${limit}`),
  silence: (silence: NewSilence) => ask<Silence>('POST', 'alerts/silences', silence),
  unsilence: (id: string) => ask<void>('DELETE', `alerts/silences/${encodeURIComponent(id)}`),
  testContactPoint: (contact_point: string) => ask<ContactTest>('POST', 'alerts/test', { contact_point }),
  runs: () => ask<Run[]>('GET', 'runs'),
};

/** ClickHouse writes JSONCompact by row, and everything here reads columns. An answer that is by column already stays. */
export function byColumn(answer: Answer): Answer {
  const { meta, data, rows } = answer;
  const isByRow = data.length === rows && data.every((row) => row.length === meta.length);
  return isByRow ? { ...answer, data: meta.map((_, column) => data.map((row) => row[column])) } : answer;
}

async function keep(asked: Promise<Session>): Promise<Session> {
  const session = await asked;
  csrf = session.csrf ?? '';
  return session;
}

export async function ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (method !== 'GET') {
    headers['Content-Type'] = 'application/json';
    headers['X-Millrace-Csrf'] = csrf;
  }
  const response = await fetch(new URL(`api/${path}`, document.baseURI), {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: 'same-origin',
    signal,
  });
  const text = await response.text();
  if (!response.ok) {
    if (response.status === 401 && path !== 'session') {
      loggedOut();
    }
    throw new ApiError(response.status, problemOf(response, text));
  }
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

function problemOf(response: Response, text: string): Problem {
  try {
    const problem = JSON.parse(text);
    if (typeof problem?.error === 'string') {
      return problem;
    }
  } catch {
    // Not one of our own answers: a proxy's page, say.
  }
  return { error: `the server answered ${response.status} ${response.statusText}`.trim(), detail: text.slice(0, 300) };
}

/** Any thrown thing as the three sentences that an error card shows. */
export function problemFrom(thrown: unknown): Problem {
  if (thrown instanceof ApiError) {
    return { error: thrown.message, detail: thrown.detail, hint: thrown.hint };
  }
  return { error: thrown instanceof Error ? thrown.message : String(thrown) };
}
