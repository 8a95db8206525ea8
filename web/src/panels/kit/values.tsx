// Panels of single values (stat, gauge, bar gauge): which values, their links, their layout.
import { type ReactElement, useMemo } from 'react';
import { type FieldDisplay, formattedValueToString, getFieldDisplayValues, type PanelProps, VizOrientation } from '@grafana/data';
import type { SingleStatBaseOptions } from '@grafana/schema';
import { DataLinksContextMenu, useTheme2 } from '@grafana/ui';

export function useValues<T extends SingleStatBaseOptions>(props: PanelProps<T>, sparkline: boolean, percentChange = false): FieldDisplay[] {
  const theme = useTheme2();
  const { data, fieldConfig, options, replaceVariables, timeZone } = props;
  return useMemo(() => {
    if (data.series.length === 0) {
      return [];
    }
    const reduceOptions = { ...options.reduceOptions, calcs: options.reduceOptions?.calcs?.length ? options.reduceOptions.calcs : ['lastNotNull'] };
    return getFieldDisplayValues({
      data: data.series, fieldConfig: fieldConfig ?? { defaults: {}, overrides: [] }, reduceOptions, replaceVariables: replaceVariables ?? ((text) => text),
      sparkline, percentChange, theme, timeZone,
    }).filter((value) => value.field?.custom?.hideFrom?.viz !== true);
  }, [data.series, fieldConfig, options.reduceOptions, replaceVariables, sparkline, percentChange, theme, timeZone]);
}

export const valuesSaid = (title: string, values: FieldDisplay[]) =>
  `${title ? `${title}: ` : ''}${values.slice(0, 12).map((v) => `${v.display.title ?? v.name} ${formattedValueToString(v.display)}`).join(', ')}`
  + (values.length > 12 ? ` and ${values.length - 12} more` : '');

/** Clicking a value opens its links; one link is a link, several are a menu. */
export function Linked({ value, children }: { value: FieldDisplay; children: (open?: React.MouseEventHandler<HTMLElement>) => ReactElement }) {
  if (!value.hasLinks || !value.getLinks) {
    return children();
  }
  return <DataLinksContextMenu links={value.getLinks}>{({ openMenu }) => children(openMenu)}</DataLinksContextMenu>;
}

/** Values beside each other in a wide panel, below each other in a tall one. */
export const orientationOf = (set: VizOrientation | undefined, width: number, height: number) =>
  !set || set === VizOrientation.Auto ? (width > height ? VizOrientation.Vertical : VizOrientation.Horizontal) : set;

/** The library can tell "nothing came" from "a value that is null"; so do we. */
export const hasRows = (props: PanelProps) => props.data.series.some((frame) => frame.length > 0 && frame.fields.length > 0);
