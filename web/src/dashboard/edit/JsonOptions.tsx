// Everything else of a panel: its JSON, as Grafana documents it.
import { Alert, Button, Collapse } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { LazyCodeEditor } from '../../editor/LazyCodeEditor';
import type { DashboardScene } from '../DashboardScene';
import type { PanelJson } from '../json';
import { useDraft } from './useDraft';

interface Props {
  scene: DashboardScene;
  panel: PanelJson;
  replace: (next: PanelJson) => void;
}

export function JsonOptions({ scene, panel, replace }: Props) {
  const [open, setOpen] = useState(false);
  const [error, setError] = useState<string>();
  const whole = JSON.stringify(panel, null, 2);
  // The text and what it was made of: one that is being typed is not taken away by another edit.
  const [{ text, of }, setText] = useState({ text: whole, of: whole });
  const changed = text !== of;
  useEffect(() => {
    if (!changed) {
      setText({ text: whole, of: whole });
    }
  }, [whole, changed]);

  const put = (json: string) => {
    const next = JSON.parse(json);
    if (next?.id !== panel.id) {
      throw new Error(`the panel's id has to stay ${panel.id}`);
    }
    const made = JSON.stringify(next, null, 2);
    setText({ text: made, of: made });
    replace(next);
  };
  const apply = (json: string) => {
    try {
      setError(undefined);
      put(json);
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown.message : String(thrown));
    }
  };
  useDraft(scene, 'JSON of the panel', changed, () => {
    if (JSON.stringify(scene.panel(panel.id), null, 2) !== of) {
      throw new Error('The panel was changed beside its JSON. Apply the JSON, which undoes that, or take back what was typed there.');
    }
    put(text);
  });
  return (
    <Collapse label="JSON of the panel" isOpen={open} onToggle={setOpen}>
      {open && (
        <>
          <LazyCodeEditor label="JSON of the panel" language="json" value={text} onChange={(text) => setText({ text, of })} onRun={apply} minHeight="200px" />
          {error && <Alert severity="error" title={error} />}
          <Button size="sm" variant="secondary" onClick={() => apply(text)} style={{ marginTop: 8 }}>
            Apply
          </Button>
        </>
      )}
    </Collapse>
  );
}
