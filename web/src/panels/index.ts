// The panel types that the page can draw, under the ids that dashboards use. Unknown types are the host's matter.
import { type ComponentType } from 'react';
import { PanelPlugin, type PanelProps } from '@grafana/data';
import { BarChartPanel } from './barchart/BarChartPanel';
import { BarGaugePanel } from './BarGaugePanel';
import { fields, standard } from './fields';
import { FunnelPanel } from './funnel/FunnelPanel';
import { GaugePanel } from './gauge/GaugePanel';
import { HeatmapPanel } from './heatmap/HeatmapPanel';
import { HistogramPanel } from './histogram/HistogramPanel';
import { LogsPanel } from './logs/LogsPanel';
import { options } from './options';
import { PieChartPanel } from './piechart/PieChartPanel';
import { RetentionPanel } from './retention/RetentionPanel';
import { addFields, addOptions } from './spec';
import { StatPanel } from './StatPanel';
import { StateTimelinePanel, StatusHistoryPanel } from './state/StatePanel';
import { TablePanel } from './TablePanel';
import { TextPanel } from './text/TextPanel';
import { TimeSeriesPanel } from './timeseries/TimeSeriesPanel';

export { fields as fieldSpecs } from './fields';
export { options as optionSpecs } from './options';
export type { Choice, Spec } from './spec';
export { unsupported } from './unsupported';

const components: Record<string, unknown> = {
  timeseries: TimeSeriesPanel,
  stat: StatPanel,
  gauge: GaugePanel,
  bargauge: BarGaugePanel,
  table: TablePanel,
  barchart: BarChartPanel,
  piechart: PieChartPanel,
  heatmap: HeatmapPanel,
  histogram: HistogramPanel,
  'state-timeline': StateTimelinePanel,
  'status-history': StatusHistoryPanel,
  text: TextPanel,
  logs: LogsPanel,
  'millrace-funnel-panel': FunnelPanel,
  'millrace-retention-panel': RetentionPanel,
};

export const panels: Record<string, PanelPlugin> = Object.fromEntries(
  Object.entries(components).map(([type, component]) => [type, plugin(type, component as ComponentType<PanelProps>)]),
);

function plugin(type: string, component: ComponentType<PanelProps>): PanelPlugin {
  return new PanelPlugin(component)
    .useFieldConfig({ standardOptions: standard[type], useCustomConfig: addFields(fields[type] ?? []) })
    .setPanelOptions(addOptions(options[type] ?? []))
    .setDataSupport({ annotations: ['timeseries', 'heatmap', 'state-timeline', 'status-history'].includes(type), alertStates: false });
}
