// An answer with a time column, drawn: a line for each column of numbers, or for each of its labels.
import { FieldType, getFieldDisplayName, type DataFrame, type Field } from '@grafana/data';
import { useMemo } from 'react';
import type { QueryResult } from '../../api';
import { TIME_SERIES, framesOf } from '../../datasource/frames';
import type { Span } from '../kit/ask';
import { Nothing } from '../kit/States';
import { TimePlot } from '../kit/TimePlot';
import { shortText } from '../kit/words';

const LINES_MAX = 12;

export function ResultChart({ result, span, onZoom }: { result: QueryResult; span: Span; onZoom: (span: Span) => void }) {
  const plot = useMemo(() => plotOf(framesOf(result, TIME_SERIES, null)[0], span), [result, span]);
  if (!plot) {
    return (
      <Nothing title="There is nothing to draw" icon="graph-bar">
        A chart needs a column of times and one of numbers, as in <code>SELECT $__timeInterval(at) AS time, count() … GROUP BY time ORDER BY time</code>.
      </Nothing>
    );
  }
  return (
    <>
      <TimePlot label="Result over time" {...plot} format={(value) => shortText(value)} height={360} onZoom={onZoom} />
      {plot.left > 0 && <p>The first {LINES_MAX} series are drawn; {plot.left} more are in the table.</p>}
    </>
  );
}

function plotOf(frame: DataFrame | undefined, asked: Span) {
  const time = frame?.fields.find((field) => field.type === FieldType.time);
  const numbers = frame?.fields.filter((field) => field.type === FieldType.number) ?? [];
  if (!frame || !time || numbers.length === 0 || frame.length === 0) {
    return null;
  }
  // Lines are drawn from left to right, however the rows came.
  const order = Array.from({ length: frame.length }, (_, row) => row)
    .filter((row) => time.values[row] !== null)
    .sort((a, b) => time.values[a] - time.values[b]);
  const times = order.map((row) => time.values[row] as number);
  const shown = numbers.slice(0, LINES_MAX);
  const isOneValue = shown.length > 1 && shown.every((field) => field.name === shown[0].name && field.labels);
  const nameOf = (field: Field) => (isOneValue ? Object.values(field.labels ?? {}).join(', ') : '') || getFieldDisplayName(field, frame, [frame]);
  const [first, last] = [times[0], times.at(-1)!];
  // A query that does not ask by the range is shown as long as it is.
  const within = first >= asked.from && last <= asked.to;
  return {
    times,
    span: within ? asked : { from: first, to: Math.max(last, first + 1) },
    lines: shown.map((field) => ({ name: nameOf(field), values: order.map((row) => field.values[row] as number | null) })),
    left: numbers.length - shown.length,
  };
}
