// Axes of the panels drawn as SVG, in the type and lines of Grafana's plots, and the measuring of their labels.
import { measureText, useTheme2 } from '@grafana/ui';

export const FONT = 12;
const LINE = 15;

export const textWidth = (text: string, size = FONT) => measureText(text, size).width;

export function cut(text: string, most: number, size = FONT): string {
  if (textWidth(text, size) <= most) {
    return text;
  }
  let keep = text.length - 1;
  while (keep > 1 && textWidth(`${text.slice(0, keep)}…`, size) > most) {
    keep -= 1;
  }
  return `${text.slice(0, keep)}…`;
}

export interface Label { at: number; text: string; full?: string }

export interface Box { left: number; top: number; width: number; height: number }

/** Lines across and labels at the side for values. */
export function ValueAxis({ box, labels, horizontal, grid = true, right, title }: { box: Box; labels: Label[]; horizontal?: boolean; grid?: boolean; right?: boolean; title?: string }) {
  const theme = useTheme2();
  const stroke = theme.isDark ? 'rgba(240, 250, 255, 0.09)' : 'rgba(0, 10, 23, 0.09)';
  const shown = apart(labels, horizontal);
  return (
    <g fontSize={FONT} fontFamily={theme.typography.fontFamily} fill={theme.colors.text.primary}>
      {labels.map(({ at, text }) => (horizontal
        ? (
          <g key={at}>
            {grid && <line x1={at} x2={at} y1={box.top} y2={box.top + box.height} stroke={stroke} />}
            {shown.has(at) && <text x={at} y={box.top + box.height + 16} textAnchor="middle">{text}</text>}
          </g>
        ) : (
          <g key={at}>
            {grid && <line x1={box.left} x2={box.left + box.width} y1={at} y2={at} stroke={stroke} />}
            {shown.has(at) && <text x={right ? box.left + box.width + 6 : box.left - 6} y={at} textAnchor={right ? 'start' : 'end'} dominantBaseline="central">{text}</text>}
          </g>
        )))}
      {title && (horizontal
        ? <text x={box.left + box.width / 2} y={box.top + box.height + 34} textAnchor="middle">{title}</text>
        : <text transform={`translate(12 ${box.top + box.height / 2}) rotate(-90)`} textAnchor="middle">{title}</text>)}
    </g>
  );
}

/** Places of the labels that do not touch the one before. */
function apart(labels: Label[], horizontal?: boolean): Set<number> {
  const out = new Set<number>();
  let last: { at: number; half: number } | null = null;
  for (const { at, text } of labels) {
    const half = horizontal ? textWidth(text) / 2 + 4 : LINE / 2;
    if (!last || Math.abs(at - last.at) >= half + last.half) {
      out.add(at);
      last = { at, half };
    }
  }
  return out;
}

/** How labels of categories are laid below a plot: turned, thinned out or cut so that none overlap. */
export function categoryLabels(texts: string[], step: number, rotation: number, spacing: number, most?: number, tallest = 110) {
  const cutTo = most && most > 0 ? (text: string) => (text.length > most ? `${text.slice(0, most)}…` : text) : (text: string) => text;
  const shown = texts.map(cutTo);
  const widest = shown.reduce((w, text) => Math.max(w, textWidth(text)), 0);
  const angle = (Math.abs(rotation) * Math.PI) / 180;
  const tall = Math.min(tallest, rotation ? Math.sin(angle) * widest + Math.cos(angle) * LINE : LINE);
  const needs = rotation ? LINE / Math.max(0.2, Math.sin(angle)) : widest + 8;
  const every = Math.max(1, spacing ? Math.ceil(Math.abs(spacing) / step) : 1, needs > step && (rotation || shown.length > 12) ? Math.ceil(needs / step) : 1);
  const room = rotation ? tallest / Math.max(0.2, Math.sin(angle)) : step * every - 6;
  return { every, height: tall + 8, texts: shown.map((text) => (widest > room ? cut(text, room) : text)) };
}
