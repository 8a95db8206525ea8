// What a panel is called, what is said of it, and how it is drawn.
import { Combobox, Field, InlineSwitch } from '@grafana/ui';
import { knownPanels } from '../../host/panelPlugins';
import type { PanelJson } from '../json';
import type { Change } from './EditPane';
import { TextField } from './fields';

export function PanelOptions({ panel, change }: { panel: PanelJson; change: Change }) {
  return (
    <>
      <TextField label="Title" value={panel.title} onCommit={(value) => change(['title'], value ?? '')} />
      <TextField label="Description" value={panel.description} onCommit={(value) => change(['description'], value)} multiline />
      <Field label="Type" htmlFor="panel-type">
        <Combobox
          id="panel-type"
          value={panel.type}
          options={knownPanels().map((type) => ({ value: type, label: type }))}
          onChange={({ value }) => change(['type'], value)}
        />
      </Field>
      <Field label="Transparent background">
        <InlineSwitch
          id="panel-transparent"
          aria-label="Transparent background"
          value={Boolean(panel.transparent)}
          onChange={(event) => change(['transparent'], event.currentTarget.checked || undefined)}
        />
      </Field>
    </>
  );
}
