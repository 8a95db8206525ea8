// Where the nodes of a graph stand: in layers from left to right, few lines crossing.
//
// A node's layer is the longest way to it, so that every line goes to the right. A line over several layers gets a
// bend in each of them that takes room as a node does. Within a layer, all are ordered by the mean place of their
// neighbours, forth and back a few times; the order with the fewest crossings is kept.

export interface GraphNode {
  id: string;
  parents: string[];
}

export interface Placed {
  id: string;
  layer: number;
  /** From the top of its layer, bends counted. */
  at: number;
}

export interface Edge {
  from: string;
  to: string;
  /** Places by layer, from its first to its last. */
  points: Array<{ layer: number; at: number }>;
}

export interface Layout {
  nodes: Placed[];
  edges: Edge[];
  layers: number;
  /** Of each layer, bends counted. */
  sizes: number[];
  /** Of the longest layer. */
  rows: number;
}

const SWEEPS = 12;

interface Cell {
  id: string;
  layer: number;
  before: Cell[];
  after: Cell[];
  at: number;
}

export function layOut(graph: GraphNode[]): Layout {
  const known = new Map(graph.map((node) => [node.id, node]));
  const parentsOf = (id: string) => [...new Set(known.get(id)!.parents)].filter((parent) => parent !== id && known.has(parent));
  const layerOf = longestWays(graph.map((node) => node.id), parentsOf);
  const cells = new Map(graph.map(({ id }) => [id, { id, layer: layerOf.get(id)!, before: [], after: [], at: 0 } as Cell]));
  const bends: Cell[] = [];
  const ways: Array<{ from: string; to: string; cells: Cell[] }> = [];
  for (const { id } of graph) {
    for (const parent of parentsOf(id)) {
      // A line of a cycle would go back: it is not drawn.
      if (layerOf.get(parent)! < layerOf.get(id)!) {
        ways.push({ from: parent, to: id, cells: wayBetween(cells.get(parent)!, cells.get(id)!, bends) });
      }
    }
  }
  const layers = byLayer([...cells.values(), ...bends]);
  order(layers);
  return {
    nodes: [...cells.values()].map(({ id, layer, at }) => ({ id, layer, at })),
    edges: ways.map(({ from, to, cells: way }) => ({ from, to, points: way.map(({ layer, at }) => ({ layer, at })) })),
    layers: layers.length,
    sizes: layers.map((layer) => layer.length),
    rows: Math.max(0, ...layers.map((layer) => layer.length)),
  };
}

/** Where nothing is known to read anything, layers mean nothing: rows of so many. */
export function inRows(graph: GraphNode[], layers: number): Layout {
  const nodes = [...graph].sort((a, b) => a.id.localeCompare(b.id)).map(({ id }, index) => ({ id, layer: index % layers, at: Math.floor(index / layers) }));
  const rows = Math.ceil(graph.length / layers);
  return { nodes, edges: [], layers: Math.min(layers, graph.length), sizes: Array(layers).fill(rows), rows };
}

function longestWays(ids: string[], parentsOf: (id: string) => string[]): Map<string, number> {
  const layers = new Map<string, number>();
  const under = new Set<string>();
  const visit = (id: string): number => {
    const found = layers.get(id);
    if (found !== undefined) {
      return found;
    }
    if (under.has(id)) {
      return -1;
    }
    under.add(id);
    const layer = parentsOf(id).reduce((longest, parent) => Math.max(longest, visit(parent) + 1), 0);
    under.delete(id);
    layers.set(id, layer);
    return layer;
  };
  ids.forEach(visit);
  return layers;
}

function wayBetween(from: Cell, to: Cell, bends: Cell[]): Cell[] {
  const way = [from];
  for (let layer = from.layer + 1; layer < to.layer; layer++) {
    const bend: Cell = { id: `${from.id}\n${to.id}`, layer, before: [], after: [], at: 0 };
    bends.push(bend);
    way.push(bend);
  }
  way.push(to);
  for (let step = 1; step < way.length; step++) {
    way[step - 1].after.push(way[step]);
    way[step].before.push(way[step - 1]);
  }
  return way;
}

function byLayer(cells: Cell[]): Cell[][] {
  const layers: Cell[][] = [];
  for (const cell of cells) {
    (layers[cell.layer] ??= []).push(cell);
  }
  layers.forEach((layer) => number(layer.sort((a, b) => a.id.localeCompare(b.id))));
  return layers;
}

const number = (layer: Cell[]) => layer.forEach((cell, at) => (cell.at = at));

function order(layers: Cell[][]) {
  let best = layers.map((layer) => [...layer]);
  let fewest = crossings(layers);
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
    const forth = sweep % 2 === 0;
    const turn = forth ? layers.slice(1) : layers.slice(0, -1).reverse();
    turn.forEach((layer) => sortByNeighbours(layer, forth ? 'before' : 'after'));
    const now = crossings(layers);
    if (now < fewest) {
      fewest = now;
      best = layers.map((layer) => [...layer]);
    }
  }
  best.forEach(number);
}

function sortByNeighbours(layer: Cell[], side: 'before' | 'after') {
  const mean = new Map(layer.map((cell) => [cell, cell[side].length > 0 ? cell[side].reduce((sum, other) => sum + other.at, 0) / cell[side].length : cell.at]));
  number(layer.sort((a, b) => mean.get(a)! - mean.get(b)! || a.at - b.at));
}

/** Of all lines between neighbouring layers: pairs whose ends are in the other order. */
function crossings(layers: Cell[][]): number {
  let count = 0;
  for (const layer of layers) {
    const ends = layer.flatMap((cell) => cell.after.map((after) => after.at).sort((a, b) => a - b));
    // The number of inversions, by insertion: a layer of a project has hundreds of lines at most.
    for (let i = 1; i < ends.length; i++) {
      for (let j = 0; j < i; j++) {
        count += ends[j] > ends[i] ? 1 : 0;
      }
    }
  }
  return count;
}
