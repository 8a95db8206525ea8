// How values are written and coloured: unit, decimals, limits, thresholds.
import { Field, UnitPicker } from '@grafana/ui';
import type { PanelJson } from '../json';
import type { Change } from './EditPane';
import { NumberField } from './fields';
import { Thresholds } from './Thresholds';

export function FieldOptions({ panel, change }: { panel: PanelJson; change: Change }) {
  const defaults = panel.fieldConfig?.defaults ?? {};
  const set = (name: string) => (value: unknown) => change(['fieldConfig', 'defaults', name], value);
  return (
    <>
      <Field label="Unit" htmlFor="panel-unit">
        <UnitPicker id="panel-unit" value={defaults.unit} onChange={set('unit')} />
      </Field>
      <div style={{ display: 'grid', gridTemplateColumns: '1fr 1fr 1fr', gap: 8 }}>
        <NumberField label="Decimals" value={defaults.decimals} onCommit={set('decimals')} />
        <NumberField label="Min" value={defaults.min} onCommit={set('min')} />
        <NumberField label="Max" value={defaults.max} onCommit={set('max')} />
      </div>
      <Thresholds value={defaults.thresholds} onChange={set('thresholds')} />
    </>
  );
}
