// The legend, for the types of panel that have one.
import { Field, RadioButtonGroup } from '@grafana/ui';
import { setIn } from '../setIn';
import type { PanelJson } from '../json';
import type { Change } from './EditPane';

const WITH_LEGEND = new Set(['timeseries', 'barchart', 'piechart', 'histogram', 'state-timeline', 'status-history']);

const shows = [
  { value: 'list', label: 'List' },
  { value: 'table', label: 'Table' },
  { value: 'none', label: 'None' },
];
const places = [
  { value: 'bottom', label: 'Below' },
  { value: 'right', label: 'Right' },
];

export function LegendOptions({ panel, change }: { panel: PanelJson; change: Change }) {
  if (!WITH_LEGEND.has(panel.type)) {
    return null;
  }
  const legend = panel.options?.legend ?? { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] };
  const shown = legend.showLegend === false ? 'none' : legend.displayMode;
  const show = (mode: string) =>
    change(['options', 'legend'], mode === 'none' ? setIn(legend, ['showLegend'], false) : setIn(setIn(legend, ['showLegend'], true), ['displayMode'], mode));
  return (
    <>
      <Field label="Legend">
        <RadioButtonGroup size="sm" options={shows} value={shown} onChange={show} aria-label="Legend" />
      </Field>
      {shown !== 'none' && (
        <Field label="Place of the legend">
          <RadioButtonGroup
            size="sm"
            options={places}
            value={legend.placement}
            onChange={(place) => change(['options', 'legend'], setIn(legend, ['placement'], place))}
            aria-label="Place of the legend"
          />
        </Field>
      )}
    </>
  );
}
