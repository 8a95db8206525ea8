// What dbt builds, how its runs end, and whether they keep within their time.
import { useMemo } from 'react';
import { api } from '../api';
import { Page } from '../shell/Page';
import { Section } from './kit/Section';
import { Loaded, Nothing } from './kit/States';
import { usePageTitle } from './kit/usePageTitle';
import { usePolled } from './kit/usePolled';
import { useStatus } from './kit/useStatus';
import { plural } from './kit/words';
import { ProjectGraph } from './runs/ProjectGraph';
import { LastRuns } from './runs/LastRuns';
import { isBuilt, latestNodes } from './runs/models';
import { Schedules } from './runs/Schedules';

const EVERY_MS = 10_000;

export default function Runs() {
  usePageTitle('Runs');
  const status = useStatus();
  const runs = usePolled(() => api.runs(), EVERY_MS);
  const nodes = useMemo(() => latestNodes(runs.data ?? []), [runs.data]);
  const built = nodes.filter(isBuilt).length;
  return (
    <Page title="Runs">
      <Loaded from={status} lines={3}>
        {(pipe) => <Schedules runs={pipe.runs} />}
      </Loaded>
      <Section title="The project" note={built > 0 && plural(built, 'node')}>
        <Loaded from={runs} lines={6}>
          {() =>
            built === 0 ? (
              <Nothing title="Nothing is built yet" icon="sitemap">
                The graph of the project stands here after its first run.
              </Nothing>
            ) : (
              <ProjectGraph nodes={nodes} />
            )
          }
        </Loaded>
      </Section>
      <Loaded from={runs} lines={6}>
        {(list) => <LastRuns runs={list} />}
      </Loaded>
    </Page>
  );
}
