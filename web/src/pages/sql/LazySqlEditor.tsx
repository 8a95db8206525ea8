// The editor, loaded while the rest of the page stands already. Until then what is typed goes into a plain field.
import { lazy, Suspense } from 'react';
import { TextArea } from '@grafana/ui';
import type { SqlEditorProps } from './SqlEditor';

const SqlEditor = lazy(() => import('./SqlEditor'));

export function LazySqlEditor(props: SqlEditorProps) {
  const plain = <TextArea aria-label="SQL" rows={7} value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)} />;
  return (
    <Suspense fallback={plain}>
      <SqlEditor {...props} />
    </Suspense>
  );
}
