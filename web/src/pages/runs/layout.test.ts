import { describe, expect, it } from 'vitest';
import { inRows, layOut, type GraphNode } from './layout';

const graph = (text: string): GraphNode[] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(' <- '))
    .map(([id, parents]) => ({ id, parents: parents ? parents.split(' ') : [] }));

const layersOf = (nodes: GraphNode[]) => Object.fromEntries(layOut(nodes).nodes.map(({ id, layer }) => [id, layer]));

describe('the layout of a graph', () => {
  it('puts each node one layer behind the farthest of those it reads', () => {
    expect(layersOf(graph('a\nb <- a\nc <- a b\nd'))).toEqual({ a: 0, b: 1, c: 2, d: 0 });
  });

  it('leaves room for a line that passes a layer', () => {
    const { edges, rows } = layOut(graph('a\nb <- a\nc <- a b'));
    const long = edges.find((edge) => edge.from === 'a' && edge.to === 'c')!;
    expect(long.points.map(({ layer }) => layer)).toEqual([0, 1, 2]);
    expect(rows).toBe(2);
  });

  it('unties what is crossed by name alone', () => {
    const { nodes } = layOut(graph('a\nb\nx <- b\ny <- a'));
    const at = Object.fromEntries(nodes.map((node) => [node.id, node.at]));
    expect(Math.sign(at.a - at.b)).toBe(Math.sign(at.y - at.x));
  });

  it('gives no two cells of a layer one place', () => {
    const { nodes } = layOut(graph('a\nb\nc\nd <- a b\ne <- a c\nf <- d e\ng <- a f'));
    const places = nodes.map(({ layer, at }) => `${layer}/${at}`);
    expect(new Set(places).size).toBe(places.length);
  });

  it('knows nothing of nodes that are not there, and of itself', () => {
    expect(layOut(graph('a <- a ghost')).edges).toEqual([]);
  });

  it('ends on a cycle, and draws nothing that goes back', () => {
    const { edges, nodes } = layOut(graph('a <- c\nb <- a\nc <- b'));
    expect(nodes).toHaveLength(3);
    for (const { points } of edges) {
      expect(points[0].layer).toBeLessThan(points.at(-1)!.layer);
    }
  });

  it('stands in rows where nothing reads anything', () => {
    expect(inRows(graph('a\nb\nc'), 2).nodes).toEqual([
      { id: 'a', layer: 0, at: 0 },
      { id: 'b', layer: 1, at: 0 },
      { id: 'c', layer: 0, at: 1 },
    ]);
  });

  it('lays out nothing as nothing', () => {
    expect(layOut([])).toEqual({ nodes: [], edges: [], layers: 0, sizes: [], rows: 0 });
  });
});
