// The steps at which a value changes its colour; the first has no lower end.
import { ThresholdsMode, type Threshold, type ThresholdsConfig } from '@grafana/data';
import { Button, ColorPicker, Field, IconButton, Input } from '@grafana/ui';
import { useEffect, useState } from 'react';

const NEW_COLOR = 'red';

export function Thresholds({ value, onChange }: { value?: ThresholdsConfig; onChange: (next: ThresholdsConfig) => void }) {
  const steps = value?.steps?.length ? value.steps : [{ value: null as unknown as number, color: 'green' }];
  const set = (next: Threshold[]) => onChange({ ...(value ?? { mode: ThresholdsMode.Absolute }), steps: next });
  const setStep = (at: number, step: Threshold) => set(steps.map((old, index) => (index === at ? step : old)));
  return (
    <Field label="Thresholds">
      <div>
        {steps.map((step, at) => (
          <div key={at} style={{ display: 'flex', alignItems: 'center', gap: 8, marginBottom: 4 }}>
            <ColorPicker color={step.color} onChange={(color) => setStep(at, { ...step, color })} />
            {at === 0 ? (
              <span style={{ flex: 1 }}>below all</span>
            ) : (
              <StepValue value={step.value} onCommit={(next) => set(ordered(steps.map((old, index) => (index === at ? { ...old, value: next } : old))))} />
            )}
            {at > 0 && <IconButton name="times" tooltip="Remove" onClick={() => set(steps.filter((_, index) => index !== at))} />}
          </div>
        ))}
        <Button size="sm" variant="secondary" icon="plus" onClick={() => set([...steps, { value: (steps[steps.length - 1].value ?? 70) + 10, color: NEW_COLOR }])}>
          Threshold
        </Button>
      </div>
    </Field>
  );
}

function StepValue({ value, onCommit }: { value: number; onCommit: (value: number) => void }) {
  const [text, setText] = useState(String(value));
  useEffect(() => setText(String(value)), [value]);
  const commit = () => text.trim() !== '' && Number.isFinite(Number(text)) && Number(text) !== value && onCommit(Number(text));
  return (
    <Input
      aria-label="From"
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === 'Enter' && commit()}
    />
  );
}

function ordered([base, ...steps]: Threshold[]): Threshold[] {
  return [base, ...steps.sort((a, b) => a.value - b.value)];
}
