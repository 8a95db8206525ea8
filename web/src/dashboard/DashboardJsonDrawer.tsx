// The dashboard's JSON, for what has no form: variables, annotations, links, time. Applied, the dashboard is built anew.
import { Alert, Button, Drawer } from '@grafana/ui';
import { useState } from 'react';
import { useSession } from '../host/session';
import { useEscape } from '../host/useEscape';
import { LazyCodeEditor } from '../editor/LazyCodeEditor';
import type { DashboardScene } from './DashboardScene';
import { textOfDashboard } from './json';

export function DashboardJsonDrawer({ scene, onClose }: { scene: DashboardScene; onClose: () => void }) {
  const { canEdit } = useSession();
  const [first] = useState(() => textOfDashboard(scene.state.document));
  const [text, setText] = useState(first);
  const [error, setError] = useState<string>();
  const leave = () => {
    if (text === first || window.confirm('The JSON has changes that are not applied. Leave them?')) {
      onClose();
    }
  };
  useEscape(leave);

  const apply = (json: string) => {
    try {
      const next = JSON.parse(json);
      if (next?.uid !== scene.state.document.uid) {
        throw new Error(`the uid has to stay ${scene.state.document.uid}`);
      }
      scene.state.rebuild(next);
      onClose();
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown.message : String(thrown));
    }
  };
  return (
    <Drawer title="JSON of the dashboard" subtitle={scene.state.file} size="md" onClose={leave}>
      <LazyCodeEditor label="JSON of the dashboard" language="json" value={text} onChange={setText} onRun={apply} readOnly={!canEdit} maxHeight="calc(100vh - 220px)" />
      {error && <Alert severity="error" title={error} />}
      {canEdit && (
        <Button onClick={() => apply(text)} style={{ marginTop: 8 }}>
          Apply
        </Button>
      )}
    </Drawer>
  );
}
