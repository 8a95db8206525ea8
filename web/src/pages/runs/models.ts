// Which runs tell of the whole project, and what it is made of.
import type { Run, RunNode } from '../../api';

/** Sizes come with each node, besides what the page's other parts need. */
export interface Node extends RunNode {
  rows?: number | null;
  bytes?: number | null;
}

const BUILT = ['model', 'seed', 'snapshot'];

/** The latest run of each node of the project: what a run left out is as the one before left it. */
export function latestNodes(runs: Run[]): Node[] {
  const nodes = new Map<string, Node>();
  for (const run of [...runs].sort((a, b) => b.started_ms - a.started_ms)) {
    for (const node of run.nodes) {
      if (!nodes.has(node.node)) {
        nodes.set(node.node, node);
      }
    }
  }
  return [...nodes.values()];
}

export const isBuilt = (node: RunNode): boolean => BUILT.includes(node.kind);

export function modelsOf(runs: Run[]): number {
  return latestNodes(runs).filter((node) => node.kind === 'model').length;
}
