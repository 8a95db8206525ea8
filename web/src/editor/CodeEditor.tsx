// An editor for SQL and JSON. It comes with CodeMirror as a chunk of its own: see LazyCodeEditor.
import { autocompletion } from '@codemirror/autocomplete';
import { Compartment, EditorState, Prec } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';
import { useTheme2 } from '@grafana/ui';
import { basicSetup } from 'codemirror';
import { useEffect, useRef } from 'react';
import type { Schema } from '../api';
import { lookOf } from './look';
import { wordsOf } from './words';

export interface CodeEditorProps {
  label: string;
  value: string;
  language: 'sql' | 'json';
  onChange?: (value: string) => void;
  /** Ctrl+Enter. */
  onRun?: (value: string) => void;
  schema?: Schema;
  functions?: string[];
  readOnly?: boolean;
  /** CSS. */
  minHeight?: string;
  maxHeight?: string;
  /** The id of what says more about it. */
  describedBy?: string;
  /** It has the focus from the start, where that calls no keyboard up. */
  isMain?: boolean;
}

const NONE: string[] = [];

export default function CodeEditor(props: CodeEditorProps) {
  const { minHeight = '80px', maxHeight = '420px', functions = NONE, language, schema } = props;
  const theme = useTheme2();
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const latest = useRef(props);
  latest.current = props;
  const parts = useRef({ look: new Compartment(), words: new Compartment() });

  useEffect(() => {
    const { look, words } = parts.current;
    const { value, label, describedBy, readOnly, isMain } = latest.current;
    const state = EditorState.create({
      doc: value,
      extensions: [
        Prec.highest(keymap.of([{ key: 'Mod-Enter', run: ({ state }) => (latest.current.onRun?.(state.doc.toString()), true) }])),
        basicSetup,
        autocompletion({ maxRenderedOptions: 60 }),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': label, ...(describedBy && { 'aria-describedby': describedBy }) }),
        EditorState.readOnly.of(Boolean(readOnly)),
        words.of([]),
        look.of([]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) {
            latest.current.onChange?.(update.state.doc.toString());
          }
        }),
      ],
    });
    view.current = new EditorView({ state, parent: place.current! });
    if (isMain && matchMedia('(pointer: fine)').matches) {
      view.current.focus();
    }
    return () => view.current?.destroy();
  }, []);

  useEffect(() => {
    view.current?.dispatch({ effects: parts.current.look.reconfigure(lookOf(theme, minHeight, maxHeight)) });
  }, [theme, minHeight, maxHeight]);

  useEffect(() => {
    view.current?.dispatch({ effects: parts.current.words.reconfigure(language === 'sql' ? wordsOf(schema, functions) : []) });
  }, [language, schema, functions]);

  useEffect(() => {
    const current = view.current?.state.doc.toString();
    if (current !== undefined && current !== props.value) {
      view.current!.dispatch({ changes: { from: 0, to: current.length, insert: props.value }, selection: { anchor: props.value.length } });
    }
  }, [props.value]);

  return <div ref={place} />;
}
