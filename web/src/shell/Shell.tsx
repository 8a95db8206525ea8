// The frame of every page: the bar with the ways to the pages, and the page below it.
import { useStyles2 } from '@grafana/ui';
import type { GrafanaTheme2 } from '@grafana/data';
import { css } from '@emotion/css';
import { Suspense, useEffect } from 'react';
import { useLocation } from 'react-router-dom';
import { ErrorBoundary } from '../host/ErrorCard';
import { useSession } from '../host/session';
import { Toasts } from '../host/toaster';
import { Login } from './Login';
import { NavBar } from './NavBar';
import { Pages } from './routes';

export function Shell() {
  const styles = useStyles2(getStyles);
  const { session, hasEnded } = useSession();
  const { pathname } = useLocation();
  useEffect(() => {
    document.title = session.project?.name ? `${session.project?.name} · Millrace` : 'Millrace';
  }, [pathname, session.project?.name]);

  if (!session.user) {
    return <Login />;
  }
  return (
    <>
      {hasEnded && (
        <div className={styles.over} role="dialog" aria-modal aria-label="Your session has ended: log in again">
          <Login />
        </div>
      )}
      {/* Another user gets another page. */}
      <div key={session.user.name} className={styles.frame} inert={hasEnded}>
        <a className={styles.skip} href="#page" onClick={focusPage}>
          Skip to the page
        </a>
        <NavBar />
        <main id="page" tabIndex={-1} className={styles.page}>
          <ErrorBoundary key={pathname}>
            <Suspense fallback={null}>
              <Pages />
            </Suspense>
          </ErrorBoundary>
        </main>
        <Toasts />
      </div>
    </>
  );
}

/** The address of a fragment would be resolved against <base href>, that is, lead to another page. */
function focusPage(event: { preventDefault: () => void }) {
  event.preventDefault();
  document.getElementById('page')?.focus();
}

const getStyles = (theme: GrafanaTheme2) => ({
  frame: css({ minHeight: '100vh', display: 'flex', flexDirection: 'column', background: theme.colors.background.canvas }),
  page: css({ flex: 1, minWidth: 0, outline: 'none', display: 'flex', flexDirection: 'column' }),
  over: css({ position: 'fixed', inset: 0, zIndex: theme.zIndex.portal, overflow: 'auto', background: theme.colors.background.canvas }),
  skip: css({
    position: 'absolute',
    left: -9999,
    '&:focus': { left: 8, top: 8, zIndex: theme.zIndex.tooltip, background: theme.colors.background.elevated, padding: theme.spacing(1) },
  }),
});
