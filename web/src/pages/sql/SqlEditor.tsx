// The editor of the SQL page: ClickHouse's dialect, and completion from the schema, the functions and the macros.
// It comes with CodeMirror as a chunk of its own: see LazySqlEditor.
import { autocompletion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { sql } from '@codemirror/lang-sql';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { Compartment, EditorState, Prec, type Extension } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';
import type { GrafanaTheme2 } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import { tags } from '@lezer/highlight';
import { basicSetup } from 'codemirror';
import { useEffect, useRef } from 'react';
import type { Schema } from '../../api';
import { columnOffers, functionOffers, macroOffers, tableOffers, type Offer } from './complete';
import { clickhouse } from './dialect';

export interface SqlEditorProps {
  value: string;
  onChange: (sql: string) => void;
  onRun: () => void;
  schema?: Schema;
  functions?: string[];
}

export default function SqlEditor(props: SqlEditorProps) {
  const theme = useTheme2();
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const latest = useRef(props);
  latest.current = props;
  const parts = useRef({ look: new Compartment(), words: new Compartment() });

  useEffect(() => {
    const { look, words } = parts.current;
    const state = EditorState.create({
      doc: latest.current.value,
      extensions: [
        Prec.highest(keymap.of([{ key: 'Mod-Enter', run: () => (latest.current.onRun(), true) }])),
        basicSetup,
        autocompletion({ maxRenderedOptions: 60 }),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': 'SQL', 'aria-describedby': 'sql-keys' }),
        words.of([]),
        look.of([]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) {
            latest.current.onChange(update.state.doc.toString());
          }
        }),
      ],
    });
    view.current = new EditorView({ state, parent: place.current! });
    if (matchMedia('(pointer: fine)').matches) {
      view.current.focus();
    }
    return () => view.current?.destroy();
  }, []);

  useEffect(() => {
    view.current?.dispatch({ effects: parts.current.look.reconfigure(lookOf(theme)) });
  }, [theme]);

  useEffect(() => {
    view.current?.dispatch({ effects: parts.current.words.reconfigure(wordsOf(props.schema, props.functions ?? [])) });
  }, [props.schema, props.functions]);

  useEffect(() => {
    const current = view.current?.state.doc.toString();
    if (current !== undefined && current !== props.value) {
      view.current!.dispatch({ changes: { from: 0, to: current.length, insert: props.value }, selection: { anchor: props.value.length } });
    }
  }, [props.value]);

  return <div ref={place} />;
}

function wordsOf(schema: Schema | undefined, functions: string[]): Extension {
  const byDatabase = Object.fromEntries((schema?.databases ?? []).map(({ name, tables }) => [name, Object.fromEntries(tables.map((table) => [table.name, table.columns.map((column) => column.name)]))]));
  const always: Offer[] = [...macroOffers(), ...functionOffers(functions), ...(schema ? tableOffers(schema) : [])];
  const complete = (context: CompletionContext): CompletionResult | null => {
    const word = context.matchBefore(/[$\w]+/);
    const from = word?.from ?? context.pos;
    // What follows a dot is a column, and the schema's own completion knows of which table.
    if ((!word && !context.explicit) || context.state.sliceDoc(from - 1, from) === '.') {
      return null;
    }
    return { from, options: schema ? [...columnOffers(schema, context.state.doc.toString()), ...always] : always, validFor: /^[$\w]*$/ };
  };
  return [sql({ dialect: clickhouse, schema: byDatabase, upperCaseKeywords: true }), clickhouse.language.data.of({ autocomplete: complete })];
}

function lookOf(theme: GrafanaTheme2): Extension {
  const { colors, typography, visualization, isDark } = theme;
  return [
    EditorView.theme(
      {
        '&': { color: colors.text.primary, backgroundColor: colors.background.primary, border: `1px solid ${colors.border.medium}`, borderRadius: theme.shape.radius.default, fontSize: '13px' },
        '&.cm-focused': { outline: `2px solid ${colors.primary.border}`, outlineOffset: '-1px' },
        '.cm-scroller': { fontFamily: typography.fontFamilyMonospace, minHeight: '140px', maxHeight: '45vh', overflow: 'auto' },
        '.cm-content': { caretColor: colors.text.maxContrast },
        '.cm-gutters': { backgroundColor: colors.background.primary, color: colors.text.disabled, border: 'none' },
        '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: colors.action.hover },
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
