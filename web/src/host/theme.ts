// The face of the page: Grafana's theme with Millrace's colours and type, dark and light.
import { createTheme, type GrafanaTheme2 } from '@grafana/data';

export type Mode = 'dark' | 'light';

const KEPT_AS = 'millrace.theme';
const type = {
  fontFamily: "'Inter', system-ui, sans-serif",
  fontFamilyMonospace: "'Roboto Mono', ui-monospace, monospace",
};

export function preferredMode(): Mode {
  const kept = localStorage.getItem(KEPT_AS);
  if (kept === 'dark' || kept === 'light') {
    return kept;
  }
  return matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
}

export function keepMode(mode: Mode) {
  localStorage.setItem(KEPT_AS, mode);
}

/** River blue on slate; every text colour keeps 4.5:1 on the backgrounds it stands on. */
export function themeOf(mode: Mode): GrafanaTheme2 {
  return createTheme({ name: 'Millrace', colors: mode === 'dark' ? dark : light, typography: type, shape: { borderRadius: 4 } } as Parameters<typeof createTheme>[0]);
}

const dark = {
  mode: 'dark' as const,
  primary: { main: '#1a7f8e', text: '#5cc4d2', border: '#3ba3b2', contrastText: '#ffffff' },
  secondary: { main: '#22313a', shade: '#2b3d48', text: '#d3dde1', contrastText: '#d3dde1', border: 'rgba(190, 214, 222, 0.10)', transparent: 'rgba(190, 214, 222, 0.08)' },
  accent: { main: '#1a7f8e', text: '#5cc4d2', border: '#3ba3b2' },
  info: { main: '#1a7f8e', text: '#5cc4d2' },
  background: { canvas: '#0d1418', page: '#111a1f', primary: '#131d23', secondary: '#1a262d', elevated: '#1a262d' },
  text: { primary: '#d3dde1', secondary: '#9aabb3', disabled: '#85969e', link: '#5cc4d2', maxContrast: '#ffffff' },
  border: { weak: 'rgba(190, 214, 222, 0.10)', medium: 'rgba(190, 214, 222, 0.20)', strong: 'rgba(190, 214, 222, 0.32)' },
  gradients: { brandHorizontal: 'linear-gradient(90deg, #1a7f8e, #5cc4d2)', brandVertical: 'linear-gradient(0deg, #1a7f8e, #5cc4d2)' },
};

const light = {
  mode: 'light' as const,
  primary: { main: '#0f6b7a', text: '#0c5b68', border: '#0f6b7a', contrastText: '#ffffff' },
  secondary: { main: '#e3eaed', shade: '#d8e2e6', text: '#18262c', contrastText: '#18262c', border: 'rgba(24, 48, 58, 0.12)', transparent: 'rgba(24, 48, 58, 0.06)' },
  accent: { main: '#0f6b7a', text: '#0c5b68', border: '#0f6b7a' },
  info: { main: '#0f6b7a', text: '#0c5b68' },
  background: { canvas: '#f1f5f6', page: '#ffffff', primary: '#ffffff', secondary: '#f1f5f6', elevated: '#ffffff' },
  text: { primary: '#18262c', secondary: '#475a63', disabled: '#5d6f78', link: '#0c5b68', maxContrast: '#000000' },
  border: { weak: 'rgba(24, 48, 58, 0.12)', medium: 'rgba(24, 48, 58, 0.26)', strong: 'rgba(24, 48, 58, 0.40)' },
  gradients: { brandHorizontal: 'linear-gradient(90deg, #0f6b7a, #3ba3b2)', brandVertical: 'linear-gradient(0deg, #0f6b7a, #3ba3b2)' },
};
