// What was asked before, found by words.
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, Drawer, FilterInput, useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { useState } from 'react';
import { useEscape } from '../../host/useEscape';
import { Nothing } from '../kit/States';
import { When } from '../kit/When';
import { durationText, plural } from '../kit/words';
import { search, type Asked } from './history';

interface Props {
  history: Asked[];
  onChoose: (sql: string) => void;
  onForget: () => void;
  onClose: () => void;
}

export function HistoryDrawer({ history, onChoose, onForget, onClose }: Props) {
  const styles = useStyles2(getStyles);
  useEscape(onClose);
  const [words, setWords] = useState('');
  const found = search(history, words);
  return (
    <Drawer title="History" subtitle={`${plural(history.length, 'query', 'queries')}, kept in this browser`} size="sm" onClose={onClose}>
      <FilterInput value={words} onChange={setWords} placeholder="Words of the query" aria-label="Search the history" escapeRegex={false} />
      {found.length === 0 ? (
        <Nothing title={history.length === 0 ? 'Nothing was asked yet' : 'No query has these words'} icon="history" />
      ) : (
        <ol className={styles.list} aria-label="Queries, the latest first">
          {found.map((entry) => (
            <li key={entry.sql}>
              <button type="button" className={styles.entry} onClick={() => onChoose(entry.sql)}>
                <code className={styles.sql}>{entry.sql}</code>
              </button>
              <div className={styles.meta}>
                <When ms={entry.at} />, {entry.rows === null ? 'failed' : `${plural(entry.rows, 'row')} in ${durationText(entry.seconds)}`}
              </div>
            </li>
          ))}
        </ol>
      )}
      {history.length > 0 && (
        <Button size="sm" variant="secondary" fill="text" icon="trash-alt" onClick={onForget}>
          Forget all
        </Button>
      )}
    </Drawer>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({ listStyle: 'none', display: 'grid', gap: theme.spacing(1.5), margin: theme.spacing(2, 0), padding: 0 }),
  entry: css({
    display: 'block',
    width: '100%',
    padding: theme.spacing(1),
    textAlign: 'left',
    background: theme.colors.background.canvas,
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
    cursor: 'pointer',
    '&:hover, &:focus-visible': { borderColor: theme.colors.primary.border },
  }),
  sql: css({ display: '-webkit-box', WebkitLineClamp: 5, WebkitBoxOrient: 'vertical', overflow: 'hidden', whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', padding: 0, border: 0, background: 'none', color: theme.colors.text.primary, fontSize: 12 }),
  meta: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});
