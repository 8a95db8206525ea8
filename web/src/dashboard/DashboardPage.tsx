// The page of one dashboard: reads its file, builds its scene once, ties the scene to the URL.
import { UrlSyncContextProvider } from '@grafana/scenes';
import { useEffect, useState } from 'react';
import { useParams } from 'react-router-dom';
import { api } from '../api';
import { ErrorCard } from '../host/ErrorCard';
import { loadPanels } from '../host/panelPlugins';
import { useSession } from '../host/session';
import type { DashboardDocument, DashboardJson } from '../api';
import { buildScene, type DashboardScene } from './DashboardScene';
import { DashboardView } from './DashboardView';
import { setMayEdit } from './mayEdit';

interface Loaded {
  scene: DashboardScene;
  document: DashboardDocument;
  /** Tells a rebuilt scene from the one before it. */
  turn: number;
}

let turns = 0;

export default function DashboardPage() {
  const { uid = '' } = useParams();
  const { canEdit } = useSession();
  const [loaded, setLoaded] = useState<Loaded>();
  const [error, setError] = useState<unknown>();
  setMayEdit(canEdit);

  useEffect(() => {
    let left = false;
    setLoaded(undefined);
    setError(undefined);
    const show = (document: DashboardDocument, saved?: DashboardJson) => {
      const scene: DashboardScene = buildScene(document, uid, {
        saved,
        rebuild: (dashboard) => show({ ...document, dashboard, version: scene.state.version }, scene.state.saved),
        reload: read,
      });
      setLoaded({ scene, document, turn: turns++ });
    };
    const read = () =>
      void Promise.all([api.dashboard(uid), loadPanels()]).then(
        ([document]) => !left && show(document),
        (reason) => !left && setError(reason)
      );
    read();
    return () => {
      left = true;
    };
  }, [uid]);

  if (error) {
    return (
      <div style={{ padding: 16 }}>
        <ErrorCard error={error} />
      </div>
    );
  }
  return (
    loaded && (
      <UrlSyncContextProvider key={loaded.turn} scene={loaded.scene} createBrowserHistorySteps updateUrlOnInit={false}>
        <DashboardView scene={loaded.scene} document={loaded.document} />
      </UrlSyncContextProvider>
    )
  );
}
