// The grid of a dashboard: 24 columns as in the file, one on a phone. It unfolds repeats when their variables change and
// keeps a panel's object (with its data) as long as its place and its JSON are the same.
import type { GrafanaTheme2 } from '@grafana/data';
import { Icon, useStyles2 } from '@grafana/ui';
import {
  LazyLoader,
  MultiValueVariable,
  SceneObjectBase,
  VariableDependencyConfig,
  VizPanel,
  sceneGraph,
  type SceneComponentProps,
  type SceneObjectState,
  type VariableValueOption,
} from '@grafana/scenes';
import { css } from '@emotion/css';
import { arrange, COLUMNS, type Cell, type Choice, type RowCell } from './arrange';
import { buildPanel, refit } from './buildPanel';
import type { PanelJson } from './json';
import { PanelBody } from './PanelBody';

const ROW_PX = 30;
const GAP_PX = 8;

interface GridState extends SceneObjectState {
  source: PanelJson[];
  cells: Cell[];
  panels: VizPanel[];
  /** Rows that the user opened or closed. */
  toggled: Record<string, boolean>;
}

export class DashboardGrid extends SceneObjectBase<GridState> {
  static Component = Grid;

  protected override _variableDependency = new VariableDependencyConfig<GridState>(this, {
    statePaths: [],
    onAnyVariableChanged: (variable) => {
      if (repeatsOf(this.state.source).has(variable.state.name)) {
        this.place();
      } else if (this.state.cells.some((cell) => cell.kind === 'row' && cell.title.includes('$'))) {
        this.forceRender();
      }
    },
  });

  private built = new Map<string, { json: PanelJson; panel: VizPanel }>();

  constructor({ source }: { source: PanelJson[] }) {
    super({ source, cells: [], panels: [], toggled: {} });
    this.addActivationHandler(() => this.place());
  }

  place() {
    const cells = arrange(this.state.source, {
      choices: (name) => choicesOf(this, name),
      collapsed: (key) => this.state.toggled[key],
    });
    const panels = cells.flatMap((cell) => (cell.kind === 'panel' ? this.panelOf(cell.key, cell.panel, cell.scoped) : []));
    this.setState({ cells, panels });
  }

  toggle(row: RowCell) {
    this.setState({ toggled: { ...this.state.toggled, [row.key]: !row.collapsed } });
    this.place();
  }

  /** The panel of an address: `panel-4~service=cart`, or as Grafana's links have it, `4`. Its row is opened. */
  panelAt(address: string | null): VizPanel | undefined {
    const id = idOf(address);
    return this.state.panels.find((panel) => panel.state.key === address) ?? this.state.panels.find((panel) => panel.getLegacyPanelId() === id);
  }

  openRowOf(address: string) {
    const row = this.state.source.find((panel) => panel.panels?.some((inner) => inner.id === idOf(address)));
    const closed = this.state.cells.filter((cell) => cell.kind === 'row' && cell.collapsed && idOf(cell.key) === row?.id);
    if (closed.length > 0) {
      this.setState({ toggled: { ...this.state.toggled, ...Object.fromEntries(closed.map((cell) => [cell.key, false])) } });
      this.place();
    }
  }

  private panelOf(key: string, json: PanelJson, scoped: Choice[]): VizPanel {
    const known = this.built.get(key);
    if (known && (known.json === json || refit(known.panel, known.json, json))) {
      known.json = json;
      return known.panel;
    }
    const panel = buildPanel(key, json, scoped);
    this.built.set(key, { json, panel });
    return panel;
  }
}

/** `panel-4~service=cart` → 4, `4` → 4 */
const idOf = (address: string | null) => Number(address?.replace(/^panel-/, '').split('~')[0]);

function repeatsOf(panels: PanelJson[]): Set<string> {
  return new Set(panels.flatMap((panel) => [panel.repeat, ...(panel.panels ?? []).map((inner) => inner.repeat)]).filter((name) => typeof name === 'string'));
}

function choicesOf(grid: DashboardGrid, name: string): Choice[] | undefined {
  const variable = sceneGraph.lookupVariable(name, grid);
  if (!(variable instanceof MultiValueVariable)) {
    return undefined;
  }
  if (variable.hasAllValue()) {
    return variable.state.options.map(({ value, label }: VariableValueOption) => ({ name, value: String(value), text: label }));
  }
  const values = [variable.state.value].flat();
  const texts = [variable.state.text].flat();
  return values.filter((value) => value !== '').map((value, at) => ({ name, value: String(value), text: String(texts[at] ?? value) }));
}

function Grid({ model }: SceneComponentProps<DashboardGrid>) {
  const styles = useStyles2(getStyles);
  const { cells, panels } = model.useState();
  const byKey = new Map(panels.map((panel) => [panel.state.key, panel]));
  return (
    <div className={styles.grid}>
      {cells.map((cell) =>
        cell.kind === 'row' ? (
          <Row key={cell.key} grid={model} cell={cell} />
        ) : (
          <div key={cell.key} className={styles.cell} style={placeOf(cell)}>
            <LazyLoader key={cell.key} mode="mount" className={styles.fill}>
              <PanelBody panel={byKey.get(cell.key)!} />
            </LazyLoader>
          </div>
        )
      )}
    </div>
  );
}

function Row({ grid, cell }: { grid: DashboardGrid; cell: RowCell }) {
  const styles = useStyles2(getStyles);
  const scoped = Object.fromEntries(cell.scoped.map(({ name, value, text }) => [name, { value, text }]));
  const title = sceneGraph.interpolate(grid, cell.title, scoped, 'text');
  return (
    <div className={styles.cell} style={placeOf(cell)}>
      <button type="button" className={styles.row} aria-expanded={!cell.collapsed} onClick={() => grid.toggle(cell)}>
        <Icon name={cell.collapsed ? 'angle-right' : 'angle-down'} />
        <span className={styles.rowTitle}>{title || 'Row'}</span>
        {cell.collapsed && <span className={styles.count}>{cell.panels === 1 ? '1 panel' : `${cell.panels} panels`}</span>}
      </button>
    </div>
  );
}

/** The size is given to the phone as well, whose single column takes the height alone. */
function placeOf({ x, y, w, h }: Cell) {
  return {
    '--column': `${x + 1} / span ${w}`,
    '--row': `${y + 1} / span ${h}`,
    '--height': `${h * ROW_PX + (h - 1) * GAP_PX}px`,
  } as React.CSSProperties;
}

const getStyles = (theme: GrafanaTheme2) => ({
  grid: css({
    display: 'grid',
    gridTemplateColumns: `repeat(${COLUMNS}, minmax(0, 1fr))`,
    gridAutoRows: ROW_PX,
    gap: GAP_PX,
    '@media (max-width: 767px)': { display: 'flex', flexDirection: 'column' },
  }),
  cell: css({
    gridColumn: 'var(--column)',
    gridRow: 'var(--row)',
    minWidth: 0,
    minHeight: 0,
    containerType: 'inline-size',
    '@media (max-width: 767px)': { height: 'var(--height)', flex: '0 0 auto' },
  }),
  fill: css({ width: '100%', height: '100%' }),
  row: css({
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(0.5),
    width: '100%',
    height: ROW_PX,
    border: 'none',
    background: 'transparent',
    color: theme.colors.text.primary,
    textAlign: 'left',
  }),
  rowTitle: css({ fontWeight: 600, overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' }),
  count: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});
