// Writes the edited dashboard into its file, or says in the server's words why not.
import { Button, ConfirmModal, Tooltip } from '@grafana/ui';
import { useState } from 'react';
import { ApiError, api, type DashboardDocument } from '../api';
import { ErrorCard } from '../host/ErrorCard';
import { toaster } from '../host/toaster';
import type { DashboardScene } from './DashboardScene';
import { downloadJson } from './export/json';

export function SaveButtons({ scene, document }: { scene: DashboardScene; document: DashboardDocument }) {
  const { uid, isOutdated } = scene.useState();
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<unknown>();
  if (!scene.isEdited()) {
    return null;
  }

  const save = () => {
    try {
      scene.applyDrafts();
    } catch (thrown) {
      setRefusal(thrown);
      return;
    }
    const { document: edited, version } = scene.state;
    setBusy(true);
    api
      .saveDashboard(uid, edited, version)
      .then(
        (saved) => {
          scene.markSaved(edited, saved.version);
          toaster.done(`Saved to ${document.file}`);
        },
        (error) => {
          if (error instanceof ApiError && error.status === 409) {
            scene.setState({ isOutdated: true });
          }
          // Whose session has ended logs in and saves again.
          if (!(error instanceof ApiError && error.status === 401)) {
            setRefusal(error);
          }
        }
      )
      .finally(() => setBusy(false));
  };
  const button = (
    <Button size="sm" onClick={save} disabled={busy || !document.writable} icon="save">
      Save
    </Button>
  );
  const end = () => setRefusal(undefined);
  const readAnew = () => {
    end();
    scene.state.reload();
  };
  return (
    <>
      <Button size="sm" variant="secondary" onClick={() => scene.discard()} disabled={busy}>
        Discard
      </Button>
      {document.writable ? (
        button
      ) : (
        <Tooltip content={document.reason ?? 'The file cannot be written.'}>
          <span>{button}</span>
        </Tooltip>
      )}
      <ConfirmModal
        isOpen={refusal !== undefined}
        title="Not saved"
        body={
          <>
            <ErrorCard error={refusal} />
            {isOutdated && (
              <Button size="sm" variant="secondary" icon="download-alt" onClick={() => downloadJson(scene.state.document, scene.state.title)}>
                Download mine
              </Button>
            )}
          </>
        }
        confirmText={isOutdated ? 'Give mine up and read the file' : 'Close'}
        dismissText="Keep editing"
        onConfirm={isOutdated ? readAnew : end}
        onDismiss={end}
      />
    </>
  );
}
