// Panels of single values (stat, gauge, bar gauge): which values, their links, their layout.
import { type ReactElement, useMemo } from 'react';
import { type Field, type FieldDisplay, formattedValueToString, getFieldDisplayValues, type NumericRange, type PanelProps, VizOrientation } from '@grafana/data';
import type { SingleStatBaseOptions } from '@grafana/schema';
import { DataLinksContextMenu, useTheme2 } from '@grafana/ui';
import { finite } from './frame';

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
    }).filter((value) => !placeholder(value)).map(ranged);
  }, [data.series, fieldConfig, options.reduceOptions, replaceVariables, sparkline, percentChange, theme, timeZone]);
}

/** The library's sparkline needs the range of its field and breaks without. */
function ranged(value: FieldDisplay): FieldDisplay {
  const y = value.sparkline?.y;
  return !y || y.state?.range ? value : { ...value, sparkline: { ...value.sparkline!, y: { ...y, state: { ...y.state, range: rangeOf(y) } } } };
}

export function rangeOf(field: Field): NumericRange {
  let [min, max] = [Infinity, -Infinity];
  for (const value of field.values) {
    const n = finite(value);
    if (n !== null) {
      [min, max] = [Math.min(min, n), Math.max(max, n)];
    }
  }
  return min <= max ? { min, max, delta: max - min } : { min: 0, max: 1, delta: 1 };
}

export const valuesSaid = (title: string, values: FieldDisplay[]) =>
  `${title ? `${title}: ` : ''}${values.slice(0, 12).map((v) => `${v.display.title ?? v.name} ${formattedValueToString(v.display)}`).join(', ')}`
  + (values.length > 12 ? ` and ${values.length - 12} more` : '');

/** Clicking a value opens its links; one link is a link, several are a menu. */
export function Linked({ value, inSvg, children }: { value: FieldDisplay; inSvg?: boolean; children: (open?: React.MouseEventHandler<HTMLElement>) => ReactElement }) {
  if (!value.hasLinks || !value.getLinks) {
    return children();
  }
  const name = `Links of ${value.display.title ?? value.name}`;
  return (
    <DataLinksContextMenu links={value.getLinks}>
      {({ openMenu, triggerProps }) => (inSvg || !triggerProps ? children(openMenu) : <div {...triggerProps} aria-label={name} style={{ cursor: 'pointer' }}>{children()}</div>)}
    </DataLinksContextMenu>
  );
}

/** Values beside each other in a wide panel, below each other in a tall one. */
export const orientationOf = (set: VizOrientation | undefined, width: number, height: number) =>
  !set || set === VizOrientation.Auto ? (width > height ? VizOrientation.Vertical : VizOrientation.Horizontal) : set;

/** What the library gives in the place of no values has no field behind it. */
const placeholder = (value: FieldDisplay) => value.view === undefined && value.colIndex === undefined;

/** The library can tell "nothing came" from "a value that is null"; so do we. */
export const hasRows = (props: PanelProps) => props.data.series.some((frame) => frame.length > 0 && frame.fields.length > 0);
