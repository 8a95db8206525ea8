// The editor, loaded when it is first shown.
import { Suspense, lazy, type ReactNode } from 'react';
import type { CodeEditorProps } from './CodeEditor';

const CodeEditor = lazy(() => import('./CodeEditor'));

interface Props extends CodeEditorProps {
  /** What stands there until then. */
  meanwhile?: ReactNode;
}

export function LazyCodeEditor({ meanwhile, ...props }: Props) {
  return (
    <Suspense fallback={meanwhile ?? <div style={{ minHeight: props.minHeight ?? '80px' }} />}>
      <CodeEditor {...props} />
    </Suspense>
  );
}
