// Lag, freshness and rate over the last hour, from the samples that the pipe keeps of itself.
import type { DataFrame, GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { askFrame, lastHour, type Span } from '../kit/ask';
import { Section } from '../kit/Section';
import { Loaded, Nothing } from '../kit/States';
import { TimePlot } from '../kit/TimePlot';
import { usePolled } from '../kit/usePolled';
import type { Ways } from '../kit/ways';
import { durationText, plotBytesText, rateText } from '../kit/words';

const EVERY_MS = 10_000;
const SQL = `SELECT $__timeInterval(at) AS time, max(lag_seconds) AS lag_s, max(lag_bytes) AS lag_bytes,
  avg(freshness_p50_ms) / 1000 AS p50_s, max(freshness_p99_ms) / 1000 AS p99_s, avg(rows_per_second) AS rate
FROM millrace.samples WHERE $__timeFilter(at) GROUP BY time ORDER BY time`;

const TOPICS_SQL = `SELECT time, max(seconds) AS lag_s, sum(messages) AS lag_messages
FROM (
  SELECT $__timeInterval(at) AS time, consumer, topic, partition, max(lag_seconds) AS seconds, max(lag_messages) AS messages
  FROM millrace.kafka_samples WHERE $__timeFilter(at) GROUP BY time, consumer, topic, partition
) GROUP BY time ORDER BY time`;

interface Samples {
  frame: DataFrame;
  topics?: DataFrame;
  span: Span;
}

async function ask(ways: Ways, signal: AbortSignal): Promise<Samples> {
  const span = lastHour();
  const [frame, topics] = await Promise.all([askFrame(SQL, span, signal), ways.topics ? askFrame(TOPICS_SQL, span, signal) : undefined]);
  return { frame, topics, span };
}

type Values = Array<number | null>;
const valuesOf = (frame: DataFrame) => (name: string) => (frame.fields.find((field) => field.name === name)?.values ?? []) as Values;

export function Plots({ ways }: { ways: Ways }) {
  const styles = useStyles2(getStyles);
  const samples = usePolled((signal) => ask(ways, signal), EVERY_MS, String(ways.topics));
  return (
    <Section title="The last hour">
      <Loaded from={samples} lines={6}>
        {({ frame, topics, span }) => {
          if (frame.length === 0) {
            return (
              <Nothing title="No samples of the last hour" icon="clock-nine">
                One is kept every 10 s while Millrace runs.
              </Nothing>
            );
          }
          const values = valuesOf(frame);
          const shared = { span, times: values('time') as number[], cursor: 'pipe' };
          return (
            <div className={styles.plots}>
              {ways.stream && <TimePlot {...shared} label="Behind Postgres, in time" format={durationText} lines={[{ name: 'Behind Postgres', values: values('lag_s') }]} />}
              {topics && <TopicPlots frame={topics} span={span} />}
              <TimePlot {...shared} label="Commit to visible" format={durationText} lines={[{ name: 'Visible after, half of all', values: values('p50_s') }, { name: '99 %', values: values('p99_s') }]} />
              <TimePlot {...shared} label="Rows a second" format={(value) => `${rateText(value)}/s`} lines={[{ name: 'Rows', values: values('rate') }]} />
              {ways.stream && <TimePlot {...shared} label="Behind Postgres, in bytes of its log" format={plotBytesText} lines={[{ name: 'Log on the way', values: values('lag_bytes') }]} />}
            </div>
          );
        }}
      </Loaded>
    </Section>
  );
}

function TopicPlots({ frame, span }: { frame: DataFrame; span: Span }) {
  const values = valuesOf(frame);
  const shared = { span, times: values('time') as number[], cursor: 'pipe' };
  return (
    <>
      <TimePlot {...shared} label="Behind the topics, in time" format={durationText} lines={[{ name: 'Behind the topics', values: values('lag_s') }]} />
      <TimePlot {...shared} label="Behind the topics, in messages" format={rateText} lines={[{ name: 'Messages on the way', values: values('lag_messages') }]} />
    </>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  plots: css({ display: 'grid', gridTemplateColumns: 'repeat(auto-fit, minmax(min(420px, 100%), 1fr))', gap: theme.spacing(1.5, 3) }),
});
