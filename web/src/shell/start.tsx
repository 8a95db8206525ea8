// Fills the services, then draws the page.
import { createRoot } from 'react-dom/client';
import { api } from '../api';
import { fillServices } from '../host/services';
import { SessionProvider } from '../host/session';
import { Theme } from '../host/Theme';
import { HistoryRouter } from './HistoryRouter';
import { Shell } from './Shell';

/** Canvases measure texts with the font that is there when they are drawn. */
const FONTS_MS = 1000;

export async function start() {
  const asked = api.session();
  asked.catch(() => {});
  await Promise.all([fillServices(), fontsOrTimeout()]);
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

function fontsOrTimeout(): Promise<unknown> {
  const fonts = Promise.all(['12px Inter', '500 12px Inter'].map((font) => document.fonts.load(font)));
  return Promise.race([fonts.catch(() => {}), new Promise((done) => setTimeout(done, FONTS_MS))]);
}
