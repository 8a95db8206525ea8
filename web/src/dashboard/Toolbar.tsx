// Above a dashboard: its title, its links, its variables and annotations, the time, the refresh, and Save when it was edited.
import { LoadingState, type GrafanaTheme2 } from '@grafana/data';
import { Icon, ToolbarButton, Tooltip, useStyles2 } from '@grafana/ui';
import { SceneDataLayerSet, VariableValueSelectWrapper, type SceneDataLayerProvider, type VizPanel } from '@grafana/scenes';
import { css } from '@emotion/css';
import type { DashboardDocument } from '../api';
import { problemOfQuery } from '../datasource/clickhouse';
import { DashboardLinks } from './DashboardLinks';
import { DashboardMenu } from './DashboardMenu';
import type { DashboardScene } from './DashboardScene';
import { close } from './panelActions';
import { SaveButtons } from './SaveButtons';

interface ToolbarProps {
  scene: DashboardScene;
  document: DashboardDocument;
  /** The panel that is alone on the page. */
  alone: VizPanel | undefined;
}

export function Toolbar({ scene, document, alone }: ToolbarProps) {
  const styles = useStyles2(getStyles);
  const { title, timePicker, refreshPicker, $variables, $data } = scene.useState();
  const variables = $variables!.useState().variables;
  const layers = $data instanceof SceneDataLayerSet ? $data.state.layers : [];
  const shownLayers = layers.filter((layer) => !layer.state.isHidden);
  return (
    <div className={styles.bar}>
      <div className={styles.line}>
        {alone && <ToolbarButton icon="arrow-left" onClick={close} aria-label="Back to the dashboard" variant="canvas" />}
        <h1 className={styles.title}>
          {title}
          {alone && <span className={styles.panel}> / {alone.interpolate(alone.state.title, undefined, 'text') || 'Panel'}</span>}
        </h1>
        <DashboardLinks scene={scene} links={document.dashboard.links ?? []} />
        <div className={styles.controls}>
          <SaveButtons scene={scene} document={document} />
          <timePicker.Component model={timePicker} />
          <refreshPicker.Component model={refreshPicker} />
          <DashboardMenu scene={scene} />
        </div>
      </div>
      {(variables.length > 0 || shownLayers.length > 0) && (
        <div className={styles.line}>
          {variables.map((variable) => (
            <VariableValueSelectWrapper key={variable.state.key} variable={variable} />
          ))}
          {shownLayers.map((layer) => (
            <LayerSwitch key={layer.state.key} layer={layer} />
          ))}
        </div>
      )}
    </div>
  );
}

/** A layer of annotations, on or off. */
function LayerSwitch({ layer }: { layer: SceneDataLayerProvider }) {
  const styles = useStyles2(getStyles);
  const { name, isEnabled, data } = layer.useState();
  const problem = data?.state === LoadingState.Error ? (problemOfQuery(layer) ?? { error: 'its query failed' }) : undefined;
  const why = problem && `${name} could not be asked: ${[problem.error, problem.detail].filter(Boolean).join('. ')}`;
  return (
    <label className={styles.layer}>
      <input type="checkbox" checked={Boolean(isEnabled)} onChange={() => layer.setState({ isEnabled: !isEnabled })} />
      {name}
      {isEnabled && why && (
        <Tooltip content={why}>
          <span className={styles.failed} tabIndex={0} role="note" aria-label={why}>
            <Icon name="exclamation-triangle" size="sm" />
          </span>
        </Tooltip>
      )}
    </label>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  bar: css({
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(0.75),
    padding: theme.spacing(1, 0),
    position: 'sticky',
    top: 40,
    zIndex: theme.zIndex.sidemenu,
    background: theme.colors.background.canvas,
    '@media (max-width: 767px)': { position: 'static' },
  }),
  line: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(1) }),
  title: css({ ...theme.typography.h5, fontWeight: 600, margin: 0, overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap', minWidth: 0 }),
  panel: css({ color: theme.colors.text.secondary, fontWeight: 400 }),
  controls: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(1), marginLeft: 'auto' }),
  failed: css({ display: 'inline-flex', color: theme.colors.warning.text }),
  layer: css({
    display: 'inline-flex',
    alignItems: 'center',
    gap: theme.spacing(0.75),
    height: 32,
    padding: theme.spacing(0, 1),
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
    background: theme.colors.background.primary,
    fontSize: theme.typography.bodySmall.fontSize,
    input: { accentColor: theme.colors.primary.main },
  }),
});
