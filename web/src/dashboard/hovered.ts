// Which panel the keys mean: the one below the mouse, else the one with the focus.
import type { VizPanel } from '@grafana/scenes';

let panel: VizPanel | undefined;

export const hovered = {
  enter: (entered: VizPanel) => {
    panel = entered;
  },
  leave: (left: VizPanel) => {
    if (panel === left) {
      panel = undefined;
    }
  },
  get: () => panel,
};
