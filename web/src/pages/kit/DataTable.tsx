// A table of a page: its caption, its heads, a row that may say more below itself. On a phone each row is a list.
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { css, cx } from '@emotion/css';
import { Fragment, type ReactNode } from 'react';
import { Scroll } from './Scroll';

export interface Column<Row> {
  head: string;
  cell: (row: Row) => ReactNode;
  /** Numbers stand at the right, digits below digits. */
  number?: boolean;
  /** The head is for screen readers alone, as over buttons. */
  silent?: boolean;
  /** Takes what the others leave, and goes on in a new line where that is too little. */
  wide?: boolean;
  /** The same without taking all of it. */
  text?: boolean;
}

interface Props<Row> {
  caption: string;
  columns: Array<Column<Row>>;
  rows: Row[];
  keyOf: (row: Row) => string;
  /** Below the row, over its whole width. */
  more?: (row: Row) => ReactNode;
}

// The roles are said because a row that is laid out as a list is none to a screen reader any more.
export function DataTable<Row>({ caption, columns, rows, keyOf, more }: Props<Row>) {
  const styles = useStyles2(getStyles);
  return (
    <Scroll label={caption} className={styles.scroll}>
      <table role="table" className={styles.table}>
        <caption className="sr-only">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ head, number, silent, wide, text }) => (
              <th key={head} role="columnheader" scope="col" className={cx(number && styles.number, wide && styles.wide, text && styles.text)}>
                {silent ? <span className="sr-only">{head}</span> : head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => {
            const below = more?.(row);
            return (
              <Fragment key={keyOf(row)}>
                <tr role="row" className={cx(styles.row, Boolean(below) && styles.open)}>
                  {columns.map(({ head, cell, number, silent, wide, text }, at) => {
                    const shared = { 'data-head': silent ? undefined : head, className: cx(number && styles.number, wide && styles.wide, text && styles.text) };
                    return at === 0 ? (
                      <th key={head} role="rowheader" scope="row" {...shared}>
                        {cell(row)}
                      </th>
                    ) : (
                      <td key={head} role="cell" {...shared}>
                        {cell(row)}
                      </td>
                    );
                  })}
                </tr>
                {below && (
                  <tr role="row" className={styles.below}>
                    <td role="cell" colSpan={columns.length}>
                      {below}
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

const getStyles = (theme: GrafanaTheme2) => {
  const phone = theme.breakpoints.down('md');
  const line = `1px solid ${theme.colors.border.weak}`;
  return {
    table: css({
      width: '100%',
      borderCollapse: 'collapse',
      fontVariantNumeric: 'tabular-nums',
      'th, td': { padding: theme.spacing(0.75, 1), textAlign: 'left', verticalAlign: 'top', whiteSpace: 'nowrap' },
      'tr > :first-child': { paddingLeft: 0 },
      'tr > :last-child': { paddingRight: 0 },
      'thead th': { color: theme.colors.text.secondary, fontWeight: theme.typography.fontWeightRegular, fontSize: theme.typography.bodySmall.fontSize, },
      'tbody th': { fontWeight: theme.typography.fontWeightMedium },
      [phone]: {
        display: 'block',
        thead: { position: 'absolute', width: 1, height: 1, overflow: 'hidden', clipPath: 'inset(50%)', whiteSpace: 'nowrap' },
        'tbody, td, tbody th': { display: 'block' },
        'tbody tr': { display: 'grid', gridTemplateColumns: 'minmax(0, 1fr) minmax(0, 1fr)', gap: theme.spacing(0.25, 2) },
        'tbody th, tbody td[colspan]': { gridColumn: '1 / -1' },
        'th, td': { padding: theme.spacing(0.25, 0), textAlign: 'left !important' as 'left', whiteSpace: 'normal', overflowWrap: 'anywhere' },
        'td span': { whiteSpace: 'normal' },
        'td[data-head]::before': { content: 'attr(data-head)', display: 'block', color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize },
      },
    }),
    row: css({ borderTop: line, [phone]: { padding: theme.spacing(1, 0) } }),
    open: css({ [phone]: { paddingBottom: 0 } }),
    below: css({ '& > td': { paddingTop: '0 !important', whiteSpace: 'normal !important' as 'normal' }, [phone]: { paddingBottom: theme.spacing(1) } }),
    number: css({ [theme.breakpoints.up('md')]: { textAlign: 'right !important' as 'right' } }),
    scroll: css({ overflowX: 'auto' }),
    wide: css({ width: '100%', whiteSpace: 'normal !important' as 'normal', overflowWrap: 'anywhere', [phone]: { gridColumn: '1 / -1' } }),
    text: css({ whiteSpace: 'normal !important' as 'normal', minWidth: '16ch' }),
  };
};
