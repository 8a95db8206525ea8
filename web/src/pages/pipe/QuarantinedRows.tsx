// The latest rows that were set aside, asked for when somebody wants to see them.
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { ops } from '../kit/ops';
import { Loaded, Nothing } from '../kit/States';
import { usePolled } from '../kit/usePolled';

const ROWS_MAX = 20;
/** They are looked at, not watched. */
const EVERY_MS = 3_600_000;

export function QuarantinedRows({ table, column }: { table: string; column: string }) {
  const styles = useStyles2(getStyles);
  const rows = usePolled(() => ops.show({ tables: [table], column, rows_max: ROWS_MAX }), EVERY_MS, `${table} ${column}`);
  return (
    <Loaded from={rows}>
      {(list) =>
        list.length === 0 ? (
          <Nothing title="They are not there any more" />
        ) : (
          <ol className={styles.list} aria-label={`The latest rows of ${table} that were set aside`}>
            {list.map((row, at) => (
              <li key={at}>
                <div className={styles.head}>
                  {row.op} at {row.position}, {row.at} UTC, {row.state}
                </div>
                <pre className={styles.row}>{typeof row.row === 'string' ? row.row : JSON.stringify(row.row, null, 1)}</pre>
              </li>
            ))}
          </ol>
        )
      }
    </Loaded>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({ listStyle: 'none', display: 'grid', gap: theme.spacing(1), maxHeight: 420, overflow: 'auto' }),
  head: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
  row: css({ margin: 0, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', background: theme.colors.background.canvas }),
});
