// The legend of the panels that draw by themselves; clicking hides and isolates series as in a plot.
import type { DisplayValue } from '@grafana/data';
import type { VizLegendOptions } from '@grafana/schema';
import { VizLayout, VizLegend, type VizLegendItem } from '@grafana/ui';

export interface LegendItem { label: string; color: string; disabled?: boolean; values?: () => DisplayValue[] }

export function legendOf(items: LegendItem[], options: Partial<VizLegendOptions> | undefined, readonly = false) {
  if (options?.showLegend === false || items.length === 0) {
    return null;
  }
  const placement = options?.placement ?? 'bottom';
  const list: VizLegendItem[] = items.map((item, i) => ({
    label: item.label, color: item.color, disabled: item.disabled, yAxis: 1, getItemKey: () => `${item.label}-${i}`, getDisplayValues: item.values,
  }));
  return (
    <VizLayout.Legend placement={placement} width={options?.width}>
      <VizLegend items={list} placement={placement} displayMode={(options?.displayMode ?? 'list') as never} readonly={readonly} isSortable
        sortBy={options?.sortBy} sortDesc={options?.sortDesc} limit={options?.limit} overflow={options?.overflow} />
    </VizLayout.Legend>
  );
}
