// A panel and beside it what can be changed of it. A change goes into the document and is drawn at once; the file is
// written by Save alone.
import { getFieldDisplayName, type GrafanaTheme2 } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';
import { sceneGraph, type VizPanel } from '@grafana/scenes';
import { css } from '@emotion/css';
import type { DashboardScene } from '../DashboardScene';
import { toaster } from '../../host/toaster';
import { PanelBody } from '../PanelBody';
import { setIn, type Path } from '../setIn';
import { FieldOptions } from './FieldOptions';
import { JsonOptions } from './JsonOptions';
import { PanelOptions } from './PanelOptions';
import { Queries } from './Queries';
import { SpecOptions } from './SpecOptions';

/** Changes one value of the panel's JSON. */
export type Change = (path: Path, value: unknown) => void;

export default function EditPane({ scene, panel, onClose }: { scene: DashboardScene; panel: VizPanel; onClose: () => void }) {
  const styles = useStyles2(getStyles);
  scene.useState();
  const id = panel.getLegacyPanelId();
  const { data } = sceneGraph.getData(panel).useState();
  const fieldNames = (data?.series ?? []).flatMap((frame) => frame.fields.map((field) => getFieldDisplayName(field, frame, data?.series)));
  const json = scene.panel(id);
  if (!json) {
    return null;
  }
  // Of the panel as it is then: several drafts are applied in one go.
  const change: Change = (path, value) => scene.changePanel(id, setIn(scene.panel(id)!, path, value));
  const done = () => {
    try {
      scene.applyDrafts();
      onClose();
    } catch (error) {
      toaster.error('What is typed cannot be applied', error);
    }
  };
  return (
    <div className={styles.split}>
      <div className={styles.left}>
        <div className={styles.panel}>
          <PanelBody panel={panel} />
        </div>
        <Queries scene={scene} panel={json} change={change} />
      </div>
      <aside className={styles.pane} aria-label="Panel options">
        <div className={styles.head}>
          <h2 className={styles.title}>Edit panel</h2>
          <Button size="sm" onClick={done}>
            Done
          </Button>
        </div>
        <PanelOptions panel={json} change={change} />
        <FieldOptions panel={json} change={change} />
        <SpecOptions panel={json} fieldNames={fieldNames} change={change} />
        <JsonOptions scene={scene} panel={json} replace={(next) => scene.changePanel(id, next)} />
      </aside>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  split: css({
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 1fr) 360px',
    gap: theme.spacing(1.5),
    flex: 1,
    '@media (max-width: 1023px)': { gridTemplateColumns: 'minmax(0, 1fr)' },
  }),
  left: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(1.5), minWidth: 0 }),
  panel: css({ height: 'max(300px, 46vh)', containerType: 'inline-size' }),
  pane: css({
    background: theme.colors.background.primary,
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
    padding: theme.spacing(1.5),
    minWidth: 0,
  }),
  head: css({ display: 'flex', alignItems: 'center', justifyContent: 'space-between', marginBottom: theme.spacing(1.5) }),
  title: css({ ...theme.typography.h6, margin: 0 }),
});
