// A query variable's answer as options. One column: text and value are the same; two: first the value, then the text.
import type { MetricFindValue } from '@grafana/data';
import type { Answer } from '../api';

export function findValues(answer: Answer): MetricFindValue[] {
  const [values = [], texts = values] = answer.data;
  return values.map((value, row) => ({ value: String(value ?? ''), text: String(texts[row] ?? '') }));
}

/** A file has the query as text or as the model of Grafana's SQL editor. */
export function sqlOf(query: unknown): string {
  if (typeof query === 'string') {
    return query;
  }
  const model = query as { rawSql?: string; query?: string } | null;
  return model?.rawSql ?? model?.query ?? '';
}
