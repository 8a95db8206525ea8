// Where alerts are told, and whether that works.
import { Button } from '@grafana/ui';
import { useState } from 'react';
import { api, problemFrom, type Alerts, type ContactTest, type Problem } from '../../api';
import { DataTable, type Column } from '../kit/DataTable';
import { Section } from '../kit/Section';
import { StateBadge } from '../kit/StateBadge';
import { Nothing, ProblemCard } from '../kit/States';
import { plural } from '../kit/words';

type Point = Alerts['contact_points'][number];
type Outcome = { sent: ContactTest['sent'] } | { problem: Problem } | 'busy';

export function ContactPoints({ points, canEdit }: { points: Point[]; canEdit: boolean }) {
  const [outcomes, setOutcomes] = useState<Record<string, Outcome>>({});
  const test = async (name: string) => {
    const set = (outcome: Outcome) => setOutcomes((before) => ({ ...before, [name]: outcome }));
    set('busy');
    try {
      set(await api.testContactPoint(name));
    } catch (error) {
      set({ problem: problemFrom(error) });
    }
  };
  const columns: Array<Column<Point>> = [
    { head: 'Contact point', wide: true, cell: (point) => point.name },
    { head: 'Tells by', cell: (point) => point.kinds.join(', ') || 'nothing' },
  ];
  if (canEdit) {
    columns.push({
      head: 'What can be done',
      silent: true,
      cell: (point) => (
        <Button size="sm" variant="secondary" fill="text" icon={outcomes[point.name] === 'busy' ? 'spinner' : 'message'} disabled={outcomes[point.name] === 'busy'} aria-label={`Send a test to ${point.name}`} onClick={() => void test(point.name)}>
          Send a test
        </Button>
      ),
    });
  }
  return (
    <Section title="Contact points" note={plural(points.length, 'contact point')}>
      {points.length === 0 ? (
        <Nothing title="Nobody is told" icon="envelope">
          Put contact points and policies, as Grafana’s YAML, into the folder <code>alerting/</code> of the project.
        </Nothing>
      ) : (
        <DataTable caption="Contact points" columns={columns} rows={points} keyOf={(point) => point.name} more={(point) => <Told outcome={outcomes[point.name]} />} />
      )}
    </Section>
  );
}

function Told({ outcome }: { outcome: Outcome | undefined }) {
  if (outcome === undefined || outcome === 'busy') {
    return null;
  }
  if ('problem' in outcome) {
    return <ProblemCard problem={outcome.problem} />;
  }
  return (
    <ul role="status" style={{ listStyle: 'none', margin: 0, padding: 0 }}>
      {outcome.sent.map(({ kind, ok, error }, at) => (
        <li key={at} style={{ overflowWrap: 'anywhere' }}>
          <StateBadge tone={ok ? 'good' : 'bad'}>{ok ? `${kind}: sent` : `${kind}: not sent`}</StateBadge> {error}
        </li>
      ))}
    </ul>
  );
}
