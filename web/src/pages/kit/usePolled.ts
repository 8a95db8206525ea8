// Asks again and again, for as long as somebody looks: a hidden tab asks nothing, a shown one asks at once.
import { useCallback, useEffect, useRef, useState } from 'react';

export interface Polled<T> {
  data: T | undefined;
  /** Of the last attempt. The data of before stays. */
  error: unknown;
  /** When the data came. */
  at: number;
  again: () => void;
}

/** Give it a `key` that changes when another question is asked: what was known of the old one goes. */
export function usePolled<T>(ask: (signal: AbortSignal) => Promise<T>, everyMs: number, key: unknown = null): Polled<T> {
  const [known, setKnown] = useState<{ key: unknown; data?: T; error?: unknown; at: number }>({ key, at: 0 });
  const latest = useRef(ask);
  latest.current = ask;
  const now = useRef(() => {});

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let under: AbortController | undefined;

    const run = () => {
      clearTimeout(timer);
      under?.abort();
      if (document.hidden) {
        return;
      }
      const mine = new AbortController();
      under = mine;
      const settle = (part: { data: T } | { error: unknown }) => {
        if (mine.signal.aborted) {
          return;
        }
        setKnown((before) => {
          const kept = Object.is(before.key, key) ? before : { at: 0, data: undefined };
          return 'error' in part ? { key, data: kept.data, at: kept.at, error: part.error } : { key, data: part.data, at: Date.now() };
        });
        timer = setTimeout(run, everyMs);
      };
      latest.current(mine.signal).then(
        (data) => settle({ data }),
        (error) => settle({ error })
      );
    };

    now.current = run;
    run();
    document.addEventListener('visibilitychange', run);
    return () => {
      document.removeEventListener('visibilitychange', run);
      clearTimeout(timer);
      under?.abort();
    };
  }, [everyMs, key]);

  const again = useCallback(() => now.current(), []);
  const current = Object.is(known.key, key) ? known : undefined;
  return { data: current?.data, error: current?.error, at: current?.at ?? 0, again };
}
