// Each table: where it goes, what it is doing, how far, and what is wrong with it.
import type { GrafanaTheme2 } from '@grafana/data';
import { FilterInput, useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { useState } from 'react';
import { Asking } from '../kit/Asking';
import { DataTable, type Column } from '../kit/DataTable';
import { ops } from '../kit/ops';
import { Progress } from '../kit/Progress';
import { readReport } from '../kit/report';
import { Section } from '../kit/Section';
import { StateBadge } from '../kit/StateBadge';
import { Nothing, ProblemCard } from '../kit/States';
import type { TableStatus } from '../kit/status';
import { toneOfTable } from '../kit/tones';
import { Way } from '../kit/Way';
import type { Ways } from '../kit/ways';
import { When } from '../kit/When';
import { countText, plural, rateText } from '../kit/words';
import { quoted } from '../../editor/complete';
import { remarks } from './remarks';

/** From here on there is a search. */
const MANY = 12;

interface Props {
  tables: TableStatus[];
  ways: Ways;
  /** Of an admin. */
  manages: boolean;
  onDone: () => void;
}

export function Tables({ tables, ways, manages, onDone }: Props) {
  const [words, setWords] = useState('');
  const shown = tables.filter((table) => `${table.name} ${table.target} ${table.state} ${table.mode}`.toLowerCase().includes(words.trim().toLowerCase()));
  const columns: Array<Column<TableStatus>> = [
    { head: 'Table', wide: true, cell: (table) => <Name table={table} /> },
    { head: 'Mode', cell: (table) => table.mode },
    { head: 'State', cell: (table) => <StateBadge tone={toneOfTable(table.state)}>{table.state}</StateBadge> },
    { head: 'Copied', cell: (table) => (table.state === 'copying' ? <Progress ratio={table.copied_ratio} label={`${table.name} copied`} /> : table.copied_ratio < 1 && table.state === 'waiting' ? 'not yet' : 'all') },
    { head: 'Rows', number: true, cell: (table) => countText(table.rows) },
    { head: 'Rows/s', number: true, cell: (table) => rateText(table.rows_per_second) },
    { head: 'Streamed', number: true, cell: (table) => countText(table.streamed_rows) },
    { head: 'Set aside', number: true, cell: (table) => countText(table.rejected_rows) },
  ];
  if (manages && ways.stream) {
    columns.push({ head: 'What can be done', silent: true, cell: (table) => table.way !== 'topics' && <Resync table={table} onDone={onDone} /> });
  }
  return (
    <Section
      title="Tables"
      note={plural(tables.length, 'table')}
      actions={tables.length > MANY && <FilterInput value={words} onChange={setWords} placeholder="Name, mode or state" aria-label="Search tables" escapeRegex={false} width={28} />}
    >
      {tables.length === 0 ? (
        <NoTables ways={ways} />
      ) : shown.length === 0 ? (
        <Nothing title="No table matches" />
      ) : (
        <DataTable caption="Tables of the pipe" columns={columns} rows={shown} keyOf={(table) => table.name} more={More} />
      )}
    </Section>
  );
}

function NoTables({ ways }: { ways: Ways }) {
  if (!ways.stream) {
    return (
      <Nothing title="No message has come yet" icon="database">
        A table is made when the first message of its topic shows it.
      </Nothing>
    );
  }
  return (
    <Nothing title="No table is published yet" icon="database">
      Name tables in <code>millrace.toml</code>, or add them to the publication at Postgres; they are copied at once.
    </Nothing>
  );
}

function Name({ table }: { table: TableStatus }) {
  const styles = useStyles2(getStyles);
  const sql = `SELECT * FROM ${table.target.split('.').map(quoted).join('.')} LIMIT 100`;
  return (
    <>
      {table.name}
      <span className={styles.target}>
        {' → '}
        <Way to={`/sql?q=${encodeURIComponent(sql)}`} aria-label={`${table.target}, look at its rows in SQL`}>
          {table.target}
        </Way>
      </span>
    </>
  );
}

function More(table: TableStatus) {
  const said = remarks(table);
  const { last_error: error, schema_change: change } = table;
  if (!error && !change && said.length === 0) {
    return null;
  }
  return (
    <>
      {error && <ProblemCard problem={readReport(error)} severity={table.state === 'failed' ? 'error' : 'warning'} />}
      {change && (
        <p style={{ margin: 0 }}>
          Changed at the source <When ms={change.at * 1000} />: {change.change}, followed by: {change.followed_by}.
        </p>
      )}
      {said.map((text) => (
        <p key={text} style={{ margin: 0 }}>
          {text}
        </p>
      ))}
    </>
  );
}

function Resync({ table, onDone }: { table: TableStatus; onDone: () => void }) {
  return (
    <Asking
      label="Resync"
      ariaLabel={`Resync ${table.name}`}
      fill="text"
      icon="sync"
      title={`Copy ${table.name} again?`}
      body={
        table.mode === 'mirror'
          ? 'All rows are read from Postgres again. The rows of before are served until the copy is done.'
          : 'All rows are read from Postgres again, into a new table. The rows of before stay under another name.'
      }
      confirm="Resync"
      onDo={async () => {
        const begun = await ops.resync([table.name]);
        onDone();
        return begun.map(({ name, kept_as }) => `${name} is being copied again${kept_as ? `; before: ${kept_as}` : ''}`).join('; ');
      }}
    />
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  target: css({ color: theme.colors.text.secondary, fontWeight: 400 }),
});
