// What completion knows: the schema and the names of all functions, asked once while the page is open.
import { useEffect, useState } from 'react';
import { api, type Schema } from '../../api';
import { askFrame, rowsOf } from '../kit/ask';

const FUNCTIONS = 'SELECT name FROM system.functions ORDER BY name';

/** Completion is a help: without it the page still runs what is typed. */
export function useWords(): { schema?: Schema; functions?: string[] } {
  const [schema, setSchema] = useState<Schema>();
  const [functions, setFunctions] = useState<string[]>();
  useEffect(() => {
    const nothing = () => {};
    api.schema().then(setSchema, nothing);
    askFrame(FUNCTIONS)
      .then((frame) => setFunctions(rowsOf<{ name: string }>(frame).map(({ name }) => name)))
      .catch(nothing);
  }, []);
  return { schema, functions };
}
