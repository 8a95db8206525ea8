// The editor, loaded when it is first shown.
import { Suspense, lazy } from 'react';
import type { CodeEditorProps } from './CodeEditor';

const CodeEditor = lazy(() => import('./CodeEditor'));

export function LazyCodeEditor(props: CodeEditorProps) {
  return (
    <Suspense fallback={<div style={{ minHeight: props.minHeight ?? 80 }} />}>
      <CodeEditor {...props} />
    </Suspense>
  );
}
