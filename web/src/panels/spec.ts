// An option as data: where it stands in the file, what it is called, how it is edited, what it is if the file says nothing.
// One list serves the plug-in's defaults, a form that edits it, and the notice about what we do not draw.
import {
  type FieldConfigEditorBuilder, FieldType, identityOverrideProcessor, type PanelOptionsEditorBuilder, standardEditorsRegistry,
} from '@grafana/data';

export type Choice = [value: string | number | boolean | undefined, label: string];

export interface Spec {
  path: string;
  name: string;
  category?: string;
  /** `kept`: read from files, no editor of its own. */
  kind: 'switch' | 'radio' | 'select' | 'number' | 'text' | 'textarea' | 'calcs' | 'fieldName' | 'multi' | 'kept';
  choices?: Choice[];
  default?: unknown;
  min?: number;
  max?: number;
  step?: number;
  /** Fields that a field option is for; every field if missing. */
  types?: FieldType[];
}

const NUMBERS = [FieldType.number];
export const forNumbers = (list: Spec[]): Spec[] => list.map((spec) => ({ ...spec, types: spec.types ?? NUMBERS }));

const EDITOR: Record<Spec['kind'], string> = {
  switch: 'boolean', radio: 'radio', select: 'select', number: 'number', text: 'text', textarea: 'text', calcs: 'stats-picker', fieldName: 'fieldName', multi: 'multi-select', kept: 'text',
};
const Nothing = () => null;

function item(spec: Spec) {
  const editor = standardEditorsRegistry.getIfExists(EDITOR[spec.kind])?.editor ?? Nothing;
  return {
    id: spec.path, path: spec.path, name: spec.name, category: spec.category ? [spec.category] : undefined, defaultValue: spec.default,
    settings: {
      kind: spec.kind, min: spec.min, max: spec.max, step: spec.step, allowMultiple: spec.kind === 'calcs', useTextarea: spec.kind === 'textarea',
      options: spec.choices?.map(([value, label]) => ({ value, label })),
    },
    editor, override: editor,
  };
}

export function addOptions<T>(specs: Spec[]) {
  return (builder: PanelOptionsEditorBuilder<T>) => {
    for (const spec of specs) {
      builder.addCustomEditor({ ...item(spec), showIf: spec.kind === 'kept' ? () => false : undefined } as never);
    }
  };
}

export function addFields(specs: Spec[]) {
  return (builder: FieldConfigEditorBuilder<object>) => {
    for (const spec of specs) {
      builder.addCustomEditor({
        ...item(spec), process: identityOverrideProcessor, hideFromDefaults: spec.kind === 'kept',
        shouldApply: (field: { type: FieldType }) => !spec.types || spec.types.includes(field.type),
      } as never);
    }
  };
}
