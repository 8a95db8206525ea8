// Room at the right of a time axis for half of its last label, the same on every panel so that plots below each other line up.
import type uPlot from 'uplot';

const side: uPlot.PaddingSide = (_u, at, axes) => {
  const crossed = at % 2 ? axes[0] || axes[2] : axes[1] || axes[3];
  return axes[at] || !crossed ? 0 : at === 1 ? 16 : 8;
};

export const TIME_PADDING: uPlot.Padding = [side, side, side, side];
