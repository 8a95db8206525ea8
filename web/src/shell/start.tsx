// Fills the services, then draws the page.
import { createRoot } from 'react-dom/client';
import { api } from '../api';
import { fillServices } from '../host/services';
import { SessionProvider } from '../host/session';
import { Theme } from '../host/Theme';
import { HistoryRouter } from './HistoryRouter';
import { Shell } from './Shell';

export async function start() {
  const asked = api.session();
  asked.catch(() => {});
  await fillServices();
  createRoot(document.getElementById('root')!).render(
    <Theme>
      <HistoryRouter>
        <SessionProvider first={asked}>
          <Shell />
        </SessionProvider>
      </HistoryRouter>
    </Theme>
  );
}
