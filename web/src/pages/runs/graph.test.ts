import { describe, expect, it } from 'vitest';
import { projectGraph, shortName, statusOf, upstream } from './graph';
import { latestNodes, type Node } from './models';

const node = (id: string, depends_on: string[], status = 'success', error: string | null = null): Node => ({
  node: id,
  kind: id.split('.')[0],
  status,
  seconds: 1,
  error,
  relation: null,
  depends_on,
});

describe('the graph of a project', () => {
  const nodes = [
    node('model.shop.stg_orders', ['source.shop.public.orders']),
    node('model.shop.orders', ['model.shop.stg_orders']),
    node('test.shop.unique_orders_id.abc', ['model.shop.orders'], 'fail', 'Got 2 results'),
    node('test.shop.not_null_orders_id.def', ['model.shop.orders'], 'pass'),
  ];
  const graph = projectGraph(nodes);
  const orders = graph.find((found) => found.name === 'orders')!;

  it('adds the sources, and folds the tests into what they test', () => {
    expect(graph.map(({ name, kind }) => [name, kind])).toEqual([
      ['public.orders', 'source'],
      ['stg_orders', 'model'],
      ['orders', 'model'],
    ]);
    expect(orders.tests).toEqual({ passed: 1, failed: ['unique_orders_id: Got 2 results'] });
    expect(statusOf(orders)).toBe('test failed');
  });

  it('knows what a node is made from', () => {
    expect(upstream(graph, orders.id)).toEqual(new Set(['model.shop.orders', 'model.shop.stg_orders', 'source.shop.public.orders']));
  });

  it('names nodes as people do', () => {
    expect(shortName('model.shop.stg_orders')).toBe('stg_orders');
    expect(shortName('model.shop.dim_users.v2')).toBe('dim_users');
  });
});

it('a node that a run left out is as the run before left it', () => {
  const run = (id: string, started_ms: number, of: Node[]) => ({ id, schedule: null, command: 'run', status: 'success', started_ms, seconds: 1, sla_seconds: null, error: null, nodes: of });
  const found = latestNodes([run('1', 1, [node('model.a.x', [], 'error'), node('model.a.y', [])]), run('2', 2, [node('model.a.x', [])])]);
  expect(found.map(({ node: id, status }) => [id, status])).toEqual([
    ['model.a.x', 'success'],
    ['model.a.y', 'success'],
  ]);
});
