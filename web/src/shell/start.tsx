// Fills the services, then draws the page.
import { createRoot } from 'react-dom/client';
import { fillServices } from '../host/services';
import { SessionProvider } from '../host/session';
import { Theme } from '../host/Theme';
import { HistoryRouter } from './HistoryRouter';
import { Shell } from './Shell';

export async function start() {
  await fillServices();
  createRoot(document.getElementById('root')!).render(
    <Theme>
      <HistoryRouter>
        <SessionProvider>
          <Shell />
        </SessionProvider>
      </HistoryRouter>
    </Theme>
  );
}
