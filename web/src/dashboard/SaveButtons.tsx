// Writes the edited dashboard into its file, or says in the server's words why not.
import { Button, ConfirmModal, Tooltip } from '@grafana/ui';
import { useState } from 'react';
import { api, type DashboardDocument } from '../api';
import { ErrorCard } from '../host/ErrorCard';
import { toaster } from '../host/toaster';
import type { DashboardScene } from './DashboardScene';

export function SaveButtons({ scene, document }: { scene: DashboardScene; document: DashboardDocument }) {
  const { uid, version, document: edited } = scene.useState();
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<unknown>();
  if (!scene.isEdited()) {
    return null;
  }

  const save = () => {
    setBusy(true);
    api
      .saveDashboard(uid, edited, version)
      .then((saved) => {
        scene.markSaved(saved.version);
        toaster.done(`Saved to ${document.file}`);
      }, setRefusal)
      .finally(() => setBusy(false));
  };
  const button = (
    <Button size="sm" onClick={save} disabled={busy || !document.writable} icon="save">
      Save
    </Button>
  );
  return (
    <>
      <Button size="sm" variant="secondary" onClick={() => scene.discard()}>
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
        body={<ErrorCard error={refusal} />}
        confirmText="Close"
        dismissText="Keep editing"
        onConfirm={() => setRefusal(undefined)}
        onDismiss={() => setRefusal(undefined)}
      />
    </>
  );
}
