// Everything else of a panel: its JSON, as Grafana documents it.
import { Alert, Button, Collapse } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { LazyCodeEditor } from '../../editor/LazyCodeEditor';
import type { PanelJson } from '../json';

export function JsonOptions({ panel, replace }: { panel: PanelJson; replace: (next: PanelJson) => void }) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState('');
  const [error, setError] = useState<string>();
  useEffect(() => setText(JSON.stringify(panel, null, 2)), [panel]);

  const apply = (json: string) => {
    try {
      const next = JSON.parse(json);
      if (next?.id !== panel.id) {
        throw new Error(`the panel's id has to stay ${panel.id}`);
      }
      setError(undefined);
      replace(next);
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown.message : String(thrown));
    }
  };
  return (
    <Collapse label="JSON of the panel" isOpen={open} onToggle={setOpen}>
      {open && (
        <>
          <LazyCodeEditor label="JSON of the panel" language="json" value={text} onChange={setText} onRun={apply} minHeight={200} />
          {error && <Alert severity="error" title={error} />}
          <Button size="sm" variant="secondary" onClick={() => apply(text)} style={{ marginTop: 8 }}>
            Apply
          </Button>
        </>
      )}
    </Collapse>
  );
}
