// Runs one request against a data source and tells it as Grafana's panels expect: Loading, then Done or Error.
// Whoever unsubscribes cancels the query.
import { LoadingState, isDataFrame, toDataFrame, type DataFrame, type DataQueryRequest, type DataQueryResponse, type DataSourceApi, type PanelData } from '@grafana/data';
import { catchError, defer, from, isObservable, map, merge, of, takeUntil, timer, type Observable, share } from 'rxjs';

/** An answer that comes within this time does not flash a loading bar. */
const QUIET_MS = 200;

export function runRequest(
  source: DataSourceApi,
  request: DataQueryRequest,
  query: DataSourceApi['query'] = source.query.bind(source)
): Observable<PanelData> {
  const empty: PanelData = { state: LoadingState.Loading, series: [], annotations: [], request, timeRange: request.range };
  if (request.targets.length === 0) {
    return of({ ...empty, state: LoadingState.Done });
  }
  const answer = defer(() => {
    const asked = query(request);
    return isObservable(asked) ? (asked as Observable<DataQueryResponse>) : from(asked as Promise<DataQueryResponse>);
  }).pipe(
    map((response) => told(empty, request, response)),
    catchError((error) => of({ ...empty, state: LoadingState.Error, error, errors: [error] })),
    share()
  );
  return merge(answer, timer(QUIET_MS).pipe(map(() => empty), takeUntil(answer)));
}

function told(empty: PanelData, request: DataQueryRequest, response: DataQueryResponse): PanelData {
  const errors = response.errors?.length ? response.errors : response.error ? [response.error] : [];
  const frames = response.data.map((data): DataFrame => (isDataFrame(data) ? data : toDataFrame(data)));
  request.endTime = Date.now();
  return {
    ...empty,
    state: errors.length > 0 ? LoadingState.Error : (response.state ?? LoadingState.Done),
    series: frames,
    error: errors[0],
    errors: errors.length > 0 ? errors : undefined,
  };
}
