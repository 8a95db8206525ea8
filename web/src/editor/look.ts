// CodeMirror in the colours of the theme.
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import type { Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import type { GrafanaTheme2 } from '@grafana/data';
import { tags } from '@lezer/highlight';

/** Heights as CSS has them. */
export function lookOf(theme: GrafanaTheme2, minHeight: string, maxHeight: string): Extension {
  const { colors, typography, visualization, isDark } = theme;
  return [
    EditorView.theme(
      {
        '&': { color: colors.text.primary, backgroundColor: colors.background.canvas, border: `1px solid ${colors.border.medium}`, borderRadius: theme.shape.radius.default, fontSize: '12.5px' },
        '&.cm-focused': { outline: `2px solid ${colors.primary.border}`, outlineOffset: '-1px' },
        '.cm-scroller': { fontFamily: typography.fontFamilyMonospace, minHeight, maxHeight, overflow: 'auto' },
        '.cm-content': { caretColor: colors.text.maxContrast },
        '.cm-gutters': { backgroundColor: colors.background.canvas, color: colors.text.disabled, border: 'none' },
        '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: colors.secondary.transparent },
        '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: colors.action.focus },
        '.cm-tooltip': { backgroundColor: colors.background.elevated, border: `1px solid ${colors.border.medium}`, color: colors.text.primary },
        '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: colors.action.selected, color: colors.text.maxContrast },
        '.cm-completionDetail': { color: colors.text.secondary, fontStyle: 'normal' },
      },
      { dark: isDark }
    ),
    syntaxHighlighting(
      HighlightStyle.define([
        { tag: tags.keyword, color: colors.primary.text, fontWeight: '500' },
        { tag: [tags.string, tags.special(tags.string)], color: colors.success.text },
        { tag: [tags.number, tags.bool, tags.null], color: colors.warning.text },
        { tag: tags.comment, color: colors.text.secondary, fontStyle: 'italic' },
        { tag: [tags.typeName, tags.standard(tags.name)], color: visualization.getColorByName(isDark ? 'light-purple' : 'dark-purple') },
      ])
    ),
  ];
}
