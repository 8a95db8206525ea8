// A dashboard on the page: its toolbar, and below it the grid, one panel in full, or a panel and its editor.
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { Suspense, lazy, useEffect } from 'react';
import { useSearchParams } from 'react-router-dom';
import type { DashboardDocument } from '../api';
import { useSession } from '../host/session';
import type { DashboardScene } from './DashboardScene';
import { Help } from './Help';
import { useKeys } from './keys';
import { DashboardNotices } from './DashboardNotices';
import { EDIT, INSPECT, VIEW, close } from './panelActions';
import { PanelBody } from './PanelBody';
import { Toolbar } from './Toolbar';
import { useLeaveGuard } from './useLeaveGuard';

const EditPane = lazy(() => import('./edit/EditPane'));
const Inspect = lazy(() => import('./inspect/Inspect'));

export function DashboardView({ scene, document }: { scene: DashboardScene; document: DashboardDocument }) {
  const styles = useStyles2(getStyles);
  const [params, setParams] = useSearchParams();
  const { grid, title } = scene.useState();
  const { cells } = grid.useState();
  const help = useKeys(scene);
  const { canEdit } = useSession();

  useEffect(() => scene.activate(), [scene]);
  // The grid also stands behind a panel that is alone on the page: repeats go on following their variables.
  useEffect(() => grid.activate(), [grid]);
  useEffect(() => {
    window.document.title = title ? `${title} · Millrace` : 'Millrace';
  }, [title]);
  useLeaveGuard(scene);

  const editing = canEdit ? grid.panelAt(params.get(EDIT)) : undefined;
  const viewing = grid.panelAt(params.get(VIEW));
  const inspecting = grid.panelAt(params.get(INSPECT));
  const hidden = [EDIT, VIEW].map((name) => params.get(name)).find((address) => address && !grid.panelAt(address));
  useEffect(() => {
    if (hidden && cells.length > 0) {
      grid.openRowOf(hidden);
    }
  }, [grid, hidden, cells]);
  const endInspect = () => {
    params.delete(INSPECT);
    setParams(params);
  };

  return (
    <div className={styles.page}>
      <Toolbar scene={scene} document={document} alone={editing ?? viewing} />
      <DashboardNotices dashboard={document.dashboard} />
      {editing ? (
        <Suspense fallback={null}>
          <EditPane scene={scene} panel={editing} onClose={close} />
        </Suspense>
      ) : viewing ? (
        <div className={styles.alone}>
          <PanelBody key={viewing.state.key} panel={viewing} />
        </div>
      ) : (
        <grid.Component model={grid} />
      )}
      {inspecting && (
        <Suspense fallback={null}>
          <Inspect panel={inspecting} onClose={endInspect} />
        </Suspense>
      )}
      {help.shown && <Help onClose={help.hide} />}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  page: css({
    display: 'flex',
    flexDirection: 'column',
    flex: 1,
    minWidth: 0,
    padding: theme.spacing(0, 1.5, 1.5),
    '.panel-time-info': { color: theme.colors.primary.text, fontSize: theme.typography.bodySmall.fontSize, whiteSpace: 'nowrap', paddingLeft: 4 },
    [theme.breakpoints.down('md')]: { padding: theme.spacing(0, 1, 1) },
  }),
  // A grid, because a part of a least height is no height for what stands in it.
  alone: css({ flex: 1, display: 'grid', gridTemplateRows: 'minmax(0, 1fr)', minHeight: 'max(300px, 100vh - 110px)', containerType: 'inline-size' }),
});
