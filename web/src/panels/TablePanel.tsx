// Rows and columns as they came: Grafana's own table, with its cell types, sorting, filters, footer and pages.
import { lazy, Suspense, useCallback, useMemo } from 'react';
import { type DataFrame, getFrameDisplayName, type PanelProps } from '@grafana/data';
import type { TableCellHeight, TableSortByFieldState } from '@grafana/schema';
import { Combobox, usePanelContext } from '@grafana/ui';
import { Figure, NoData, panel } from './kit/Panel';
import { modern, type OldFooter } from './tableModern';

// The grid behind the table is large and most first pages have none.
const TableNG = lazy(async () => ({ default: (await import('@grafana/ui/unstable')).TableNG }));
const CHOICE = 32;

export interface TableOptions {
  frameIndex: number;
  showHeader: boolean;
  showTypeIcons?: boolean;
  sortBy?: TableSortByFieldState[];
  enablePagination?: boolean;
  pageSize?: number;
  cellHeight?: TableCellHeight;
  maxRowHeight?: number;
  frozenColumns?: { left?: number };
  footer?: OldFooter;
}

export const TablePanel = panel<TableOptions>((props: PanelProps<TableOptions>) => {
  const context = usePanelContext();
  const { data, options, width, height, title, timeRange, fieldConfig, onOptionsChange, onFieldConfigChange, transparent } = props;
  const frames = data.series;
  const current = Math.min(Math.max(0, options.frameIndex ?? 0), frames.length - 1);
  const frame = frames[current] as DataFrame | undefined;
  const shown = useMemo(() => frame && modern(frame, options.footer), [frame, options.footer]);
  const sorted = useCallback((sortBy: TableSortByFieldState[]) => onOptionsChange?.({ ...options, sortBy }), [onOptionsChange, options]);
  const resized = useCallback((name: string, columnWidth: number) => {
    onFieldConfigChange?.({ ...fieldConfig, overrides: widthOverride(fieldConfig?.overrides ?? [], name, columnWidth) });
  }, [fieldConfig, onFieldConfigChange]);
  if (!shown || shown.fields.length === 0) {
    return <NoData title={title} frames={frames} needs="at least one column" noValue={fieldConfig?.defaults?.noValue} />;
  }
  const choose = frames.length > 1;
  const tableHeight = height - (choose ? CHOICE + 8 : 0);
  return (
    <Figure label={`${title ? `${title}: ` : ''}table of ${shown.length} rows and ${shown.fields.length} columns`} width={width} height={height}>
      <Suspense fallback={null}>
        <TableNG ariaLabel={title || 'Table'} data={shown} width={width} height={tableHeight} structureRev={data.structureRev}
          noHeader={options.showHeader === false} showTypeIcons={options.showTypeIcons} resizable sortBy={options.sortBy} sortByBehavior="initial"
          onSortByChange={sorted} onColumnResize={resized} onCellFilterAdded={context.onAddAdHocFilter} enablePagination={options.enablePagination}
          pageSize={options.pageSize} cellHeight={options.cellHeight} maxRowHeight={options.maxRowHeight} frozenColumns={options.frozenColumns?.left}
          timeRange={timeRange} fieldConfig={fieldConfig} transparent={transparent} noValue={fieldConfig?.defaults?.noValue} />
      </Suspense>
      {choose && (
        <div style={{ marginTop: 8 }}>
          <Combobox aria-label="Which result to show" options={frames.map((f, i) => ({ value: i, label: getFrameDisplayName(f, i) }))} value={current}
            onChange={(choice) => onOptionsChange?.({ ...options, frameIndex: choice.value })} />
        </div>
      )}
    </Figure>
  );
});

type Overrides = PanelProps['fieldConfig']['overrides'];

/** A width dragged by hand is an override by name, as Grafana saves it. */
export function widthOverride(overrides: Overrides, name: string, width: number): Overrides {
  const property = { id: 'custom.width', value: width };
  const mine = overrides.findIndex((o) => o.matcher.id === 'byName' && o.matcher.options === name);
  if (mine < 0) {
    return [...overrides, { matcher: { id: 'byName', options: name }, properties: [property] }];
  }
  return overrides.map((o, i) => (i === mine ? { ...o, properties: [...o.properties.filter((p) => p.id !== 'custom.width'), property] } : o));
}
