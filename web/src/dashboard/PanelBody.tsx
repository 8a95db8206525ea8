// A panel in its place: drawn by its plug-in, or covered by the server's error in full. Keys are taken by the panel
// that the mouse or the focus is on.
import { LoadingState, type GrafanaTheme2 } from '@grafana/data';
import { sceneGraph, type VizPanel } from '@grafana/scenes';
import { useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import type { Problem } from '../api';
import type { ClickHouseError } from '../datasource/clickhouse';
import { hovered } from './hovered';

export function PanelBody({ panel }: { panel: VizPanel }) {
  const styles = useStyles2(getStyles);
  const enter = () => hovered.enter(panel);
  return (
    <div className={styles.body} onMouseEnter={enter} onFocus={enter} onMouseLeave={() => hovered.leave(panel)} data-panel={panel.state.key}>
      <panel.Component model={panel} />
      <PanelError panel={panel} />
    </div>
  );
}

function PanelError({ panel }: { panel: VizPanel }) {
  const styles = useStyles2(getStyles);
  const { data } = sceneGraph.getData(panel).useState();
  const errors = data?.errors ?? (data?.error ? [data.error] : []);
  if (data?.state !== LoadingState.Error || errors.length === 0 || data.series.length > 0) {
    return null;
  }
  return (
    <div className={styles.error} role="alert">
      {errors.map((error, at) => (
        <ErrorText key={at} problem={(error as ClickHouseError).problem ?? { error: error.message ?? 'The query failed' }} refId={error.refId} />
      ))}
    </div>
  );
}

function ErrorText({ problem, refId }: { problem: Problem; refId?: string }) {
  const styles = useStyles2(getStyles);
  return (
    <div>
      <strong>
        {refId && `${refId}: `}
        {problem.error}
      </strong>
      {problem.detail && <div className={styles.detail}>{problem.detail}</div>}
      {problem.hint && <div>Hint: {problem.hint}</div>}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  body: css({ position: 'relative', width: '100%', height: '100%', '> div:first-of-type': { height: '100%' } }),
  error: css({
    position: 'absolute',
    inset: '33px 1px 1px 1px',
    overflow: 'auto',
    padding: theme.spacing(1, 1.5),
    background: theme.colors.background.primary,
    color: theme.colors.error.text,
    fontSize: theme.typography.bodySmall.fontSize,
  }),
  detail: css({ color: theme.colors.text.primary, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }),
});
