// One query under way at a time: a new one, or the user, ends the one before.
import { useCallback, useEffect, useRef, useState } from 'react';
import { api, problemFrom, type Fresh, type Problem, type QueryResult } from '../../api';
import { requestOf, type Span } from '../kit/ask';

export interface Done {
  result: QueryResult;
  fresh: Fresh | null;
  span: Span;
  /** From sending to having it, as the user waited. */
  seconds: number;
}

export interface Running {
  done?: Done;
  problem?: Problem;
  /** Since when. */
  busySince?: number;
}

export function useRun(onEnd: (sql: string, done: Done | null) => void) {
  const [state, setState] = useState<Running>({});
  const under = useRef<AbortController>(undefined);
  const ended = useRef(onEnd);
  ended.current = onEnd;
  useEffect(() => () => under.current?.abort(), []);

  const run = useCallback(async (sql: string, span: Span) => {
    under.current?.abort();
    const mine = new AbortController();
    under.current = mine;
    const since = Date.now();
    setState((before) => ({ done: before.done, busySince: since }));
    try {
      const { results, fresh } = await api.query(requestOf(sql, span), mine.signal);
      if (mine.signal.aborted) {
        return;
      }
      const [result] = results;
      const problem = result?.error ?? (result?.answer ? undefined : { error: 'the server did not answer the query' });
      const done = problem ? null : { result: result!, fresh, span, seconds: (Date.now() - since) / 1000 };
      setState(problem ? { problem } : { done: done! });
      ended.current(sql, done);
    } catch (error) {
      if (!mine.signal.aborted) {
        setState({ problem: problemFrom(error) });
        ended.current(sql, null);
      }
    }
  }, []);

  const cancel = useCallback(() => {
    under.current?.abort();
    setState((before) => ({ done: before.done }));
  }, []);
  return { ...state, run, cancel };
}
