// Which rows of a long table are in sight.

/** Rows above and below that are there before they come into sight. */
const MARGIN = 12;

export interface Window {
  first: number;
  /** One past the last. */
  end: number;
}

export function windowOf(scrollTop: number, height: number, rowHeight: number, rows: number): Window {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - MARGIN);
  const end = Math.min(rows, Math.ceil((scrollTop + height) / rowHeight) + MARGIN);
  return { first: Math.min(first, end), end };
}
