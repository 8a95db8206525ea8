// How each schedule keeps its promise: the last run, and a week of them.
import { DataTable } from '../kit/DataTable';
import { Section } from '../kit/Section';
import { StateBadge } from '../kit/StateBadge';
import { Nothing } from '../kit/States';
import type { ScheduleStatus } from '../kit/status';
import { toneOfRun } from '../kit/tones';
import { When } from '../kit/When';
import { countText, durationText } from '../kit/words';
import { Sla } from './Sla';

export function Schedules({ runs }: { runs: ScheduleStatus[] }) {
  return (
    <Section title="Schedules" note="the last 7 days">
      {runs.length === 0 ? (
        <Nothing title="dbt has not run in the last 7 days" icon="clock-nine">
          Run it with <code>millrace transform build</code>, or give it a schedule in <code>millrace.toml</code>.
        </Nothing>
      ) : (
        <DataTable
          caption="Schedules of dbt"
          rows={runs}
          keyOf={(run) => run.schedule}
          more={(run) => run.last_error && toneOfRun(run.last_status) === 'bad' && <span style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{run.last_error}</span>}
          columns={[
            { head: 'Schedule', wide: true, cell: (run) => run.schedule || 'by hand' },
            { head: 'Last run', cell: (run) => <StateBadge tone={toneOfRun(run.last_status)}>{run.last_status}</StateBadge> },
            { head: 'Began', cell: (run) => <When ms={run.last_started} /> },
            { head: 'Last success', cell: (run) => <When ms={run.last_success} /> },
            { head: 'Took', number: true, cell: (run) => durationText(run.last_seconds) },
            { head: 'SLA', cell: (run) => <Sla seconds={run.last_seconds} sla={run.sla_seconds} /> },
            { head: 'Over SLA', number: true, cell: (run) => (run.sla_seconds ? countText(run.over_sla) : '–') },
            { head: 'Good', number: true, cell: (run) => `${countText(run.good)} of ${countText(run.ended)}` },
          ]}
        />
      )}
    </Section>
  );
}
