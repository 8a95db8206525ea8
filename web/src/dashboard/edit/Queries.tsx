// The queries of a panel: their SQL, and whether the rows are series, a table or logs.
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, IconButton, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { useEffect, useState } from 'react';
import { api, type Schema } from '../../api';
import { LOGS, TABLE, TIME_SERIES } from '../../datasource/frames';
import { LazyCodeEditor } from '../../editor/LazyCodeEditor';
import type { DashboardScene } from '../DashboardScene';
import type { PanelJson, TargetJson } from '../json';
import type { Change } from './EditPane';
import { useDraft } from './useDraft';

const formats = [
  { value: TIME_SERIES, label: 'Time series' },
  { value: TABLE, label: 'Table' },
  { value: LOGS, label: 'Logs' },
];

export function Queries({ scene, panel, change }: { scene: DashboardScene; panel: PanelJson; change: Change }) {
  const [schema, setSchema] = useState<Schema>();
  useEffect(() => void api.schema().then(setSchema, () => setSchema(undefined)), []);
  const targets = panel.targets ?? [];
  // By its name: the one that was there may have been removed.
  const setSql = (refId: string, sql: string) => {
    const at = scene.panel(panel.id)?.targets?.findIndex((target) => target.refId === refId) ?? -1;
    if (at >= 0) {
      change(['targets', at, 'rawSql'], sql);
    }
  };
  const add = () => change(['targets'], [...targets, { ...templateOf(targets), refId: nextRefId(targets), rawSql: 'SELECT 1' }]);
  return (
    <div>
      {targets.map((target, at) => (
        <Query
          key={target.refId}
          scene={scene}
          target={target}
          schema={schema}
          setSql={(sql) => setSql(target.refId, sql)}
          set={(name, value) => change(['targets', at, name], value)}
          remove={targets.length > 1 ? () => change(['targets'], targets.filter((_, index) => index !== at)) : undefined}
        />
      ))}
      <Button size="sm" variant="secondary" icon="plus" onClick={add}>
        Query
      </Button>
    </div>
  );
}

/** A new query takes its source and its format from the one before it. */
function templateOf(targets: TargetJson[]): Partial<TargetJson> {
  const last = targets[targets.length - 1];
  return { ...(last?.datasource !== undefined && { datasource: last.datasource }), format: last?.format ?? TIME_SERIES };
}

function nextRefId(targets: TargetJson[]): string {
  const taken = new Set(targets.map((target) => target.refId));
  for (let code = 65; ; code++) {
    const refId = code <= 90 ? String.fromCharCode(code) : `Q${code - 90}`;
    if (!taken.has(refId)) {
      return refId;
    }
  }
}

interface QueryProps {
  scene: DashboardScene;
  target: TargetJson;
  schema: Schema | undefined;
  setSql: (sql: string) => void;
  set: (name: keyof TargetJson, value: unknown) => void;
  remove: (() => void) | undefined;
}

function Query({ scene, target, schema, setSql, set, remove }: QueryProps) {
  const styles = useStyles2(getStyles);
  const [text, setText] = useState(target.rawSql ?? '');
  useEffect(() => setText(target.rawSql ?? ''), [target.rawSql]);
  const changed = text !== (target.rawSql ?? '');
  useDraft(scene, `query ${target.refId}`, changed, () => setSql(text));
  return (
    <section className={styles.query}>
      <div className={styles.head}>
        <h3 className={styles.name}>{target.refId}</h3>
        <RadioButtonGroup size="sm" options={formats} value={target.format ?? TIME_SERIES} onChange={(format) => set('format', format)} aria-label={`Format of query ${target.refId}`} />
        <div className={styles.tools}>
          <Button size="sm" variant={changed ? 'primary' : 'secondary'} icon="play" onClick={() => setSql(text)} disabled={!changed} tooltip="Ctrl+Enter">
            Apply
          </Button>
          <IconButton name={target.hide ? 'eye-slash' : 'eye'} tooltip={target.hide ? 'Run this query' : 'Do not run this query'} onClick={() => set('hide', target.hide ? undefined : true)} />
          {remove && <IconButton name="trash-alt" tooltip="Remove" onClick={remove} />}
        </div>
      </div>
      <LazyCodeEditor label={`SQL of query ${target.refId}`} language="sql" value={text} onChange={setText} onRun={setSql} schema={schema} minHeight="120px" />
    </section>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  query: css({ marginBottom: theme.spacing(1.5) }),
  head: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(1.5), marginBottom: theme.spacing(0.75) }),
  name: css({ ...theme.typography.h6, margin: 0 }),
  tools: css({ marginLeft: 'auto', display: 'flex', alignItems: 'center', gap: theme.spacing(1) }),
});
