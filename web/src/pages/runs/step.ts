// Which node the arrow keys lead to: along the layers to the nearest, within a layer to the next.
import type { Layout, Placed } from './layout';

export function step({ nodes, layers, rows }: Layout, from: string, key: string): string | undefined {
  const at = nodes.find((node) => node.id === from);
  if (!at) {
    return undefined;
  }
  if (key === 'ArrowUp' || key === 'ArrowDown') {
    const down = key === 'ArrowDown';
    const inLayer = nodes.filter((node) => node.layer === at.layer).sort((a, b) => a.at - b.at);
    return inLayer[inLayer.indexOf(at) + (down ? 1 : -1)]?.id;
  }
  const way = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0;
  for (let layer = at.layer + way; way !== 0 && layer >= 0 && layer < layers; layer += way) {
    const nearest = nodes.filter((node) => node.layer === layer).reduce<Placed | undefined>((best, node) => (Math.abs(node.at - at.at) < Math.abs((best?.at ?? rows * 2 + at.at) - at.at) ? node : best), undefined);
    if (nearest) {
      return nearest.id;
    }
  }
  return undefined;
}
