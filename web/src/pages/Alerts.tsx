// The rules, what they found, who is told, and what is kept silent.
import { useState } from 'react';
import { useSearchParams } from 'react-router-dom';
import { api } from '../api';
import { useSession } from '../host/session';
import { Page } from '../shell/Page';
import { ContactPoints } from './alerts/ContactPoints';
import type { Document } from './alerts/document';
import { firing } from './alerts/firing';
import { Rules } from './alerts/Rules';
import { SilenceForm } from './alerts/SilenceForm';
import { Silences } from './alerts/Silences';
import { Summary } from './alerts/Summary';
import { Timeline } from './alerts/Timeline';
import { readReport } from './kit/report';
import { Loaded, ProblemCard } from './kit/States';
import { usePageTitle } from './kit/usePageTitle';
import { usePolled } from './kit/usePolled';

const EVERY_MS = 5000;

export default function Alerts() {
  const { canEdit } = useSession();
  const [params] = useSearchParams();
  const alerts = usePolled(() => api.alerts() as Promise<Document>, EVERY_MS);
  const [silencing, setSilencing] = useState<Record<string, string>>();
  const now = alerts.data ? firing(alerts.data).length : 0;
  usePageTitle(now > 0 ? `(${now}) Alerts` : 'Alerts');
  return (
    <Page title="Alerts">
      <Loaded from={alerts} lines={8}>
        {(known) => (
          <>
            {known.files_error && <ProblemCard problem={{ ...readReport(known.files_error), hint: readReport(known.files_error).hint ?? 'Until it is mended the rules of before hold.' }} />}
            {known.notes && known.notes.length > 0 && <ProblemCard severity="warning" problem={{ error: 'Parts of the files have no effect', detail: known.notes.join('\n') }} />}
            <Summary alerts={known} />
            <Rules groups={known.groups} named={params.get('rule')} onSilence={canEdit ? setSilencing : null} />
            <Silences silences={known.silences} canEdit={canEdit} onDone={alerts.again} />
            <ContactPoints points={known.contact_points} canEdit={canEdit} />
          </>
        )}
      </Loaded>
      <Timeline groups={alerts.data?.groups ?? []} />
      {silencing && <SilenceForm labels={silencing} onClose={() => setSilencing(undefined)} onDone={alerts.again} />}
    </Page>
  );
}
