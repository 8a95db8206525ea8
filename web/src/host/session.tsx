// Who uses the page: asked once, known everywhere, asked again after a login or a logout.
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { api, onLoggedOut, type Session } from '../api';
import { ErrorCard } from './ErrorCard';

interface Known {
  session: Session;
  /** An editor or an admin. Whether a file can be written is said where it is saved. */
  canEdit: boolean;
  /** It has ended by itself: what stands on the page stays there behind the login. */
  hasEnded: boolean;
  setSession: (session: Session) => void;
  logout: () => Promise<void>;
}

const Context = createContext<Known | null>(null);

export function useSession(): Known {
  const known = useContext(Context);
  if (!known) {
    throw new Error('useSession stands outside of <SessionProvider>');
  }
  return known;
}

/** `first` was asked before the page was drawn. */
export function SessionProvider({ first, children }: { first: Promise<Session>; children: ReactNode }) {
  const [session, setSession] = useState<Session>();
  const [hasEnded, setHasEnded] = useState(false);
  const [error, setError] = useState<unknown>();

  const begin = useCallback((session: Session) => {
    setSession(session);
    setHasEnded(false);
    setError(undefined);
  }, []);
  useEffect(() => void first.then(begin, setError), [first, begin]);
  useEffect(
    () =>
      onLoggedOut(() =>
        // Who is somebody still goes on; a server that does not answer is asked again by whatever asks next.
        api.session().then((asked) => (asked.user ? begin(asked) : setHasEnded(true)), setError)
      ),
    [begin]
  );

  const known = useMemo<Known | null>(
    () =>
      session
        ? {
            session,
            canEdit: session.user !== null && session.user.role !== 'viewer',
            hasEnded,
            setSession: begin,
            logout: () => api.logout().then(() => api.session()).then(begin),
          }
        : null,
    [session, hasEnded, begin]
  );
  if (error && !known) {
    return <ErrorCard error={error} />;
  }
  return known && <Context.Provider value={known}>{children}</Context.Provider>;
}
