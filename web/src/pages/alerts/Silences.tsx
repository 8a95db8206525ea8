// The silences: those that hold or will, each to be ended; those that are over for a while.
import { api } from '../../api';
import { Asking } from '../kit/Asking';
import { DataTable, type Column } from '../kit/DataTable';
import { Section } from '../kit/Section';
import { StateBadge } from '../kit/StateBadge';
import { Nothing } from '../kit/States';
import { When } from '../kit/When';
import { plural } from '../kit/words';
import type { SilenceShown as Silence } from './document';

type Stage = 'active' | 'to come' | 'over';

function stageOf(silence: Silence, now: number): Stage {
  return silence.ends_ms <= now ? 'over' : silence.starts_ms > now ? 'to come' : 'active';
}

const TONES = { active: 'busy', 'to come': 'quiet', over: 'quiet' } as const;
const RANK = { active: 0, 'to come': 1, over: 2 };

const matchersText = (silence: Silence): string => silence.matchers.map(({ name, op, value }) => `${name}${op}${value}`).join(', ');

export function Silences({ silences, canEdit, onDone }: { silences: Silence[]; canEdit: boolean; onDone: () => void }) {
  const now = Date.now();
  const sorted = [...silences].sort((a, b) => RANK[stageOf(a, now)] - RANK[stageOf(b, now)] || b.ends_ms - a.ends_ms);
  const active = sorted.filter((silence) => stageOf(silence, now) === 'active').length;
  const columns: Array<Column<Silence>> = [
    { head: 'Silent', wide: true, cell: (silence) => matchersText(silence) },
    { head: 'State', cell: (silence) => <StateBadge tone={TONES[stageOf(silence, now)]}>{stageOf(silence, now)}</StateBadge> },
    { head: 'Why', text: true, cell: (silence) => silence.comment || '–' },
    { head: 'By', cell: (silence) => silence.author || silence.created_by || '–' },
    { head: 'From', cell: (silence) => <When ms={silence.starts_ms} /> },
    { head: 'Until', cell: (silence) => <When ms={silence.ends_ms} /> },
  ];
  if (canEdit) {
    columns.push({
      head: 'What can be done',
      silent: true,
      cell: (silence) =>
        stageOf(silence, now) !== 'over' && (
          <Asking
            label="End"
            icon="bell"
            fill="text"
            ariaLabel={`End the silence of ${matchersText(silence)}`}
            title="End this silence?"
            body={`What has ${matchersText(silence)} is told again from now on.`}
            confirm="End the silence"
            onDo={async () => {
              await api.unsilence(silence.id);
              onDone();
              return 'The silence is over';
            }}
          />
        ),
    });
  }
  return (
    <Section title="Silences" note={`${plural(active, 'active', 'active')}`}>
      {sorted.length === 0 ? (
        <Nothing title="Nothing is silenced" icon="bell">
          {canEdit ? 'A silence begins at an instance of a rule.' : 'Editors can silence an instance of a rule.'}
        </Nothing>
      ) : (
        <DataTable caption="Silences" columns={columns} rows={sorted} keyOf={(silence) => silence.id} />
      )}
    </Section>
  );
}
