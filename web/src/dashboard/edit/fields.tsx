// The small inputs of the edit pane. A text is taken when the field is left or Enter is pressed, not with each letter.
import { Field, Input, TextArea } from '@grafana/ui';
import { useEffect, useId, useState } from 'react';

interface TextFieldProps {
  label: string;
  value: string | undefined;
  onCommit: (value: string | undefined) => void;
  multiline?: boolean;
}

export function TextField({ label, value = '', onCommit, multiline }: TextFieldProps) {
  const id = useId();
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const commit = () => text !== value && onCommit(text === '' ? undefined : text);
  return (
    <Field label={label} htmlFor={id}>
      {multiline ? (
        <TextArea id={id} rows={2} value={text} onChange={(event) => setText(event.currentTarget.value)} onBlur={commit} />
      ) : (
        <Input
          id={id}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onBlur={commit}
          onKeyDown={(event) => event.key === 'Enter' && commit()}
        />
      )}
    </Field>
  );
}

interface NumberFieldProps {
  label: string;
  value: number | null | undefined;
  onCommit: (value: number | undefined) => void;
  min?: number;
  max?: number;
}

export function NumberField({ label, value, onCommit, min = -Infinity, max = Infinity }: NumberFieldProps) {
  const id = useId();
  const shown = value === null || value === undefined ? '' : String(value);
  const [text, setText] = useState(shown);
  useEffect(() => setText(shown), [shown]);
  const number = text.trim() === '' ? undefined : Number(text);
  const valid = number === undefined || (Number.isFinite(number) && min <= number && number <= max);
  const commit = () => valid && text !== shown && onCommit(number);
  return (
    <Field label={label} htmlFor={id} invalid={!valid} error={valid ? undefined : wanted(min, max)}>
      <Input
        id={id}
        inputMode="decimal"
        placeholder="auto"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(event) => event.key === 'Enter' && commit()}
      />
    </Field>
  );
}

const wanted = (min: number, max: number) => (Number.isFinite(min) && Number.isFinite(max) ? `A number from ${min} to ${max}` : 'Not a number');
