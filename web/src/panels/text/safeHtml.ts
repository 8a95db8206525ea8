// The text panel's words as HTML in which nothing runs.
import { type InterpolateFunction, renderTextPanelMarkdown, textUtil } from '@grafana/data';

/** Markdown and HTML as safe HTML. Variables go in escaped, so that a value never becomes an element. */
export function safeHtml(mode: string, content: string, replace: InterpolateFunction): string {
  const filled = replace(content, {}, 'html');
  const safe = textUtil.sanitizeTextPanelContent(mode === 'html' ? filled : renderTextPanelMarkdown(filled));
  // A picture without words for it is decoration to a screen reader, not its file name.
  return safe.replace(/<img(?![^>]*\balt=)/gi, '<img alt=""');
}
