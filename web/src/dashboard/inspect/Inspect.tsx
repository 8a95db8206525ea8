// What stands behind a panel: the SQL as it ran, how long it took and what it read, how fresh it is, and the rows.
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, Drawer, Tab, TabsBar, useStyles2 } from '@grafana/ui';
import { sceneGraph, type VizPanel } from '@grafana/scenes';
import { css } from '@emotion/css';
import { useState } from 'react';
import { LazyCodeEditor } from '../../editor/LazyCodeEditor';
import { factsOf } from '../../datasource/frames';
import { answeredOf, bytes, seconds, sqlsOf } from '../facts';
import { useEscape } from '../../host/useEscape';
import { actions } from '../panelActions';
import { FrameTable } from './FrameTable';

type Part = 'query' | 'data';

export default function Inspect({ panel, onClose }: { panel: VizPanel; onClose: () => void }) {
  const [part, setPart] = useState<Part>('query');
  useEscape(onClose);
  const { data } = sceneGraph.getData(panel).useState();
  const does = actions(panel);
  const frames = data?.series ?? [];
  return (
    <Drawer
      title={panel.interpolate(panel.state.title, undefined, 'text') || 'Panel'}
      size="md"
      onClose={onClose}
      tabs={
        <TabsBar>
          <Tab label="Query" active={part === 'query'} onChangeTab={() => setPart('query')} />
          <Tab label="Data" active={part === 'data'} onChangeTab={() => setPart('data')} />
        </TabsBar>
      }
    >
      {part === 'query' ? (
        <Queries panel={panel} />
      ) : (
        <>
          <div style={{ display: 'flex', gap: 8, marginBottom: 12 }}>
            {does.exportCsv && <Button size="sm" variant="secondary" icon="download-alt" onClick={does.exportCsv}>CSV</Button>}
            {does.exportJson && <Button size="sm" variant="secondary" icon="download-alt" onClick={does.exportJson}>JSON</Button>}
          </div>
          {frames.map((frame, at) => (
            <FrameTable key={at} frame={frame} frames={frames} timeZone={sceneGraph.getTimeRange(panel).getTimeZone()} />
          ))}
          {frames.length === 0 && <p>No data in this time range.</p>}
        </>
      )}
    </Drawer>
  );
}

function Queries({ panel }: { panel: VizPanel }) {
  const styles = useStyles2(getStyles);
  const { data } = answeredOf(panel).useState();
  const byQuery = new Map((data?.series ?? []).map((frame) => [frame.refId, frame]));
  const openAsSql = actions(panel).openAsSql;
  return (
    <>
      {[...sqlsOf(data)].map(([refId, sql]) => {
        const frame = byQuery.get(refId);
        const facts = frame && factsOf(frame);
        return (
          <section key={refId} className={styles.query}>
            <h3 className={styles.title}>Query {refId}</h3>
            <LazyCodeEditor label={`SQL of query ${refId}, as it ran`} language="sql" value={sql} readOnly />
            {facts && (
              <dl className={styles.facts}>
                <Fact name="Time" value={seconds(facts.elapsedSeconds)} />
                <Fact name="Rows" value={facts.rows.toLocaleString('en')} />
                <Fact name="Rows read" value={facts.rowsRead.toLocaleString('en')} />
                <Fact name="Bytes read" value={bytes(facts.bytesRead)} />
                {facts.fresh && <Fact name="Lag" value={inSeconds(facts.fresh.lag_seconds)} />}
                {facts.fresh && <Fact name="Commit to visible, p50" value={inMilliseconds(facts.fresh.p50_ms)} />}
                {facts.fresh && <Fact name="p99" value={inMilliseconds(facts.fresh.p99_ms)} />}
              </dl>
            )}
          </section>
        );
      })}
      {data?.errors?.map((error, at) => (
        <p key={at} role="alert">
          {error.refId}: {error.message}
        </p>
      ))}
      {openAsSql && (
        <Button size="sm" variant="secondary" icon="database" onClick={openAsSql}>
          Open as SQL
        </Button>
      )}
    </>
  );
}

const inSeconds = (value: number | null) => (value === null ? 'not known' : seconds(value));
const inMilliseconds = (value: number | null) => (value === null ? 'not known' : seconds(value / 1000));

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  query: css({ marginBottom: theme.spacing(3) }),
  title: css({ ...theme.typography.h6 }),
  facts: css({
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(1, 3),
    margin: theme.spacing(1, 0),
    dt: { color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize, fontWeight: 400 },
    dd: { margin: 0, fontVariantNumeric: 'tabular-nums' },
  }),
});
