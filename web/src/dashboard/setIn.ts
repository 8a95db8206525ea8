// One value of a document changed, all others shared with the old one and every key where it was.
// So a file that is saved differs from the one that was read in what was edited, and in nothing else.

export type Path = Array<string | number>;

/** `undefined` takes the key away. A key that was not there comes last; what is missing on the way is made. */
export function setIn<T>(document: T, path: Path, value: unknown): T {
  const [key, ...rest] = path;
  if (key === undefined) {
    return value as T;
  }
  const old = (document as any)?.[key];
  const next = rest.length > 0 ? setIn(old, rest, value) : value;
  if (next === old) {
    return document;
  }
  if (Array.isArray(document)) {
    const copy = [...document];
    copy[Number(key)] = next;
    return copy as T;
  }
  const copy: Record<string, unknown> = { ...(document as object) };
  if (next === undefined) {
    delete copy[key];
  } else {
    copy[key] = next;
  }
  return copy as T;
}

export function getIn(document: unknown, path: Path): any {
  return path.reduce((at: any, key) => at?.[key], document);
}
