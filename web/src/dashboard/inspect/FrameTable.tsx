// The rows of a frame as they came, the first of them.
import { FieldType, dateTimeFormat, getFieldDisplayName, type DataFrame, type Field, type GrafanaTheme2, type TimeZone } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';

const SHOWN_ROWS = 500;

export function FrameTable({ frame, frames, timeZone }: { frame: DataFrame; frames: DataFrame[]; timeZone: TimeZone }) {
  const styles = useStyles2(getStyles);
  const rows = Math.min(frame.length, SHOWN_ROWS);
  return (
    <div className={styles.scroll} tabIndex={0} role="region" aria-label="Rows">
      <table className={styles.table}>
        <thead>
          <tr>
            {frame.fields.map((field, at) => (
              <th key={at} scope="col">
                {getFieldDisplayName(field, frame, frames)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: rows }, (_, row) => (
            <tr key={row}>
              {frame.fields.map((field, at) => (
                <td key={at} className={field.type === FieldType.number ? styles.number : undefined}>
                  {textOf(field, row, timeZone)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {frame.length > rows && <p>{(frame.length - rows).toLocaleString('en')} more rows are in the export.</p>}
    </div>
  );
}

function textOf(field: Field, row: number, timeZone: TimeZone): string {
  const value = field.values[row];
  if (value === null || value === undefined) {
    return '';
  }
  return field.type === FieldType.time ? dateTimeFormat(value, { timeZone }) : String(value);
}

const getStyles = (theme: GrafanaTheme2) => ({
  scroll: css({ overflow: 'auto', maxHeight: '70vh', marginBottom: theme.spacing(2) }),
  table: css({
    fontSize: theme.typography.bodySmall.fontSize,
    'th, td': { padding: theme.spacing(0.5, 1), borderBottom: `1px solid ${theme.colors.border.weak}`, whiteSpace: 'nowrap', textAlign: 'left' },
    th: { position: 'sticky', top: 0, background: theme.colors.background.secondary },
  }),
  number: css({ textAlign: 'right !important' as 'right', fontVariantNumeric: 'tabular-nums' }),
});
