// Words between panels: Markdown, HTML without anything that runs, or code as it is.
import { useMemo } from 'react';
import { css, cx } from '@emotion/css';
import type { GrafanaTheme2, PanelProps } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { panel } from '../kit/Panel';
import { safeHtml } from './safeHtml';

export interface TextOptions {
  mode: 'markdown' | 'html' | 'code';
  content: string;
  code?: { language?: string; showLineNumbers?: boolean };
}

export const TextPanel = panel<TextOptions>((props: PanelProps<TextOptions>) => {
  const styles = useStyles2(textStyles);
  const { options, width, height, title, replaceVariables, renderCounter } = props;
  const mode = options.mode ?? 'markdown';
  const content = options.content ?? '';
  const replace = replaceVariables ?? ((text: string) => text);
  const html = useMemo(() => (mode === 'code' ? '' : safeHtml(mode, content, replace)), [mode, content, replace, renderCounter]);
  const box = { width, height };
  if (mode === 'code') {
    return (
      <div role="group" aria-label={title || 'Code'} tabIndex={0} className={styles.box} style={box}>
        <pre className={cx(styles.code, options.code?.showLineNumbers && styles.numbered)}>
          {replace(content).split('\n').map((line, i) => <span key={i} className={styles.line}>{line}{'\n'}</span>)}
        </pre>
      </div>
    );
  }
  return (
    <div role="group" aria-label={title || 'Text'} tabIndex={0} className={styles.box} style={box}>
      <div className={cx('markdown-html', styles.html)} dangerouslySetInnerHTML={{ __html: html }} />
    </div>
  );
});

const textStyles = (theme: GrafanaTheme2) => ({
  box: css({ overflow: 'auto', '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}`, outlineOffset: -2 } }),
  code: css({ ...theme.typography.code, margin: 0, minHeight: '100%', background: 'none', border: 0, padding: theme.spacing(0.5), color: theme.colors.text.primary, whiteSpace: 'pre', counterReset: 'line' }),
  line: css({ display: 'block' }),
  numbered: css({ '& > span::before': { counterIncrement: 'line', content: 'counter(line)', display: 'inline-block', width: '3em', paddingRight: '1em', textAlign: 'right', color: theme.colors.text.secondary } }),
  html: css({
    overflowWrap: 'anywhere', lineHeight: 1.5,
    '& > :first-child': { marginTop: 0 },
    'h1, h2, h3, h4': { margin: '0.6em 0 0.3em' },
    'ul, ol': { paddingLeft: '1.6em' },
    '&& a': { color: theme.colors.text.link, textDecoration: 'underline' },
    table: { borderCollapse: 'collapse', width: 'auto' },
    'td, th': { border: `1px solid ${theme.colors.border.medium}`, padding: theme.spacing(0.25, 1), textAlign: 'left' },
    'pre, code': { ...theme.typography.code, background: theme.colors.background.secondary, borderRadius: 2, padding: '0 4px' },
    pre: { padding: theme.spacing(1), overflow: 'auto' },
    blockquote: { borderLeft: `3px solid ${theme.colors.border.strong}`, margin: 0, paddingLeft: theme.spacing(1.5), color: theme.colors.text.secondary },
    img: { maxWidth: '100%' },
  }),
});
