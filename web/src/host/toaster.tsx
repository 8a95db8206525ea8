// Short words over the page, for what has no place of its own: a failed export, a saved file.
import { Alert, useStyles2, type AlertVariant } from '@grafana/ui';
import type { GrafanaTheme2 } from '@grafana/data';
import { css } from '@emotion/css';
import { useSyncExternalStore } from 'react';
import { problemFrom } from '../api';

interface Toast {
  id: number;
  severity: AlertVariant;
  title: string;
  text?: string;
}

const SHOWN_MS = 5000;
let toasts: Toast[] = [];
let next = 0;
const listeners = new Set<() => void>();

function set(now: Toast[]) {
  toasts = now;
  listeners.forEach((told) => told());
}

function show(severity: AlertVariant, title: string, text?: string) {
  const toast = { id: next++, severity, title, text };
  set([...toasts, toast]);
  setTimeout(() => hide(toast.id), SHOWN_MS);
}

const hide = (id: number) => set(toasts.filter((toast) => toast.id !== id));

export const toaster = {
  done: (title: string) => show('success', title),
  error: (title: string, error: unknown) => {
    const { error: what, detail } = problemFrom(error);
    show('error', title, [what, detail].filter(Boolean).join(': '));
  },
};

export function Toasts() {
  const styles = useStyles2(getStyles);
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts
  );
  return (
    <div className={styles.place} role="status" aria-live="polite">
      {shown.map(({ id, severity, title, text }) => (
        <Alert key={id} severity={severity} title={title} elevated onRemove={() => hide(id)}>
          {text}
        </Alert>
      ))}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  place: css({ position: 'fixed', top: 48, right: 12, width: 'min(420px, calc(100vw - 24px))', zIndex: theme.zIndex.portal }),
});
