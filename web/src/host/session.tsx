// Who uses the page: asked once, known everywhere, asked again after a login or a logout.
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { api, onLoggedOut, type Session } from '../api';
import { ErrorCard } from './ErrorCard';

interface Known {
  session: Session;
  /** An editor or an admin. Whether a file can be written is said where it is saved. */
  canEdit: boolean;
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
  const [error, setError] = useState<unknown>();

  const ask = useCallback(() => api.session().then(setSession, setError), []);
  useEffect(() => void first.then(setSession, setError), [first]);
  useEffect(() => onLoggedOut(ask), [ask]);

  const known = useMemo<Known | null>(
    () =>
      session
        ? {
            session,
            canEdit: session.user !== null && session.user.role !== 'viewer',
            setSession,
            logout: () => api.logout().then(ask),
          }
        : null,
    [session, ask]
  );
  if (error) {
    return <ErrorCard error={error} />;
  }
  return known && <Context.Provider value={known}>{children}</Context.Provider>;
}
