// A history of transitions as strips over time: which state an instance was in, from when to when.
import type { Span } from '../kit/ask';
import type { Transition } from './document';

export interface Strip {
  key: string;
  rule: string;
  labels: string;
  pieces: Array<{ from: number; to: number; state: string }>;
}

/** Of the span alone, those that changed last first. What was before the first transition is its `from`. */
export function strips(history: Transition[], span: Span, labelsOf: (transition: Transition) => string): Strip[] {
  const byInstance = new Map<string, Transition[]>();
  for (const transition of [...history].sort((a, b) => a.at_ms - b.at_ms)) {
    const key = `${transition.rule}\n${JSON.stringify(Object.entries(transition.labels).sort())}`;
    byInstance.set(key, [...(byInstance.get(key) ?? []), transition]);
  }
  return [...byInstance]
    .map(([key, of]) => ({ last: of.at(-1)!.at_ms, strip: { key, rule: of.at(-1)!.title ?? of[0].rule, labels: labelsOf(of[0]), pieces: piecesOf(of, span) } }))
    .sort((a, b) => b.last - a.last)
    .map(({ strip }) => strip)
    .filter((strip) => strip.pieces.length > 0);
}

function piecesOf(transitions: Transition[], span: Span): Strip['pieces'] {
  const pieces = [{ from: -Infinity, to: transitions[0].at_ms, state: transitions[0].from }];
  transitions.forEach((transition, at) => pieces.push({ from: transition.at_ms, to: transitions[at + 1]?.at_ms ?? Infinity, state: transition.to }));
  const within = pieces.map(({ from, to, state }) => ({ from: Math.max(from, span.from), to: Math.min(to, span.to), state })).filter(({ from, to }) => to > from);
  // A transition to the same state, as between two reasons of it, is no border.
  return within.reduce<Strip['pieces']>((joined, piece) => {
    const last = joined.at(-1);
    if (last && last.state === piece.state && last.to === piece.from) {
      last.to = piece.to;
    } else {
      joined.push(piece);
    }
    return joined;
  }, []);
}
