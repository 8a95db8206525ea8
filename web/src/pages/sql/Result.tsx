// What a query came to: its rows as a table or drawn, what it took, and the ways to carry it away.
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { useMemo } from 'react';
import { save } from '../../dashboard/export/save';
import type { Span } from '../kit/ask';
import { Nothing } from '../kit/States';
import { bytesText, countText, durationText, plural, shortText } from '../kit/words';
import { csvOf, jsonOf } from './files';
import { columnsOf } from './columns';
import { ResultChart } from './ResultChart';
import { ResultTable } from './ResultTable';
import type { Done } from './useRun';

export type View = 'table' | 'chart';

const VIEWS = [
  { label: 'Table', value: 'table' as View, icon: 'table' },
  { label: 'Chart', value: 'chart' as View, icon: 'graph-bar' },
];

export function Result({ done, view, onView, onZoom }: { done: Done; view: View; onView: (view: View) => void; onZoom: (span: Span) => void }) {
  const styles = useStyles2(getStyles);
  const answer = done.result.answer!;
  const columns = useMemo(() => columnsOf(answer), [answer]);
  const { rows, statistics } = answer;
  const file = (kind: 'csv' | 'json') => save(new Blob([kind === 'csv' ? csvOf(columns, rows) : jsonOf(columns, rows)], { type: kind === 'csv' ? 'text/csv' : 'application/json' }), 'result', kind);
  return (
    <div>
      <div className={styles.bar}>
        <RadioButtonGroup aria-label="Show as" size="sm" options={VIEWS} value={view} onChange={onView} />
        <p className={styles.facts} role="status">
          <strong>{plural(rows, 'row')}</strong> in {durationText(done.seconds)}; {countText(statistics.rows_read).length > 7 ? shortText(statistics.rows_read) : countText(statistics.rows_read)} rows and{' '}
          {bytesText(statistics.bytes_read)} read in {durationText(statistics.elapsed)}
          {done.fresh?.lag_seconds === null && '; the pipe stands: how old the data is, is not known'}
          {done.fresh?.lag_seconds != null && `; the data is ${done.fresh.lag_seconds > 0 ? `${durationText(done.fresh.lag_seconds)} behind` : 'current'}`}
        </p>
        <div className={styles.tools}>
          <Button size="sm" variant="secondary" icon="download-alt" onClick={() => file('csv')}>
            CSV
          </Button>
          <Button size="sm" variant="secondary" icon="download-alt" onClick={() => file('json')}>
            JSON
          </Button>
        </div>
      </div>
      {done.result.limited && <p className={styles.limited}>No more than {countText(rows)} rows come at once: there may be others.</p>}
      {rows === 0 ? (
        <Nothing title="The query found no rows">If it asks by the time range, try a longer one.</Nothing>
      ) : view === 'chart' ? (
        <ResultChart result={done.result} span={done.span} onZoom={onZoom} />
      ) : (
        <ResultTable columns={columns} rows={rows} />
      )}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  bar: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(1, 2), margin: theme.spacing(1.5, 0, 1) }),
  facts: css({ margin: 0, color: theme.colors.text.secondary, flex: '1 1 260px', '& strong': { color: theme.colors.text.primary } }),
  tools: css({ display: 'flex', gap: theme.spacing(1) }),
  limited: css({ color: theme.colors.warning.text }),
});
