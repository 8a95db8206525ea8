// Log lines: level as a colour and a word, time, text, and the other fields when opened.
import { useMemo, useState } from 'react';
import { css, cx } from '@emotion/css';
import { dateTimeFormat, type GrafanaTheme2, type PanelProps } from '@grafana/data';
import { Button, Icon, useStyles2, useTheme2 } from '@grafana/ui';
import { textOf } from '../kit/frame';
import { NoData, panel } from '../kit/Panel';
import { common, type Line, logLines, pretty } from './lines';

export interface LogsOptions {
  showTime: boolean;
  showLabels: boolean;
  showCommonLabels: boolean;
  wrapLogMessage: boolean;
  prettifyLogMessage: boolean;
  enableLogDetails: boolean;
  sortOrder: 'Ascending' | 'Descending';
  dedupStrategy: 'none' | 'exact' | 'numbers' | 'signature';
  fontSize?: 'default' | 'small';
  timestampResolution?: 'ms' | 'ns';
}

/** Lines drawn at first and with each "more": a browser draws some hundred at once without a wait. */
const PAGE = 300;

export const LogsPanel = panel<LogsOptions>((props: PanelProps<LogsOptions>) => {
  const styles = useStyles2(logStyles);
  const { data, options, width, height, title, timeZone } = props;
  const lines = useMemo(() => logLines(data.series, textOf, { order: options.sortOrder ?? 'Descending', dedup: options.dedupStrategy ?? 'none' }), [data.series, options.sortOrder, options.dedupStrategy]);
  const shared = useMemo(() => (options.showCommonLabels ? common(lines) : []), [lines, options.showCommonLabels]);
  const levels = useMemo(() => lines.some((line) => line.level !== 'unknown'), [lines]);
  const [most, setMost] = useState(PAGE);
  if (lines.length === 0) {
    return <NoData title={title} frames={data.series} needs="a text field with the log lines and a time field" noValue={props.fieldConfig?.defaults?.noValue} />;
  }
  return (
    <div role="group" aria-label={`${title ? `${title}: ` : ''}${lines.length} log lines`} tabIndex={0} className={styles.box} style={{ width, height }}>
      {shared.length > 0 && <div className={styles.shared}>Common: {shared.map(([name, value]) => <code key={name}>{name}={value}</code>)}</div>}
      <ol className={cx(styles.list, !options.wrapLogMessage && !options.prettifyLogMessage && styles.wide, options.fontSize === 'small' && styles.small)}>
        {lines.slice(0, most).map((line, i) => <One key={i} levels={levels} line={line} options={options} timeZone={timeZone} hidden={shared} />)}
      </ol>
      {lines.length > most && <Button size="sm" variant="secondary" fill="text" onClick={() => setMost(most + PAGE)}>{`Show more (${lines.length - most} left)`}</Button>}
    </div>
  );
});

function One({ line, levels, options, timeZone, hidden }: { line: Line; levels: boolean; options: LogsOptions; timeZone: string; hidden: Array<[string, string]> }) {
  const theme = useTheme2();
  const styles = useStyles2(logStyles);
  const [open, setOpen] = useState(false);
  const can = options.enableLogDetails !== false && line.details.length > 0;
  const color = levelColor(line.level, theme);
  const text = options.prettifyLogMessage ? pretty(line.text) : line.text;
  const wraps = options.wrapLogMessage || options.prettifyLogMessage;
  const labels = line.details.filter(([name]) => !hidden.some(([n]) => n === name));
  return (
    <li className={styles.line}>
      <div className={cx(styles.row, wraps && styles.flow)} style={{ borderLeftColor: color }}>
        {can
          ? <button type="button" className={styles.more} aria-expanded={open} aria-label="Details of this line" onClick={() => setOpen(!open)}><Icon name={open ? 'angle-down' : 'angle-right'} /></button>
          : <span className={styles.more} />}
        {options.showTime && line.time !== null && <time className={styles.time}>{dateTimeFormat(line.time, { timeZone, defaultWithMS: true })}</time>}
        {levels && <span className={styles.level}>{line.level === 'unknown' ? '' : line.level}</span>}
        {line.repeats > 0 && <span className={styles.time}>×{line.repeats + 1}</span>}
        {options.showLabels && <span className={styles.time}>{labels.map(([name, value]) => `${name}=${value}`).join(' ')}</span>}
        <span className={wraps ? styles.wrapped : styles.single}>{text}</span>
      </div>
      {open && (
        <table className={styles.details}>
          <tbody>{line.details.map(([name, value], i) => <tr key={i}><th scope="row">{name}</th><td>{value}</td></tr>)}</tbody>
        </table>
      )}
    </li>
  );
}

function levelColor(level: string, theme: GrafanaTheme2): string {
  const names: Record<string, string> = { critical: 'purple', error: 'red', warning: 'yellow', info: 'green', debug: 'blue', trace: 'light-blue' };
  return theme.visualization.getColorByName(names[level] ?? 'gray');
}

const logStyles = (theme: GrafanaTheme2) => ({
  box: css({ overflow: 'auto', '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}`, outlineOffset: -2 } }),
  shared: css({ ...theme.typography.bodySmall, color: theme.colors.text.secondary, padding: theme.spacing(0, 1, 0.5), '& code': { marginLeft: 6 } }),
  list: css({ listStyle: 'none', margin: 0, padding: 0, fontFamily: theme.typography.fontFamilyMonospace, fontSize: 12, lineHeight: '18px', minWidth: '100%' }),
  wide: css({ width: 'max-content' }),
  small: css({ fontSize: 11, lineHeight: '16px' }),
  line: css({ '&:hover': { background: theme.colors.action.hover } }),
  row: css({ display: 'flex', gap: theme.spacing(1), borderLeft: '3px solid', padding: theme.spacing(0, 1, 0, 0.75), alignItems: 'flex-start' }),
  flow: css({ flexWrap: 'wrap', rowGap: 0 }),
  more: css({ width: 18, flex: 'none', padding: 0, border: 0, background: 'none', color: theme.colors.text.secondary, cursor: 'pointer', lineHeight: 'inherit' }),
  time: css({ color: theme.colors.text.secondary, whiteSpace: 'nowrap', flex: 'none' }),
  level: css({ width: '5.2em', flex: 'none', color: theme.colors.text.secondary, overflow: 'hidden', textOverflow: 'ellipsis' }),
  // In a narrow panel the text goes below its time instead of into a thin column.
  wrapped: css({ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', flex: '1 1 240px', minWidth: 0 }),
  single: css({ whiteSpace: 'pre' }),
  details: css({
    margin: theme.spacing(0.5, 0, 1, 3), borderCollapse: 'collapse',
    th: { textAlign: 'left', fontWeight: 'normal', color: theme.colors.text.secondary, padding: '1px 12px 1px 0', verticalAlign: 'top' },
    td: { whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' },
  }),
});
