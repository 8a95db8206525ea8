// Where each panel of a dashboard stands: rows opened or not, repeats unfolded, gaps closed upwards, as Grafana's grid does.
// Nothing but numbers and names: what is drawn there is the grid's.
import type { GridPos, PanelJson } from './json';

export const COLUMNS = 24;
const DEFAULT_MAX_PER_ROW = 4;
const DEFAULT_SIZE = { w: 12, h: 8 };

/** One value of a variable that a panel or a row is repeated for. */
export interface Choice {
  name: string;
  value: string;
  text: string;
}

export interface RowCell extends GridPos {
  kind: 'row';
  key: string;
  title: string;
  collapsed: boolean;
  panels: number;
  scoped: Choice[];
}

export interface PanelCell extends GridPos {
  kind: 'panel';
  key: string;
  panel: PanelJson;
  scoped: Choice[];
}

export type Cell = RowCell | PanelCell;

interface Section {
  row?: PanelJson;
  panels: PanelJson[];
}

export interface Arranging {
  /** The chosen values of a variable; undefined when there is no such variable. */
  choices: (name: string) => Choice[] | undefined;
  /** Whether the user opened or closed a row; undefined leaves it as the file has it. */
  collapsed: (key: string) => boolean | undefined;
}

export function arrange(panels: PanelJson[], arranging: Arranging): Cell[] {
  const cells: Cell[] = [];
  let top = 0;
  for (const section of sectionsOf(panels)) {
    for (const choice of copiesOf(section.row, arranging)) {
      const scoped = choice ? [choice] : [];
      if (!section.row) {
        top += place(cells, section.panels, scoped, top, arranging);
        continue;
      }
      const key = keyOf(section.row.id, scoped);
      const collapsed = arranging.collapsed(key) ?? Boolean(section.row.collapsed);
      cells.push({ kind: 'row', key, title: section.row.title ?? '', collapsed, panels: section.panels.length, scoped, x: 0, y: top, w: COLUMNS, h: 1 });
      top += 1;
      if (!collapsed) {
        top += place(cells, section.panels, scoped, top, arranging);
      }
    }
  }
  return cells;
}

/** `panel-4`, and with a value for each repeat around it: an address that stays while the values do. */
export function keyOf(id: number, scoped: Choice[]): string {
  return [`panel-${id}`, ...scoped.map(({ name, value }) => `${name}=${value}`)].join('~');
}

function sectionsOf(panels: PanelJson[]): Section[] {
  const sections: Section[] = [{ panels: [] }];
  for (const panel of panels) {
    if (panel.type === 'row') {
      sections.push({ row: panel, panels: [...(panel.panels ?? [])] });
    } else {
      sections[sections.length - 1].panels.push(panel);
    }
  }
  return sections;
}

function copiesOf(panel: PanelJson | undefined, { choices }: Arranging): Array<Choice | undefined> {
  const values = panel?.repeat ? choices(panel.repeat) : undefined;
  return values && values.length > 0 ? values : [undefined];
}

/** Puts the panels of one section below `top`; answers how high they are together. */
function place(cells: Cell[], panels: PanelJson[], scoped: Choice[], top: number, arranging: Arranging): number {
  const first = Math.min(...panels.map((panel) => panel.gridPos?.y ?? 0));
  const placed: PanelCell[] = [];
  let pushed = 0;
  for (const panel of [...panels].sort(byPosition)) {
    const { x, y, w, h } = { x: 0, y: 0, ...DEFAULT_SIZE, ...panel.gridPos };
    const at = y - first + pushed;
    const copies = copiesOf(panel, arranging);
    if (copies.length === 1) {
      placed.push(cellOf(panel, [...scoped, ...copies.flatMap((copy) => copy ?? [])], { x, y: at, w, h }));
      continue;
    }
    const positions = panel.repeatDirection === 'v' ? stacked(copies.length, { x, y: at, w, h }) : inLines(copies.length, at, h, panel.maxPerRow);
    copies.forEach((copy, index) => placed.push(cellOf(panel, [...scoped, copy!], positions[index])));
    pushed += positions[positions.length - 1].y - at;
  }
  const settled = settle(placed);
  cells.push(...settled.map((cell) => ({ ...cell, y: cell.y + top })));
  return Math.max(0, ...settled.map((cell) => cell.y + cell.h));
}

const byPosition = (a: PanelJson, b: PanelJson) =>
  (a.gridPos?.y ?? 0) - (b.gridPos?.y ?? 0) || (a.gridPos?.x ?? 0) - (b.gridPos?.x ?? 0);

function cellOf(panel: PanelJson, scoped: Choice[], position: GridPos): PanelCell {
  return { kind: 'panel', key: keyOf(panel.id, scoped), panel, scoped, ...position };
}

function stacked(count: number, { x, y, w, h }: GridPos): GridPos[] {
  return Array.from({ length: count }, (_, index) => ({ x, y: y + index * h, w, h }));
}

/** Side by side over the whole width, at most `maxPerRow` in a line. */
function inLines(count: number, y: number, h: number, maxPerRow = DEFAULT_MAX_PER_ROW): GridPos[] {
  const perLine = Math.min(count, maxPerRow);
  const w = Math.floor(COLUMNS / perLine);
  return Array.from({ length: count }, (_, index) => ({ x: (index % perLine) * w, y: y + Math.floor(index / perLine) * h, w, h }));
}

/** Each panel as far up as the ones before it leave room for. */
function settle(cells: PanelCell[]): PanelCell[] {
  const settled: PanelCell[] = [];
  for (const cell of [...cells].sort((a, b) => a.y - b.y || a.x - b.x)) {
    const under = settled.filter((other) => other.x < cell.x + cell.w && cell.x < other.x + other.w);
    settled.push({ ...cell, y: Math.max(0, ...under.map((other) => other.y + other.h)) });
  }
  return settled;
}
