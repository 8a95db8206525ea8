// The graph of the project: what dbt builds, the sources below it, and the tests folded into what they test.
import type { GraphNode } from './layout';
import { isBuilt, type Node } from './models';

export interface Tests {
  passed: number;
  failed: string[];
}

export interface ProjectNode extends GraphNode {
  /** Without the kind and the package: `stg_orders`. */
  name: string;
  kind: string;
  /** `null`: of a source. */
  run: Node | null;
  tests: Tests;
}

export function shortName(id: string): string {
  const parts = id.split('.');
  if (parts[0] === 'source' || parts[0] === 'unit_test') {
    return parts.slice(-2).join('.');
  }
  return parts[2] ?? parts.at(-1) ?? id;
}

export function projectGraph(nodes: Node[]): ProjectNode[] {
  const built = nodes.filter(isBuilt);
  const sources = new Set(built.flatMap((node) => node.depends_on).filter((id) => id.startsWith('source.')));
  const graph: ProjectNode[] = [
    ...[...sources].map((id) => ({ id, name: shortName(id), kind: 'source', parents: [], run: null, tests: { passed: 0, failed: [] } })),
    ...built.map((node) => ({ id: node.node, name: shortName(node.node), kind: node.kind, parents: node.depends_on, run: node, tests: { passed: 0, failed: [] } as Tests })),
  ];
  const byId = new Map(graph.map((node) => [node.id, node]));
  for (const test of nodes.filter((node) => node.kind === 'test' || node.kind === 'unit_test')) {
    for (const { tests } of test.depends_on.map((id) => byId.get(id)).filter((node) => node !== undefined)) {
      if (['fail', 'error', 'failed'].includes(test.status)) {
        tests.failed.push(`${shortName(test.node)}${test.error ? `: ${test.error}` : ''}`);
      } else if (test.status === 'pass' || test.status === 'success') {
        tests.passed += 1;
      }
    }
  }
  return graph;
}

/** Its own end, or that of its tests if that is worse. */
export function statusOf(node: ProjectNode): string {
  if (!node.run) {
    return 'source';
  }
  return node.run.status === 'success' && node.tests.failed.length > 0 ? 'test failed' : node.run.status;
}

/** All that a node is made from, and itself. */
export function upstream(graph: ProjectNode[], id: string): Set<string> {
  const byId = new Map(graph.map((node) => [node.id, node]));
  const seen = new Set<string>();
  const visit = (at: string) => {
    const node = byId.get(at);
    if (node && !seen.has(at)) {
      seen.add(at);
      node.parents.forEach(visit);
    }
  };
  visit(id);
  return seen;
}
