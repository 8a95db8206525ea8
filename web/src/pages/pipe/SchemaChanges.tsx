// What changed in the tables at the source, and how that was followed.
import { askFrame, lastHour, rowsOf } from '../kit/ask';
import { DataTable } from '../kit/DataTable';
import { Section } from '../kit/Section';
import { Loaded, Nothing } from '../kit/States';
import { usePolled } from '../kit/usePolled';
import { When } from '../kit/When';

const EVERY_MS = 30_000;
const SQL = 'SELECT source_table, change, column, before, now, followed_by, at FROM millrace.schema_changes FINAL ORDER BY at DESC LIMIT 50';

interface Change {
  source_table: string;
  change: string;
  column: string;
  before: string;
  now: string;
  followed_by: string;
  at: number;
}

export function SchemaChanges() {
  const changes = usePolled((signal) => askFrame(SQL, lastHour(), signal).then((frame) => rowsOf<Change>(frame)), EVERY_MS);
  return (
    <Section title="Schema changes" note="the last 50">
      <Loaded from={changes} lines={2}>
        {(list) =>
          list.length === 0 ? (
            <Nothing title="No table has changed its shape since it was copied" icon="check-circle">
              An ALTER TABLE at Postgres is followed by itself and shown here.
            </Nothing>
          ) : (
            <DataTable
              caption="Schema changes, newest first"
              rows={list}
              keyOf={(change) => JSON.stringify(change)}
              columns={[
                { head: 'Table', cell: (change) => change.source_table },
                { head: 'Change', cell: (change) => change.change },
                { head: 'Column', cell: (change) => change.column || '–' },
                { head: 'From, to', wide: true, cell: (change) => [change.before, change.now].filter(Boolean).join(' → ') || '–' },
                { head: 'Followed by', cell: (change) => change.followed_by },
                { head: 'When', cell: (change) => <When ms={change.at} /> },
              ]}
            />
          )
        }
      </Loaded>
    </Section>
  );
}
