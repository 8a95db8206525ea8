// Which dashboards were opened last in this browser.

const KEPT_AS = 'millrace.recent';
const MOST = 50;

export function visit(uid: string) {
  const kept = [uid, ...recent().filter((other) => other !== uid)].slice(0, MOST);
  try {
    localStorage.setItem(KEPT_AS, JSON.stringify(kept));
  } catch {
    // A browser that keeps nothing sorts by name alone.
  }
}

export function recent(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEPT_AS) ?? '[]');
    return Array.isArray(kept) ? kept.filter((uid) => typeof uid === 'string') : [];
  } catch {
    return [];
  }
}

/** The latest first, then those never opened by their titles. */
export function byRecency<Entry extends { uid: string; title: string }>(entries: Entry[], opened: string[]): Entry[] {
  const place = (uid: string) => {
    const at = opened.indexOf(uid);
    return at < 0 ? opened.length : at;
  };
  return [...entries].sort((a, b) => place(a.uid) - place(b.uid) || a.title.localeCompare(b.title));
}
