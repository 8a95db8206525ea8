// The hover box of series over an x axis: the x value, then one row a series with its colour, links when pinned.
import type { Field, LinkModel } from '@grafana/data';
import { SortOrder, TooltipDisplayMode, type VizTooltipOptions } from '@grafana/schema';
import {
  getFieldDisplayItems, isTooltipScrollable, VizTooltipContent, VizTooltipFooter, VizTooltipHeader, VizTooltipWrapper,
} from '@grafana/ui';
import { textOf } from './frame';

export interface SeriesTipProps {
  fields: Field[];
  dataIdxs: Array<number | null>;
  seriesIdx: number | null;
  options?: VizTooltipOptions;
  mode?: TooltipDisplayMode;
  isPinned: boolean;
  dataLinks: LinkModel[];
}

export function SeriesTip({ fields, dataIdxs, seriesIdx, options, mode, isPinned, dataLinks }: SeriesTipProps) {
  const x = fields[0];
  const shown = mode ?? options?.mode ?? TooltipDisplayMode.Single;
  const at = seriesIdx != null && dataIdxs[seriesIdx] != null ? dataIdxs[seriesIdx] : dataIdxs.find((i, n) => n > 0 && i != null);
  if (at == null) {
    return null;
  }
  const items = getFieldDisplayItems(
    fields, x, dataIdxs, seriesIdx, shown, options?.sort ?? SortOrder.None,
    (field) => !field.config.custom?.hideFrom?.tooltip, options?.hideZeros,
  );
  return (
    <VizTooltipWrapper>
      <VizTooltipHeader item={{ label: x.type === 'time' ? '' : x.name, value: textOf(x, x.values[at]) }} isPinned={isPinned} />
      <VizTooltipContent items={items} isPinned={isPinned}
        scrollable={isTooltipScrollable({ mode: shown, maxHeight: options?.maxHeight })} maxHeight={options?.maxHeight} />
      {isPinned && dataLinks.length > 0 && <VizTooltipFooter dataLinks={dataLinks as Array<LinkModel<Field>>} />}
    </VizTooltipWrapper>
  );
}
