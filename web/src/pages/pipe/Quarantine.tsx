// Rows that ClickHouse cannot carry, by reason. Their values are shown on demand, and to admins alone.
import { Button } from '@grafana/ui';
import { useState } from 'react';
import { askFrame, lastHour, rowsOf } from '../kit/ask';
import { Asking } from '../kit/Asking';
import { DataTable, type Column } from '../kit/DataTable';
import { ops, type QuarantineGroup } from '../kit/ops';
import { Section } from '../kit/Section';
import { Loaded, Nothing } from '../kit/States';
import { usePolled } from '../kit/usePolled';
import { When } from '../kit/When';
import { countText, plural } from '../kit/words';
import { QuarantinedRows } from './QuarantinedRows';

const EVERY_MS = 15_000;
const SQL = `SELECT source_table AS \`table\`, column, reason, countIf(state != 'superseded') AS rows, countIf(state = 'superseded') AS superseded, toString(max(at)) AS newest
FROM millrace.quarantine FINAL WHERE state IN ('waiting', 'superseded', 'replaying')
GROUP BY source_table, column, reason ORDER BY source_table, column, reason LIMIT 1000`;

/** Admins ask the pipe, which looks for newer rows first; others read the table, as far as they may. */
const ask = (manages: boolean, signal: AbortSignal): Promise<QuarantineGroup[]> =>
  manages ? ops.quarantine() : askFrame(SQL, lastHour(), signal).then((frame) => rowsOf<QuarantineGroup>(frame));

export function Quarantine({ manages }: { manages: boolean }) {
  const groups = usePolled((signal) => ask(manages, signal), EVERY_MS, String(manages));
  const [open, setOpen] = useState<string>();
  const rows = groups.data?.reduce((sum, group) => sum + Number(group.rows), 0) ?? 0;

  const columns: Array<Column<QuarantineGroup>> = [
    { head: 'Table', cell: (group) => group.table },
    { head: 'Column', cell: (group) => group.column || '–' },
    { head: 'Reason', wide: true, cell: (group) => group.reason },
    { head: 'Waiting', number: true, cell: (group) => countText(Number(group.rows)) },
    { head: 'Superseded', number: true, cell: (group) => countText(Number(group.superseded)) },
    { head: 'Newest', cell: (group) => <When ms={Date.parse(`${group.newest.replace(' ', 'T')}Z`)} /> },
  ];
  if (manages) {
    columns.push({
      head: 'What can be done',
      silent: true,
      cell: (group) => {
        const key = keyOf(group);
        return (
          <span style={{ display: 'inline-flex', whiteSpace: 'nowrap' }}>
            <Button size="sm" variant="secondary" fill="text" icon="eye" aria-expanded={open === key} aria-label={`${open === key ? 'Hide' : 'Show'} rows of ${group.table}: ${group.reason}`} onClick={() => setOpen(open === key ? undefined : key)}>
              {open === key ? 'Hide' : 'Show'}
            </Button>
            <Drop group={group} onDone={groups.again} />
          </span>
        );
      },
    });
  }
  return (
    <Section title="Set aside" note={groups.data && plural(rows, 'row')} actions={manages && rows > 0 && <Replay groups={groups.data ?? []} onDone={groups.again} />}>
      <Loaded from={groups} lines={2}>
        {(list) =>
          list.length === 0 ? (
            <Nothing title="No row is set aside" icon="check-circle">
              Rows whose values ClickHouse cannot carry would wait here, until the table’s rules take them.
            </Nothing>
          ) : (
            <DataTable
              caption="Rows set aside, by reason"
              columns={columns}
              rows={list}
              keyOf={keyOf}
              more={(group) => manages && open === keyOf(group) && <QuarantinedRows table={group.table} column={group.column} />}
            />
          )
        }
      </Loaded>
    </Section>
  );
}

const keyOf = (group: QuarantineGroup) => `${group.table}\n${group.column}\n${group.reason}`;

/** Messages that could not be read are of no table. */
const isTopic = (table: string) => table.startsWith('topic ');

function Replay({ groups, onDone }: { groups: QuarantineGroup[]; onDone: () => void }) {
  const tables = [...new Set(groups.map((group) => group.table))];
  return (
    <Asking
      label="Replay"
      icon="repeat"
      title="Replay what waits?"
      body={`What waits of ${tables.join(', ')} is written again by the rules of today. What is still refused waits on.`}
      confirm="Replay"
      onDo={async () => {
        const done = await ops.replay([]);
        onDone();
        return done.map(({ table, replayed, refused, skipped }) => `${table}: ${skipped ?? `${countText(replayed)} written, ${countText(refused)} still refused`}`).join('; ') || 'Nothing waited';
      }}
    />
  );
}

function Drop({ group, onDone }: { group: QuarantineGroup; onDone: () => void }) {
  return (
    <Asking
      label="Drop"
      icon="trash-alt"
      fill="text"
      ariaLabel={`Drop the rows of ${group.table}: ${group.reason}`}
      title="Forget these rows?"
      body={`All rows of ${group.table} that were refused for the column ${group.column || '(none)'} are forgotten. ${isTopic(group.table) ? 'The topic has them as long as it keeps its messages' : 'Postgres still has them'}; here they cannot be had back.`}
      confirm="Drop"
      destroys
      onDo={async () => {
        const dropped = await ops.drop({ tables: [group.table], column: group.column });
        onDone();
        return dropped.map(({ table, rows }) => `${table}: ${plural(rows, 'row')} forgotten`).join('; ') || 'Nothing was there any more';
      }}
    />
  );
}
