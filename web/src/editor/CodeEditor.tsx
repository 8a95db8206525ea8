// An editor for SQL and JSON: CodeMirror in the colours of the theme. SQL completes from the schema when one is given.
import { autocompletion } from '@codemirror/autocomplete';
import { sql, StandardSQL } from '@codemirror/lang-sql';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { Compartment, EditorState, type Extension } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';
import type { GrafanaTheme2 } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import { tags } from '@lezer/highlight';
import { basicSetup } from 'codemirror';
import { useEffect, useRef } from 'react';
import type { Schema } from '../api';

export interface CodeEditorProps {
  label: string;
  value: string;
  language: 'sql' | 'json';
  onChange?: (value: string) => void;
  /** Ctrl+Enter. */
  onRun?: (value: string) => void;
  schema?: Schema;
  readOnly?: boolean;
  minHeight?: number;
  maxHeight?: number;
}

export default function CodeEditor(props: CodeEditorProps) {
  const theme = useTheme2();
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const latest = useRef(props);
  latest.current = props;
  const look = useRef(new Compartment());
  const language = useRef(new Compartment());

  useEffect(() => {
    const state = EditorState.create({
      doc: latest.current.value,
      extensions: [
        keymap.of([{ key: 'Mod-Enter', run: ({ state }) => (latest.current.onRun?.(state.doc.toString()), true) }]),
        basicSetup,
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': latest.current.label }),
        EditorState.readOnly.of(Boolean(latest.current.readOnly)),
        autocompletion(),
        language.current.of([]),
        look.current.of([]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) {
            latest.current.onChange?.(update.state.doc.toString());
          }
        }),
      ],
    });
    view.current = new EditorView({ state, parent: place.current! });
    return () => view.current?.destroy();
  }, []);

  useEffect(() => {
    view.current?.dispatch({ effects: look.current.reconfigure(lookOf(theme, props.minHeight, props.maxHeight)) });
  }, [theme, props.minHeight, props.maxHeight]);

  useEffect(() => {
    view.current?.dispatch({ effects: language.current.reconfigure(props.language === 'sql' ? sqlOf(props.schema) : []) });
  }, [props.language, props.schema]);

  useEffect(() => {
    const current = view.current?.state.doc.toString();
    if (current !== undefined && current !== props.value) {
      view.current!.dispatch({ changes: { from: 0, to: current.length, insert: props.value } });
    }
  }, [props.value]);

  return <div ref={place} />;
}

function sqlOf(schema: Schema | undefined): Extension {
  const tables: Record<string, Record<string, string[]>> = {};
  for (const database of schema?.databases ?? []) {
    tables[database.name] = Object.fromEntries(database.tables.map((table) => [table.name, table.columns.map((column) => column.name)]));
  }
  return sql({ dialect: StandardSQL, schema: tables, upperCaseKeywords: true });
}

function lookOf(theme: GrafanaTheme2, minHeight = 80, maxHeight = 420): Extension {
  const { colors, typography, visualization } = theme;
  return [
    EditorView.theme(
      {
        '&': {
          color: colors.text.primary,
          backgroundColor: colors.background.canvas,
          border: `1px solid ${colors.border.medium}`,
          borderRadius: theme.shape.radius.default,
          fontSize: '12.5px',
        },
        '&.cm-focused': { outline: `2px solid ${colors.primary.border}`, outlineOffset: '-1px' },
        '.cm-scroller': { fontFamily: typography.fontFamilyMonospace, minHeight: `${minHeight}px`, maxHeight: `${maxHeight}px`, overflow: 'auto' },
        '.cm-content': { caretColor: colors.text.maxContrast },
        '.cm-gutters': { backgroundColor: colors.background.canvas, color: colors.text.disabled, border: 'none' },
        '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: colors.secondary.transparent },
        '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: colors.action.focus },
        '.cm-tooltip': { backgroundColor: colors.background.elevated, border: `1px solid ${colors.border.medium}`, color: colors.text.primary },
        '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: colors.action.selected, color: colors.text.maxContrast },
      },
      { dark: theme.isDark }
    ),
    syntaxHighlighting(
      HighlightStyle.define([
        { tag: tags.keyword, color: colors.primary.text, fontWeight: '500' },
        { tag: [tags.string, tags.special(tags.string)], color: visualization.getColorByName('green') },
        { tag: [tags.number, tags.bool, tags.null], color: visualization.getColorByName(theme.isDark ? 'light-orange' : 'dark-orange') },
        { tag: tags.comment, color: colors.text.secondary, fontStyle: 'italic' },
        { tag: [tags.typeName, tags.standard(tags.name)], color: visualization.getColorByName(theme.isDark ? 'light-purple' : 'dark-purple') },
      ])
    ),
  ];
}
