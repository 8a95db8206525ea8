// What was asked in this browser: the latest first, each text once, so many and no more.

export interface Asked {
  sql: string;
  at: number;
  /** `null`: it failed. */
  rows: number | null;
  seconds: number | null;
}

const KEPT_AS = 'millrace.sql.history';
export const ENTRIES_MAX = 200;
/** Of all texts: browsers keep about 5 MB in all. */
export const CHARS_MAX = 500_000;

export function remember(history: Asked[], asked: Asked): Asked[] {
  const sql = asked.sql.trim();
  if (sql === '') {
    return history;
  }
  const others = history.filter((entry) => entry.sql !== sql);
  return bounded([{ ...asked, sql }, ...others]);
}

function bounded(history: Asked[]): Asked[] {
  let chars = 0;
  return history.slice(0, ENTRIES_MAX).filter((entry) => (chars += entry.sql.length) <= CHARS_MAX);
}

/** All words have to be there, in any order. */
export function search(history: Asked[], words: string): Asked[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return history.filter(({ sql }) => wanted.every((word) => sql.toLowerCase().includes(word)));
}

export function load(): Asked[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEPT_AS) ?? '[]');
    return Array.isArray(kept) ? bounded(kept.filter(isAsked)) : [];
  } catch {
    return [];
  }
}

export function keep(history: Asked[]) {
  try {
    localStorage.setItem(KEPT_AS, JSON.stringify(history));
  } catch {
    // A browser that keeps nothing has a history until the page is left.
  }
}

const isAsked = (entry: unknown): entry is Asked => typeof entry === 'object' && entry !== null && typeof (entry as Asked).sql === 'string' && typeof (entry as Asked).at === 'number';
