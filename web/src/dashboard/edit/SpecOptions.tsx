// A form made of the panels' own lists of options: by category, each closed until it is asked for. What a list keeps
// without an editor is changed in the JSON.
import { Collapse, Combobox, Field, InlineSwitch, MultiCombobox, RadioButtonGroup, StatsPicker, type ComboboxOption } from '@grafana/ui';
import { useId, useState } from 'react';
import { fieldOptionsOf, optionsOf } from '../../host/panelPlugins';
import type { Choice, Spec } from '../../panels';
import type { PanelJson } from '../json';
import { getIn, type Path } from '../setIn';
import type { Change } from './EditPane';
import { NumberField, TextField } from './fields';

interface Placed {
  spec: Spec;
  path: Path;
}

export function SpecOptions({ panel, fieldNames, change }: { panel: PanelJson; fieldNames: string[]; change: Change }) {
  return categoriesOf(panel.type).map(([name, placed]) => (
    <Category key={`${panel.type} ${name}`} name={name}>
      {placed.map(({ spec, path }) => (
        <Option key={path.join('.')} spec={spec} value={getIn(panel, path) ?? spec.default} fieldNames={fieldNames} set={(value) => change(path, value)} />
      ))}
    </Category>
  ));
}

/** In the order in which the lists name them; what has no category stands under the panel's or the fields' name. */
function categoriesOf(type: string): Array<[string, Placed[]]> {
  const categories = new Map<string, Placed[]>();
  const add = (specs: Spec[], base: Path, otherwise: string) => {
    for (const spec of specs.filter(({ kind }) => kind !== 'kept')) {
      const name = spec.category ?? otherwise;
      categories.set(name, [...(categories.get(name) ?? []), { spec, path: [...base, ...spec.path.split('.')] }]);
    }
  };
  add(optionsOf(type), ['options'], 'Panel');
  add(fieldOptionsOf(type), ['fieldConfig', 'defaults', 'custom'], 'Fields');
  return [...categories];
}

function Category({ name, children }: { name: string; children: React.ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <Collapse label={name} isOpen={open} onToggle={setOpen}>
      {open && children}
    </Collapse>
  );
}

interface OptionProps {
  spec: Spec;
  value: any;
  fieldNames: string[];
  set: (value: unknown) => void;
}

function Option({ spec, value, fieldNames, set }: OptionProps) {
  const id = useId();
  switch (spec.kind) {
    case 'switch':
      return (
        <Field label={spec.name} htmlFor={id}>
          <InlineSwitch id={id} aria-label={spec.name} value={Boolean(value)} onChange={(event) => set(event.currentTarget.checked)} />
        </Field>
      );
    case 'radio':
      return (
        <Field label={spec.name}>
          <RadioButtonGroup size="sm" aria-label={spec.name} options={labelled(spec.choices)} value={value} onChange={set} />
        </Field>
      );
    case 'select':
      return <Choose label={spec.name} options={labelled(spec.choices) as Array<ComboboxOption<string>>} value={value} set={set} />;
    case 'fieldName':
      return <Choose label={spec.name} options={[...new Set([...fieldNames, ...(value ? [value] : [])])].map((name) => ({ value: name, label: name }))} value={value} set={set} clearable />;
    case 'multi':
      return (
        <Field label={spec.name} htmlFor={id}>
          <MultiCombobox
            id={id}
            options={labelled(spec.choices) as Array<ComboboxOption<string>>}
            value={value ?? []}
            onChange={(chosen) => set(chosen.map((option) => option.value))}
          />
        </Field>
      );
    case 'calcs':
      return (
        <Field label={spec.name} htmlFor={id}>
          <StatsPicker id={id} stats={value ?? []} allowMultiple onChange={set} />
        </Field>
      );
    case 'number':
      return <NumberField label={spec.name} value={value} onCommit={set} min={spec.min} max={spec.max} />;
    default:
      return <TextField label={spec.name} value={value ?? ''} onCommit={set} multiline={spec.kind === 'textarea'} />;
  }
}

interface ChooseProps {
  label: string;
  options: Array<ComboboxOption<string>>;
  value: string | undefined;
  set: (value: unknown) => void;
  clearable?: boolean;
}

function Choose({ label, options, value, set, clearable }: ChooseProps) {
  const id = useId();
  return (
    <Field label={label} htmlFor={id}>
      {clearable ? (
        <Combobox id={id} options={options} value={value ?? null} isClearable placeholder="auto" onChange={(chosen) => set(chosen?.value)} />
      ) : (
        <Combobox id={id} options={options} value={value ?? null} onChange={({ value: chosen }) => set(chosen)} />
      )}
    </Field>
  );
}

const labelled = (choices: Choice[] = []) => choices.map(([value, label]) => ({ value, label }));
