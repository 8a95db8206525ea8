// How fresh the data is, in large calm numbers.
import { Figure, Figures } from '../kit/Facts';
import type { KafkaStatus, PipeStatus } from '../kit/status';
import { Way } from '../kit/Way';
import { bytesText, countText, durationParts, durationText, plural, rateText } from '../kit/words';
import { waysIn } from '../kit/ways';
import { tablesLine } from './story';

const LATE_S = 10;

export function Freshness({ status }: { status: PipeStatus }) {
  const { source, kafka, freshness_ms: fresh, tables } = status;
  const stands = !source.connected || status.paused_since !== null;
  const lag = durationParts(source.lag_seconds);
  const visible = durationParts(fresh.p50 === null ? null : fresh.p50 / 1000);
  const rate = tables.reduce((sum, table) => sum + table.rows_per_second, 0);
  const rejected = tables.reduce((sum, table) => sum + table.rejected_rows, 0);
  return (
    <Figures>
      {waysIn(status).stream && (
        <Figure
          name="Behind Postgres"
          value={stands ? '–' : lag.value}
          unit={stands ? undefined : lag.unit}
          tone={stands || source.lag_seconds > LATE_S ? 'warn' : undefined}
        >
          {status.paused_since !== null ? 'paused' : source.connected ? `${bytesText(source.lag_bytes)} of its log on the way` : 'not connected'}
        </Figure>
      )}
      {kafka && <BehindTopics kafka={kafka} />}
      <Figure name="Commit to visible" value={visible.value} unit={visible.unit}>
        {fresh.p99 === null ? 'nothing was committed yet' : `half of the batches; 99 % within ${durationText(fresh.p99 / 1000)}`}
      </Figure>
      <Figure name="Changes" value={rateText(rate)} unit="rows/s">
        over the last 10 s
      </Figure>
      <Figure name="Tables" value={countText(tables.filter((table) => table.state === 'streaming').length)} unit={`of ${tables.length} streaming`}>
        <Way to="/pipe">{rejected > 0 ? `${plural(rejected, 'row')} set aside` : tables.every((table) => table.state === 'streaming') ? 'each of them' : tablesLine(tables).text}</Way>
      </Figure>
    </Figures>
  );
}

function BehindTopics({ kafka }: { kafka: KafkaStatus }) {
  const lag = durationParts(kafka.lag_seconds);
  return (
    <Figure
      name="Behind the topics"
      value={kafka.connected ? lag.value : '–'}
      unit={kafka.connected ? lag.unit : undefined}
      tone={!kafka.connected || kafka.lag_seconds > LATE_S ? 'warn' : undefined}
    >
      {kafka.connected ? `${plural(kafka.lag_messages, 'message')} on the way` : 'not connected'}
    </Figure>
  );
}
