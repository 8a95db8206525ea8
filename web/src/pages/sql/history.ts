// What was asked in this browser: the latest first, each text once, so many and no more.

export interface Asked {
  sql: string;
  at: number;
  /** `null`: it failed. */
  rows: number | null;
  seconds: number | null;
}

/** Who logs in after somebody else does not see what that one asked. */
const keptAs = (user: string) => `millrace.sql.history.${user}`;
const draftOf = (user: string) => `millrace.sql.draft.${user}`;
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

/** What stood in the editor when the page was left. `q` is what the address had: another address brings its own text. */
export function loadDraft(user: string, q: string | null): string | undefined {
  try {
    const draft: unknown = JSON.parse(sessionStorage.getItem(draftOf(user)) ?? 'null');
    const { sql, of } = (draft ?? {}) as { sql?: unknown; of?: unknown };
    return typeof sql === 'string' && (q === null || q === of) ? sql : undefined;
  } catch {
    return undefined;
  }
}

export function keepDraft(user: string, q: string | null, sql: string) {
  try {
    sessionStorage.setItem(draftOf(user), JSON.stringify({ sql, of: q }));
  } catch {
    // A browser that keeps nothing keeps no draft.
  }
}

export function load(user: string): Asked[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(keptAs(user)) ?? '[]');
    return Array.isArray(kept) ? bounded(kept.filter(isAsked)) : [];
  } catch {
    return [];
  }
}

export function keep(user: string, history: Asked[]) {
  try {
    localStorage.setItem(keptAs(user), JSON.stringify(history));
  } catch {
    // A browser that keeps nothing has a history until the page is left.
  }
}

const isAsked = (entry: unknown): entry is Asked => typeof entry === 'object' && entry !== null && typeof (entry as Asked).sql === 'string' && typeof (entry as Asked).at === 'number';
