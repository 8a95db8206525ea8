// In the place of Monaco, which is large and wants workers from blob: URLs: a table cell's JSON is read in our editor.
import { LazyCodeEditor } from '../editor/LazyCodeEditor';

export function ReactMonacoEditorLazy({ value = '', language }: { value?: string; language?: string }) {
  return <LazyCodeEditor label="Text" value={value} language={language === 'sql' ? 'sql' : 'json'} readOnly />;
}
