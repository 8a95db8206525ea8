// The last runs, each with its nodes on demand.
import { Button } from '@grafana/ui';
import { useState } from 'react';
import type { Run } from '../../api';
import { DataTable } from '../kit/DataTable';
import { Section } from '../kit/Section';
import { StateBadge } from '../kit/StateBadge';
import { Nothing } from '../kit/States';
import { toneOfRun } from '../kit/tones';
import { When } from '../kit/When';
import { durationText, localTime, plural } from '../kit/words';
import { RunNodes } from './RunNodes';
import { Sla } from './Sla';

const FIRST = 15;

export function LastRuns({ runs }: { runs: Run[] }) {
  const [open, setOpen] = useState<string>();
  const [all, setAll] = useState(false);
  const shown = all ? runs : runs.slice(0, FIRST);
  return (
    <Section title="Last runs" note={runs.length > 0 && plural(runs.length, 'run')}>
      {runs.length === 0 ? (
        <Nothing title="dbt has not run yet" icon="sitemap">
          <code>millrace transform build</code> builds the models of the project’s folder <code>dbt/</code>.
        </Nothing>
      ) : (
        <DataTable
          caption="The last runs of dbt, newest first"
          rows={shown}
          keyOf={(run) => run.id}
          more={(run) => (open === run.id ? <RunNodes run={run} /> : run.error && toneOfRun(run.status) === 'bad' && <Said text={run.error} />)}
          columns={[
            { head: 'Began', cell: (run) => <When ms={run.started_ms} exact /> },
            { head: 'Schedule', cell: (run) => run.schedule || 'by hand' },
            { head: 'Command', wide: true, cell: (run) => <code style={{ overflowWrap: 'anywhere', whiteSpace: 'normal' }}>{run.command}</code> },
            { head: 'State', cell: (run) => <StateBadge tone={toneOfRun(run.status)}>{run.status}</StateBadge> },
            { head: 'Took', number: true, cell: (run) => (run.status === 'running' ? '–' : durationText(run.seconds)) },
            { head: 'SLA', cell: (run) => <Sla seconds={run.status === 'running' ? null : run.seconds} sla={run.sla_seconds} /> },
            {
              head: 'Nodes',
              cell: (run) =>
                run.nodes.length > 0 ? (
                  <Button size="sm" variant="secondary" fill="text" icon={open === run.id ? 'angle-up' : 'angle-down'} aria-expanded={open === run.id} aria-label={`${counts(run)} of the run of ${localTime(run.started_ms)}`} onClick={() => setOpen(open === run.id ? undefined : run.id)}>
                    {counts(run)}
                  </Button>
                ) : (
                  'none'
                ),
            },
          ]}
        />
      )}
      {runs.length > FIRST && !all && (
        <Button size="sm" variant="secondary" fill="text" onClick={() => setAll(true)}>
          Show all {runs.length}
        </Button>
      )}
    </Section>
  );
}

function Said({ text }: { text: string }) {
  return <div style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{text}</div>;
}

function counts(run: Run): string {
  const failed = run.nodes.filter((node) => toneOfRun(node.status) === 'bad').length;
  return failed > 0 ? `${failed} of ${run.nodes.length} failed` : plural(run.nodes.length, 'node');
}
