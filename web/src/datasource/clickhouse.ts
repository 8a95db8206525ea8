// The page's one data source. It sends a query's SQL as it stands, with the values of the variables in scope;
// macros and variables are expanded on the server.
import {
  DataSourceApi,
  PluginType,
  type DataQuery,
  type DataQueryError,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceInstanceSettings,
  type LegacyMetricFindQueryOptions,
  type MetricFindValue,
  type TimeRange,
} from '@grafana/data';
import type { SceneObject } from '@grafana/scenes';
import { Observable } from 'rxjs';
import { ApiError, api, problemFrom, type Problem, type QueryItem, type QueryRequest } from '../api';
import { TABLE, TIME_SERIES, framesOf } from './frames';
import { findValues, sqlOf } from './findValues';
import { dashboardUidOf, panelIdOf, sceneObjectOf, variablesInScope } from './scope';

export interface ClickHouseQuery extends DataQuery {
  rawSql?: string;
  format?: number;
}

/** An error of a query keeps the server's three sentences for the panel's error card. */
export interface ClickHouseError extends DataQueryError {
  problem: Problem;
  /** As it ran. */
  sql?: string;
}

const problems = new WeakMap<SceneObject, Problem>();

/** Why the last query of an object failed. Of annotations the library tells only that it did. */
export const problemOfQuery = (object: SceneObject) => problems.get(object);

export const settings: DataSourceInstanceSettings = {
  uid: 'millrace',
  type: 'grafana-clickhouse-datasource',
  name: 'Millrace',
  access: 'proxy',
  readOnly: true,
  isDefault: true,
  jsonData: {},
  meta: {
    id: 'grafana-clickhouse-datasource',
    name: 'ClickHouse',
    type: PluginType.datasource,
    module: '',
    baseUrl: '',
    annotations: true,
    metrics: true,
    info: { author: { name: 'Millrace' }, description: '', links: [], logos: { large: '', small: '' }, updated: '', version: '', screenshots: [] },
  },
};

class ClickHouse extends DataSourceApi<ClickHouseQuery> {
  override interval = '1s';
  override annotations = {};

  override query(request: DataQueryRequest<ClickHouseQuery>): Observable<DataQueryResponse> {
    return new Observable((observer) => {
      const abort = new AbortController();
      const object = sceneObjectOf(request.scopedVars);
      const note = (problem: Problem | undefined) => {
        if (object) {
          problem ? problems.set(object, problem) : problems.delete(object);
        }
      };
      answer(request, abort.signal).then(
        (response) => {
          note((response.errors?.[0] as ClickHouseError | undefined)?.problem);
          observer.next(response);
          observer.complete();
        },
        (error) => {
          note(problemFrom(error));
          observer.error(errorOf(problemFrom(error), error instanceof ApiError ? error.status : undefined));
        }
      );
      return () => abort.abort();
    });
  }

  override async metricFindQuery(query: unknown, options?: LegacyMetricFindQueryOptions): Promise<MetricFindValue[]> {
    const rawSql = sqlOf(query);
    const range = options?.range;
    const request = { ...options, range } as unknown as DataQueryRequest<ClickHouseQuery>;
    const response = await api.query(requestOf(request, [{ refId: 'variable', rawSql, format: TABLE }]));
    const [result] = response.results;
    if (result.error) {
      throw errorOf(result.error);
    }
    return result.answer ? findValues(result.answer) : [];
  }

  override async testDatasource() {
    return { status: 'success', message: '' };
  }

  override getRef() {
    return { type: settings.type, uid: settings.uid };
  }
}

async function answer(request: DataQueryRequest<ClickHouseQuery>, signal: AbortSignal): Promise<DataQueryResponse> {
  const targets = request.targets.filter((target) => !target.hide && target.rawSql?.trim());
  if (targets.length === 0) {
    return { data: [] };
  }
  const queries = targets.map(({ refId, rawSql = '', format }) => ({ refId, rawSql, format: format ?? TIME_SERIES }));
  const response = await api.query(requestOf(request, queries), signal);
  const formats = new Map(queries.map(({ refId, format }) => [refId, format]));
  return {
    data: response.results.flatMap((result) => framesOf(result, formats.get(result.refId), response.fresh)),
    errors: response.results.flatMap((result) => (result.error ? [{ ...errorOf(result.error), refId: result.refId, sql: result.sql }] : [])),
  };
}

function requestOf(request: DataQueryRequest<ClickHouseQuery>, queries: QueryItem[]): QueryRequest {
  const object = sceneObjectOf(request.scopedVars);
  const range: TimeRange | undefined = request.range;
  return {
    dashboard: dashboardUidOf(object),
    panel: panelIdOf(object),
    from_ms: range?.from.valueOf() ?? Date.now() - 6 * 3_600_000,
    to_ms: range?.to.valueOf() ?? Date.now(),
    interval_ms: request.intervalMs || 1000,
    max_points: request.maxDataPoints ?? 1000,
    timezone: zoneOf(request.timezone),
    queries,
    variables: variablesInScope(object),
  };
}

/** The server needs a name of a zone, not what the user chose it by. */
function zoneOf(zone: string | undefined): string {
  if (!zone || zone === 'browser') {
    return Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
  return zone === 'utc' ? 'UTC' : zone;
}

function errorOf(problem: Problem, status?: number): ClickHouseError {
  return { message: [problem.error, problem.detail].filter(Boolean).join(': '), status, problem };
}

export const clickhouse = new ClickHouse(settings);
