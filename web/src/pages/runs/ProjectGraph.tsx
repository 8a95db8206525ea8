// The project as a drawing: layers from left to right, each node with its state in words; the arrow keys walk it.
import type { GrafanaTheme2 } from '@grafana/data';
import { Tooltip, measureText, useStyles2, useTheme2 } from '@grafana/ui';
import { css, cx } from '@emotion/css';
import { useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { Scroll } from '../kit/Scroll';
import { Mark, toneColor, type Tone } from '../kit/StateBadge';
import { toneOfRun } from '../kit/tones';
import { countText, durationText, plural } from '../kit/words';
import { projectGraph, statusOf, upstream, type ProjectNode } from './graph';
import { inRows, layOut, type Edge, type GraphNode, type Layout } from './layout';
import type { Node } from './models';
import { step } from './step';

const WIDTH = 208;
const HEIGHT = 40;
const GAP_X = 44;
const GAP_Y = 12;
const PAD = 6;
/** Without any edge. */
const COLUMNS = 5;
const TEXT_PX = WIDTH - 34;

export function ProjectGraph({ nodes }: { nodes: Node[] }) {
  const styles = useStyles2(getStyles);
  const graph = useMemo(() => projectGraph(nodes), [nodes]);
  const layout = useMemo(() => arranged(graph), [graph]);
  const [chosen, setChosen] = useState<string>();
  const [looked, setLooked] = useState<string>();
  const place = useRef<SVGSVGElement>(null);
  const byId = useMemo(() => new Map(graph.map((node) => [node.id, node])), [graph]);
  const lit = useMemo(() => (looked ? upstream(graph, looked) : undefined), [graph, looked]);
  const first = chosen && byId.has(chosen) ? chosen : layout.nodes[0]?.id;

  const walk = (event: KeyboardEvent, id: string) => {
    const next = step(layout, id, event.key);
    if (next) {
      event.preventDefault();
      setChosen(next);
      place.current?.querySelector<SVGGElement>(`[data-node="${CSS.escape(next)}"]`)?.focus();
    }
  };
  return (
    <Scroll label="The project as a graph" className={styles.scroll}>
      {layout.edges.length === 0 && graph.length > 1 && <p className={styles.words}>Which reads which is not known: dbt writes it down as it compiles the project.</p>}
      <svg
        ref={place}
        width={layout.layers * (WIDTH + GAP_X) - GAP_X + 2 * PAD}
        height={layout.rows * (HEIGHT + GAP_Y) - GAP_Y + 2 * PAD}
        role="group"
        aria-label={`The project as a graph: ${plural(graph.length, 'node')} in ${plural(layout.layers, 'layer')}. The arrow keys walk it.`}
      >
        <g fill="none">
          {layout.edges.map((edge) => (
            <path key={`${edge.from} ${edge.to}`} d={pathOf(edge, layout)} className={cx(styles.edge, lit?.has(edge.to) && lit.has(edge.from) && styles.lit)} />
          ))}
        </g>
        {layout.nodes.map(({ id, layer, at }) => {
          const node = byId.get(id)!;
          return (
            // The tooltip takes the handlers of its child for itself, so that ours stand around it.
            <g
              key={id}
              transform={`translate(${xOf(layer)} ${yOf(layer, at, layout)})`}
              onKeyDown={(event) => walk(event, id)}
              onFocus={() => (setChosen(id), setLooked(id))}
              onBlur={() => setLooked(undefined)}
              onPointerEnter={() => setLooked(id)}
              onPointerLeave={() => setLooked(undefined)}
            >
              <Tooltip content={<Words node={node} />} placement="top">
                <g data-node={id} role="img" tabIndex={id === first ? 0 : -1} aria-label={spoken(node)} className={cx(styles.node, lit && !lit.has(id) && styles.dim)}>
                  <Box node={node} />
                </g>
              </Tooltip>
            </g>
          );
        })}
      </svg>
    </Scroll>
  );
}

function arranged(graph: GraphNode[]): Layout {
  const layout = layOut(graph);
  return layout.edges.length > 0 ? layout : inRows(graph, COLUMNS);
}

function Box({ node }: { node: ProjectNode }) {
  const theme = useTheme2();
  const styles = useStyles2(getStyles);
  const tone = toneOf(node);
  const words = [node.run ? statusOf(node) : 'source', node.run?.seconds != null && durationText(node.run.seconds)].filter(Boolean).join(', ');
  return (
    <>
      <rect width={WIDTH} height={HEIGHT} rx={4} className={styles.box} stroke={node.run && tone !== 'good' ? toneColor(theme, tone) : theme.colors.border.medium} />
      <text x={10} y={16} className={styles.name}>
        {cut(node.name, 13)}
      </text>
      <g transform="translate(10 24)">{node.run && <Mark tone={tone} />}</g>
      <text x={node.run ? 26 : 10} y={33} className={styles.state}>
        {cut(words, 11)}
      </text>
    </>
  );
}

function Words({ node }: { node: ProjectNode }) {
  const { run, tests } = node;
  return (
    <div style={{ overflowWrap: 'anywhere' }}>
      <strong>{node.name}</strong> ({node.kind})
      {run && (
        <>
          <div>
            {run.status}, {durationText(run.seconds)}
            {run.rows != null && `, ${countText(run.rows)} rows`}
          </div>
          {run.relation && <div>{run.relation}</div>}
          {run.error && <div style={{ whiteSpace: 'pre-wrap', maxHeight: 200, overflow: 'hidden' }}>{run.error}</div>}
          {tests.passed + tests.failed.length > 0 && <div>{testsText(node)}</div>}
          {tests.failed.slice(0, 3).map((text) => (
            <div key={text}>{text}</div>
          ))}
        </>
      )}
    </div>
  );
}

const toneOf = (node: ProjectNode): Tone => (node.run ? (statusOf(node) === 'test failed' ? 'bad' : toneOfRun(node.run.status)) : 'quiet');

const testsText = ({ tests }: ProjectNode) => [tests.failed.length > 0 && `${plural(tests.failed.length, 'test')} failed`, tests.passed > 0 && `${plural(tests.passed, 'test')} passed`].filter(Boolean).join(', ');

function spoken(node: ProjectNode): string {
  const { run } = node;
  return [node.name, node.kind, run && statusOf(node), run?.seconds != null && durationText(run.seconds), run?.rows != null && `${countText(run.rows)} rows`, run?.error].filter(Boolean).join(', ');
}

function cut(text: string, size: number): string {
  if (measureText(text, size).width <= TEXT_PX) {
    return text;
  }
  let keep = text.length - 1;
  while (keep > 1 && measureText(`${text.slice(0, keep)}…`, size).width > TEXT_PX) {
    keep -= 1;
  }
  return `${text.slice(0, keep)}…`;
}

const xOf = (layer: number) => PAD + layer * (WIDTH + GAP_X);

/** Short layers stand in the middle. */
function yOf(layer: number, at: number, layout: Layout): number {
  return PAD + (at + (layout.rows - (layout.sizes[layer] ?? 0)) / 2) * (HEIGHT + GAP_Y);
}

function pathOf({ points }: Edge, layout: Layout): string {
  const middle = points.map(({ layer, at }) => ({ x: xOf(layer), y: yOf(layer, at, layout) + HEIGHT / 2 }));
  let path = `M${middle[0].x + WIDTH} ${middle[0].y}`;
  for (let to = 1; to < middle.length; to++) {
    const from = { x: middle[to - 1].x + WIDTH, y: middle[to - 1].y };
    const half = (from.x + middle[to].x) / 2;
    path += ` C${half} ${from.y} ${half} ${middle[to].y} ${middle[to].x} ${middle[to].y}`;
    if (to < middle.length - 1) {
      path += ` H${middle[to].x + WIDTH}`;
    }
  }
  return path;
}

const getStyles = (theme: GrafanaTheme2) => ({
  scroll: css({ overflowX: 'auto', paddingBottom: theme.spacing(1) }),
  words: css({ color: theme.colors.text.secondary }),
  edge: css({ stroke: theme.colors.border.strong, strokeWidth: 1.2 }),
  lit: css({ stroke: theme.colors.primary.border, strokeWidth: 2 }),
  node: css({ outline: 'none', cursor: 'default', '&:focus-visible rect': { stroke: theme.colors.primary.border, strokeWidth: 2.5 } }),
  dim: css({ opacity: 0.45 }),
  box: css({ fill: theme.colors.background.secondary, strokeWidth: 1.2 }),
  name: css({ fill: theme.colors.text.maxContrast, fontSize: 13, fontWeight: 500 }),
  state: css({ fill: theme.colors.text.secondary, fontSize: 11 }),
});
