// The fill of a bar under "gradient mode": fading out downwards, or shifting its hue. SVG knows gradients only by id.
import { useId } from 'react';
import { colorManipulator } from '@grafana/data';

export type Gradient = 'none' | 'opacity' | 'hue' | 'scheme';

export function useBarFill(lying: boolean): { fill: (color: string, mode: Gradient | undefined) => string; defs: () => React.ReactNode } {
  const prefix = useId();
  const used = new Map<string, { color: string; mode: Gradient }>();
  return {
    fill: (color, mode) => {
      if (mode !== 'opacity' && mode !== 'hue') {
        return color;
      }
      const key = `${prefix}${mode}${color.replace(/[^a-z0-9]/gi, '')}`;
      used.set(key, { color, mode });
      return `url(#${key})`;
    },
    // Rendered after the bars, which say what is needed.
    defs: () => (
      <defs>
        {[...used].map(([key, { color, mode }]) => (
          <linearGradient key={key} id={key} x1={lying ? 1 : 0} y1={0} x2={0} y2={lying ? 0 : 1}>
            <stop offset="0%" stopColor={mode === 'hue' ? colorManipulator.lighten(color, 0.25) : color} />
            <stop offset="100%" stopColor={mode === 'hue' ? colorManipulator.darken(color, 0.25) : color} stopOpacity={mode === 'opacity' ? 0.08 : 1} />
          </linearGradient>
        ))}
      </defs>
    ),
  };
}
