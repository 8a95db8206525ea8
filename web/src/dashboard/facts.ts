// What a panel tells of its answer, in words: how old the data is, how long it took, how much was read.
import { getValueFormat, formattedValueToString, type PanelData } from '@grafana/data';
import { SceneDataTransformer, sceneGraph, type SceneDataProvider, type SceneObject } from '@grafana/scenes';
import type { ClickHouseError } from '../datasource/clickhouse';
import { factsOf, type AnswerFacts } from '../datasource/frames';

export interface PanelFactsText {
  /** `0.4 s`, the age of the newest commit in the answer. */
  age: string | undefined;
  /** `data as of 0.4 s ago · 12 ms · 1,204 rows` */
  line: string;
}

/** The data as it was answered: transformations make frames that know nothing of their query. */
export function answeredOf(object: SceneObject): SceneDataProvider {
  const provider = sceneGraph.getData(object);
  return (provider instanceof SceneDataTransformer && provider.state.$data) || provider;
}

/** The SQL as it ran, also of a query that failed. */
export function sqlsOf(data: PanelData | undefined): Map<string, string> {
  const sqls = new Map<string, string>();
  for (const error of data?.errors ?? []) {
    const { refId, sql } = error as ClickHouseError;
    if (refId && sql) {
      sqls.set(refId, sql);
    }
  }
  for (const { refId, meta } of data?.series ?? []) {
    if (refId && meta?.executedQueryString) {
      sqls.set(refId, meta.executedQueryString);
    }
  }
  return sqls;
}

export function factsOfData(data: PanelData | undefined): AnswerFacts[] {
  const seen = new Map<string, AnswerFacts>();
  for (const frame of data?.series ?? []) {
    const facts = factsOf(frame);
    if (facts?.receivedMs) {
      seen.set(frame.refId ?? '', facts);
    }
  }
  return [...seen.values()];
}

export function describe(all: AnswerFacts[], nowMs: number): PanelFactsText {
  const age = ageSeconds(all, nowMs);
  const elapsed = Math.max(0, ...all.map((facts) => facts.elapsedSeconds));
  const rows = all.reduce((sum, facts) => sum + facts.rows, 0);
  const parts = [`${seconds(elapsed)}`, rows === 1 ? '1 row' : `${rows.toLocaleString('en')} rows`];
  if (age !== undefined) {
    parts.unshift(`data as of ${seconds(age)} ago`);
  } else if (all.some(({ fresh }) => fresh)) {
    parts.unshift('the pipe stands: how old the data is, is not known');
  }
  return { age: age === undefined ? undefined : seconds(age), line: parts.join(' · ') };
}

/** The lag when the query began, what it took, and the time since. */
function ageSeconds(all: AnswerFacts[], nowMs: number): number | undefined {
  const ages = all.flatMap(({ fresh, elapsedSeconds, receivedMs }) =>
    typeof fresh?.lag_seconds === 'number' ? [fresh.lag_seconds + elapsedSeconds + Math.max(0, nowMs - receivedMs) / 1000] : []
  );
  // Of one that is not known no age is told.
  if (all.some(({ fresh }) => fresh?.lag_seconds === null)) {
    return undefined;
  }
  return ages.length > 0 ? Math.max(...ages) : undefined;
}

export function seconds(value: number): string {
  if (value < 1) {
    return value < 0.1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
  }
  return value < 90 ? `${Math.round(value)} s` : formattedValueToString(getValueFormat('s')(value, 0));
}

export function bytes(value: number): string {
  return formattedValueToString(getValueFormat('bytes')(value, 1));
}
