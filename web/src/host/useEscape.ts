// Escape closes Grafana's drawer, which does not hear it: what has the focus in it takes the key for its tooltip.
// In an editor of code it belongs to the editor.
import { useEffect } from 'react';

export function useEscape(close: () => void) {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const isInEditor = event.target instanceof HTMLElement && event.target.isContentEditable;
      if (event.key === 'Escape' && !isInEditor) {
        close();
      }
    };
    window.addEventListener('keydown', press, true);
    return () => window.removeEventListener('keydown', press, true);
  }, [close]);
}
