// Gives the page its theme and the switch between dark and light.
import { ThemeContext } from '@grafana/data';
import { config } from '@grafana/runtime';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { createContext, useCallback, useContext, useLayoutEffect, useMemo, useState, type ReactNode } from 'react';
import './base.css';
import { keepMode, preferredMode, themeOf, type Mode } from './theme';

const Switch = createContext<{ mode: Mode; toggle: () => void }>({ mode: 'dark', toggle: () => {} });

export const useThemeSwitch = () => useContext(Switch);

export function Theme({ children }: { children: ReactNode }) {
  const [mode, setMode] = useState(preferredMode);
  const theme = useMemo(() => themeOf(mode), [mode]);
  const toggle = useCallback(() => {
    const next = mode === 'dark' ? 'light' : 'dark';
    keepMode(next);
    setMode(next);
  }, [mode]);

  // Display processors read the theme from the configuration, so it has to stand there before the panels render.
  config.theme2 = theme;
  useLayoutEffect(() => {
    document.documentElement.style.colorScheme = mode;
    document.body.classList.toggle('theme-light', mode === 'light');
    document.body.classList.toggle('theme-dark', mode === 'dark');
  }, [mode]);

  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Switch.Provider value={useMemo(() => ({ mode, toggle }), [mode, toggle])}>
        {children}
        <PortalContainer />
      </Switch.Provider>
    </ThemeContext.Provider>
  );
}
