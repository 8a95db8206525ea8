// The pipe: from Postgres to ClickHouse, table by table.
import { useSession } from '../host/session';
import { Page } from '../shell/Page';
import { Freshness } from './home/Freshness';
import { Loaded } from './kit/States';
import { usePageTitle } from './kit/usePageTitle';
import { useStatus } from './kit/useStatus';
import { PauseButton } from './pipe/PauseButton';
import { Plots } from './pipe/Plots';
import { Quarantine } from './pipe/Quarantine';
import { SchemaChanges } from './pipe/SchemaChanges';
import { Source } from './pipe/Source';
import { Tables } from './pipe/Tables';

export default function Pipe() {
  usePageTitle('Pipe');
  const { session } = useSession();
  const status = useStatus();
  const manages = session.user?.role === 'admin';
  return (
    <Page title="Pipe" actions={manages && status.data && <PauseButton status={status.data} onDone={status.again} />}>
      <Loaded from={status} lines={8}>
        {(pipe) => (
          <>
            <Freshness status={pipe} />
            <Tables tables={pipe.tables} manages={manages} onDone={status.again} />
            <Source status={pipe} />
          </>
        )}
      </Loaded>
      <Plots />
      <Quarantine manages={manages} />
      <SchemaChanges />
    </Page>
  );
}
