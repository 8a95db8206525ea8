// The pipe: from Postgres, and from topics, to ClickHouse, table by table.
import { useSession } from '../host/session';
import { Page } from '../shell/Page';
import { Freshness } from './home/Freshness';
import { Loaded } from './kit/States';
import { usePageTitle } from './kit/usePageTitle';
import { useStatus } from './kit/useStatus';
import { waysIn } from './kit/ways';
import { PauseButton } from './pipe/PauseButton';
import { Plots } from './pipe/Plots';
import { Quarantine } from './pipe/Quarantine';
import { SchemaChanges } from './pipe/SchemaChanges';
import { Source } from './pipe/Source';
import { Tables } from './pipe/Tables';
import { Topics } from './pipe/Topics';

export default function Pipe() {
  usePageTitle('Pipe');
  const { session } = useSession();
  const status = useStatus();
  const manages = session.user?.role === 'admin';
  const ways = status.data ? waysIn(status.data) : { stream: true, topics: false };
  return (
    <Page title="Pipe" actions={manages && ways.stream && status.data && <PauseButton status={status.data} onDone={status.again} />}>
      <Loaded from={status} lines={8}>
        {(pipe) => (
          <>
            <Freshness status={pipe} />
            <Tables tables={pipe.tables} ways={ways} manages={manages} onDone={status.again} />
            {ways.stream && <Source status={pipe} />}
            {pipe.kafka && <Topics kafka={pipe.kafka} />}
          </>
        )}
      </Loaded>
      <Plots ways={ways} />
      <Quarantine manages={manages} />
      <SchemaChanges />
    </Page>
  );
}
