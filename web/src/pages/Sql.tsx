// SQL on everything that is there: an editor, the answer as a table or drawn, and what was asked before.
import type { GrafanaTheme2, RawTimeRange } from '@grafana/data';
import { dateTime } from '@grafana/data';
import { Button, TextArea, useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { useEffect, useState } from 'react';
import { useSearchParams } from 'react-router-dom';
import { LazyCodeEditor } from '../editor/LazyCodeEditor';
import { useSession } from '../host/session';
import { toaster } from '../host/toaster';
import { Page } from '../shell/Page';
import { spanOf, type Span } from './kit/ask';
import { Nothing, ProblemCard } from './kit/States';
import { usePageTitle } from './kit/usePageTitle';
import { Elapsed } from './sql/Elapsed';
import { HistoryDrawer } from './sql/HistoryDrawer';
import { keep, keepDraft, load, loadDraft, remember, type Asked } from './sql/history';
import { rangeOf, rawOf, textOf } from './sql/range';
import { RangePicker } from './sql/RangePicker';
import { Result, type View } from './sql/Result';
import { useRun } from './sql/useRun';
import { useWords } from './sql/useWords';

const FIRST = 'SELECT database, name, total_rows, total_bytes\nFROM system.tables\nWHERE total_rows > 0\nORDER BY total_rows DESC';

export default function Sql() {
  usePageTitle('SQL');
  const styles = useStyles2(getStyles);
  const [params, setParams] = useSearchParams();
  const user = useSession().session.user?.name ?? '';
  const [history, setHistory] = useState<Asked[]>(() => load(user));
  const q = params.get('q');
  const [sql, setSql] = useState(() => loadDraft(user, q) ?? q ?? history[0]?.sql ?? FIRST);
  useEffect(() => keepDraft(user, q, sql), [user, q, sql]);
  const [raw, setRaw] = useState<RawTimeRange>(() => rawOf(params.get('from'), params.get('to')));
  const [view, setView] = useState<View>(params.get('view') === 'chart' ? 'chart' : 'table');
  const [looksBack, setLooksBack] = useState(false);
  const words = useWords();

  const { done, problem, busySince, run, cancel } = useRun((asked, end) => {
    const next = remember(history, { sql: asked, at: Date.now(), rows: end?.result.answer?.rows ?? null, seconds: end?.seconds ?? null });
    setHistory(next);
    keep(user, next);
  });
  const runIt = (range: RawTimeRange = raw) => {
    if (sql.trim()) {
      setParams(addressOf(sql, range, view), { replace: true });
      void run(sql, spanOf(rangeOf(range)));
    }
  };
  const changeRange = (range: RawTimeRange) => {
    setRaw(range);
    if (done) {
      runIt(range);
    }
  };
  const changeView = (next: View) => {
    setView(next);
    setParams(addressOf(sql, raw, next), { replace: true });
  };
  const share = async () => {
    const address = new URL(location.href);
    address.search = addressOf(sql, raw, view).toString();
    try {
      await navigator.clipboard.writeText(address.toString());
      toaster.done('The link is on the clipboard');
    } catch (error) {
      // Without TLS browsers give no clipboard: the address bar has the link.
      setParams(addressOf(sql, raw, view), { replace: true });
      toaster.error('Copy the link from the address bar', error);
    }
  };

  return (
    <Page
      title="SQL"
      actions={
        <div className={styles.tools}>
          <Button variant="secondary" icon="history" onClick={() => setLooksBack(true)}>
            History
          </Button>
          <Button variant="secondary" icon="share-alt" onClick={share}>
            Copy link
          </Button>
          <RangePicker raw={raw} onChange={changeRange} />
        </div>
      }
    >
      <LazyCodeEditor
        label="SQL"
        language="sql"
        value={sql}
        onChange={setSql}
        onRun={() => runIt()}
        {...words}
        minHeight="140px"
        maxHeight="45vh"
        describedBy="sql-keys"
        isMain
        meanwhile={<TextArea aria-label="SQL" rows={7} value={sql} onChange={(event) => setSql(event.currentTarget.value)} />}
      />
      <div className={styles.run}>
        {busySince === undefined ? (
          <Button icon="play" onClick={() => runIt()} disabled={sql.trim() === ''}>
            Run
          </Button>
        ) : (
          <Button icon="times" variant="secondary" onClick={cancel}>
            Cancel
          </Button>
        )}
        {busySince !== undefined && <Elapsed since={busySince} />}
        <span id="sql-keys" className={styles.keys}>
          Ctrl or ⌘ with Enter runs it; Escape, then Tab leaves the editor. <code>$__timeFilter(column)</code> means the time range.
        </span>
      </div>
      <div aria-busy={busySince !== undefined} className={busySince === undefined ? undefined : styles.old}>
        {problem && <ProblemCard problem={problem} />}
        {done && <Result done={done} view={view} onView={changeView} onZoom={(span) => changeRange(rawOfSpan(span))} />}
        {!done && !problem && busySince === undefined && (
          <Nothing title="The answer stands here" icon="table">
            Whatever is in ClickHouse can be read: the tables of Postgres, dbt’s models, and in <code>millrace</code> what the pipe keeps of itself.
          </Nothing>
        )}
      </div>
      {looksBack && (
        <HistoryDrawer
          history={history}
          onClose={() => setLooksBack(false)}
          onChoose={(chosen) => {
            setSql(chosen);
            setLooksBack(false);
          }}
          onForget={() => {
            setHistory([]);
            keep(user, []);
          }}
        />
      )}
    </Page>
  );
}

const rawOfSpan = ({ from, to }: Span): RawTimeRange => ({ from: dateTime(from), to: dateTime(to) });

function addressOf(sql: string, raw: RawTimeRange, view: View): URLSearchParams {
  const address = new URLSearchParams({ q: sql, from: textOf(raw.from), to: textOf(raw.to) });
  if (view === 'chart') {
    address.set('view', view);
  }
  return address;
}

const getStyles = (theme: GrafanaTheme2) => ({
  tools: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1) }),
  run: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(1, 2), margin: theme.spacing(1, 0) }),
  keys: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize, '@media (pointer: coarse)': { display: 'none' } }),
  old: css({ opacity: 0.6 }),
});
