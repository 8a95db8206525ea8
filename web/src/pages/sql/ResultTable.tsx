// The rows of an answer. Only those in sight are in the document, so that a hundred thousand scroll as ten do.
import type { GrafanaTheme2 } from '@grafana/data';
import { Icon, useStyles2 } from '@grafana/ui';
import { css, cx } from '@emotion/css';
import { useEffect, useMemo, useRef, useState, type UIEvent } from 'react';
import { countText } from '../kit/words';
import { cellText, exactText, sorted, type ResultColumn } from './columns';
import { windowOf } from './window';

const ROW_PX = 26;
const HEIGHT_PX = 520;
const CHAR_PX = 7.4;
const COLUMN_PX = { least: 72, most: 460, padding: 28 };
/** Widths are taken from as many rows. */
const MEASURED_ROWS = 200;

export function ResultTable({ columns, rows }: { columns: ResultColumn[]; rows: number }) {
  const styles = useStyles2(getStyles);
  const place = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [by, setBy] = useState<{ column: number; descending: boolean }>();
  useEffect(() => {
    setBy(undefined);
    setTop(0);
    place.current?.scrollTo(0, 0);
  }, [columns]);
  const widths = useMemo(() => columns.map((column) => widthOf(column, rows)), [columns, rows]);
  const order = useMemo(() => (by && columns[by.column] ? sorted(columns[by.column], rows, by.descending) : undefined), [columns, rows, by]);
  const { first, end } = windowOf(top, HEIGHT_PX, ROW_PX, rows);
  const inSight = Array.from({ length: end - first }, (_, at) => first + at);

  return (
    <div
      ref={place}
      className={styles.scroll}
      tabIndex={0}
      role="region"
      aria-label={`Result, ${countText(rows)} rows`}
      onScroll={(event: UIEvent<HTMLDivElement>) => setTop(event.currentTarget.scrollTop)}
    >
      <table className={styles.table} style={{ width: widths.reduce((sum, width) => sum + width, 0) }} aria-rowcount={rows + 1}>
        <caption className="sr-only">Result</caption>
        <colgroup>
          {widths.map((width, at) => (
            <col key={at} style={{ width }} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column, at) => (
              <th key={at} scope="col" aria-sort={by?.column === at ? (by.descending ? 'descending' : 'ascending') : undefined} className={cx(column.kind === 'number' && styles.number)}>
                <button type="button" className={styles.head} title={`${column.name} ${column.type}`} onClick={() => setBy(next(by, at))}>
                  <span className={styles.cut}>{column.name}</span>
                  {by?.column === at && <Icon name={by.descending ? 'arrow-down' : 'arrow-up'} size="sm" />}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr aria-hidden="true" style={{ height: first * ROW_PX }} />
          {inSight.map((shown) => {
            const row = order ? order[shown] : shown;
            return (
              <tr key={shown} aria-rowindex={shown + 2} className={styles.row}>
                {columns.map((column, at) => (
                  <Cell key={at} column={column} row={row} />
                ))}
              </tr>
            );
          })}
          <tr aria-hidden="true" style={{ height: (rows - end) * ROW_PX }} />
        </tbody>
      </table>
    </div>
  );
}

function Cell({ column, row }: { column: ResultColumn; row: number }) {
  const styles = useStyles2(getStyles);
  const text = cellText(column, row);
  const long = text !== null && (column.kind === 'time' || text.length > 30);
  return (
    <td className={cx(column.kind === 'number' && styles.number, text === null && styles.nothing)} title={long ? (exactText(column, row)?.slice(0, 2000) ?? undefined) : undefined}>
      {text ?? 'NULL'}
    </td>
  );
}

/** Up, down, as it came. */
function next(by: { column: number; descending: boolean } | undefined, column: number) {
  if (by?.column !== column) {
    return { column, descending: false };
  }
  return by.descending ? undefined : { column, descending: true };
}

function widthOf(column: ResultColumn, rows: number): number {
  let chars = column.name.length + 2;
  for (let row = 0; row < Math.min(rows, MEASURED_ROWS); row++) {
    chars = Math.max(chars, cellText(column, row)?.length ?? 4);
  }
  return Math.round(Math.min(COLUMN_PX.most, Math.max(COLUMN_PX.least, chars * CHAR_PX + COLUMN_PX.padding)));
}

const getStyles = (theme: GrafanaTheme2) => {
  const line = `1px solid ${theme.colors.border.weak}`;
  const cut = { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' } as const;
  return {
    scroll: css({
      maxHeight: HEIGHT_PX,
      overflow: 'auto',
      border: line,
      borderRadius: theme.shape.radius.default,
      background: theme.colors.background.primary,
      '&:focus-visible': { outline: `2px solid ${theme.colors.primary.border}` },
    }),
    table: css({
      tableLayout: 'fixed',
      borderCollapse: 'separate',
      borderSpacing: 0,
      fontFamily: theme.typography.fontFamilyMonospace,
      fontSize: 12,
      'td, th': { ...cut, padding: theme.spacing(0, 1), textAlign: 'left' },
      th: { position: 'sticky', top: 0, zIndex: 1, height: 30, background: theme.colors.background.secondary, borderBottom: `1px solid ${theme.colors.border.medium}` },
    }),
    row: css({ height: ROW_PX, '& td': { borderBottom: line, height: ROW_PX }, '&:hover td': { background: theme.colors.action.hover } }),
    number: css({ textAlign: 'right !important' as 'right', '& button': { justifyContent: 'flex-end' } }),
    nothing: css({ color: theme.colors.text.disabled }),
    head: css({ display: 'flex', alignItems: 'center', gap: 4, width: '100%', padding: 0, border: 0, background: 'none', color: theme.colors.text.primary, fontWeight: 500, cursor: 'pointer' }),
    cut: css(cut),
  };
};
