// The standard field properties (unit, decimals, thresholds …) with the processors that make an override take effect.
import {
  FieldColorModeId,
  ThresholdsMode,
  booleanOverrideProcessor,
  dataLinksOverrideProcessor,
  displayNameOverrideProcessor,
  identityOverrideProcessor,
  numberOverrideProcessor,
  standardEditorsRegistry,
  standardFieldConfigEditorRegistry,
  stringOverrideProcessor,
  thresholdsOverrideProcessor,
  unitOverrideProcessor,
  valueMappingsOverrideProcessor,
  type FieldConfigPropertyItem,
} from '@grafana/data';

// The page edits these in a form of its own, so the registry's editors draw nothing.
const Nothing = () => null;

type Process = FieldConfigPropertyItem['process'];

function property(path: string, name: string, process: unknown, more: Partial<FieldConfigPropertyItem> = {}): FieldConfigPropertyItem {
  return {
    id: path,
    path,
    name,
    process: process as Process,
    editor: Nothing,
    override: Nothing,
    shouldApply: () => true,
    settings: {},
    ...more,
  } as FieldConfigPropertyItem;
}

export function standardProperties(): FieldConfigPropertyItem[] {
  return [
    property('unit', 'Unit', unitOverrideProcessor),
    property('min', 'Min', numberOverrideProcessor),
    property('max', 'Max', numberOverrideProcessor),
    property('fieldMinMax', 'Field min/max', booleanOverrideProcessor),
    property('decimals', 'Decimals', numberOverrideProcessor, { settings: { integer: true, min: 0, max: 15 } }),
    property('displayName', 'Display name', displayNameOverrideProcessor, { settings: { expandTemplateVars: true } }),
    property('color', 'Color', identityOverrideProcessor, { defaultValue: { mode: FieldColorModeId.Thresholds } }),
    property('noValue', 'No value', stringOverrideProcessor, { settings: { expandTemplateVars: true } }),
    property('links', 'Data links', dataLinksOverrideProcessor),
    property('actions', 'Actions', identityOverrideProcessor),
    property('mappings', 'Value mappings', valueMappingsOverrideProcessor, { defaultValue: [] }),
    property('thresholds', 'Thresholds', thresholdsOverrideProcessor, {
      defaultValue: {
        mode: ThresholdsMode.Absolute,
        steps: [
          { value: -Infinity, color: 'green' },
          { value: 80, color: 'red' },
        ],
      },
    }),
    property('filterable', 'Ad hoc filterable', booleanOverrideProcessor),
  ];
}

const editors = [
  'text', 'number', 'slider', 'boolean', 'select', 'multi-select', 'radio', 'color', 'fieldColor', 'links', 'actions',
  'unit', 'mappings', 'thresholds', 'field-name', 'fieldName', 'stats-picker', 'strings', 'timezone', 'dashboard-uid',
];

export function fillFieldConfigRegistries() {
  standardEditorsRegistry.setInit(() => editors.map((id) => ({ id, name: id, editor: Nothing })));
  standardFieldConfigEditorRegistry.setInit(standardProperties);
}
