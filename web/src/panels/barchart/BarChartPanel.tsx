// Bars of numbers by category, upright or lying.
import { useMemo, useState } from 'react';
import {
  dateTimeFormat, type DataFrame, type Field, FieldType, formattedValueToString, getFieldSeriesColor, getValueFormat, type GrafanaTheme2, type PanelProps, reduceField, VizOrientation,
} from '@grafana/data';
import { type OptionsWithLegend, type OptionsWithTextFormatting, type OptionsWithTooltip, ScaleDistribution, SortOrder, TooltipDisplayMode } from '@grafana/schema';
import { useTheme2, VizLayout } from '@grafana/ui';
import { useBarFill } from '../kit/BarFill';
import { type Box, categoryLabels, cut, type Label, textWidth, ValueAxis } from '../kit/Axis';
import { finite, nameOf, paletteOrder, summary, textOf } from '../kit/frame';
import { legendOf } from '../kit/legend';
import { Figure, NoData, panel } from '../kit/Panel';
import { linearTicks, logTicks } from '../kit/ticks';
import { Tip } from '../kit/Tip';
import { type Bar, bars, extent, type Stacking } from './layout';

export interface BarChartOptions extends OptionsWithLegend, OptionsWithTooltip, OptionsWithTextFormatting {
  xField?: string;
  orientation: VizOrientation;
  stacking: Stacking;
  showValue: 'auto' | 'always' | 'never';
  groupWidth: number;
  barWidth: number;
  barRadius?: number;
  xTickLabelRotation: number;
  xTickLabelMaxLength?: number;
  xTickLabelSpacing?: number;
  fullHighlight?: boolean;
  colorByField?: string;
}

interface Bars { frame: DataFrame; x: Field; series: Array<{ field: Field; name: string; color: string; hidden: boolean }>; by?: Field }

/** The category field: the one that is named, else the first text, else the first time; the rest of the numbers are bars. */
export function prepare(frames: DataFrame[], xField: string | undefined, byField: string | undefined, theme: GrafanaTheme2): Bars | null {
  for (const frame of frames) {
    const x = frame.fields.find((field) => xField && (field.name === xField || nameOf(field, frame, frames) === xField))
      ?? frame.fields.find((field) => field.type === FieldType.string || field.type === FieldType.enum)
      ?? frame.fields.find((field) => field.type === FieldType.time);
    const numbers = frame.fields.filter((field) => field !== x && field.type === FieldType.number);
    if (x && numbers.length > 0 && frame.length > 0) {
      return {
        frame, x, by: frame.fields.find((field) => byField && nameOf(field, frame, frames) === byField),
        series: paletteOrder(numbers, theme).map((field, i) => ({ field, name: nameOf(numbers[i], frame, frames), color: getFieldSeriesColor(field, theme).color, hidden: Boolean(field.config.custom?.hideFrom?.viz) })),
      };
    }
  }
  return null;
}

export const BarChartPanel = panel<BarChartOptions>((props: PanelProps<BarChartOptions>) => {
  const theme = useTheme2();
  const { data, options, width, height, title } = props;
  const prepared = useMemo(
    () => prepare(data.series, options.xField, options.colorByField, theme),
    [data.series, options.xField, options.colorByField, theme],
  );
  if (!prepared) {
    return <NoData title={title} frames={data.series} needs="a text or time field for the bars' names and a number field" noValue={props.fieldConfig?.defaults?.noValue} />;
  }
  const legend = legendOf(
    prepared.series.filter(({ field }) => !field.config.custom?.hideFrom?.legend).map(({ field, name, color, hidden }) => ({
      label: name, color, disabled: hidden,
      values: () => (options.legend?.calcs ?? []).map((calc) => ({ ...field.display!(reduceField({ field, reducers: [calc] })[calc]), title: calc })),
    })),
    options.legend,
  );
  return (
    <Figure label={summary(title, `bar chart of ${prepared.frame.length} categories`, [prepared.frame])} width={width} height={height}>
      <VizLayout width={width} height={height} legend={legend}>
        {(w, h) => <Chart prepared={prepared} width={w} height={h} options={options} timeZone={props.timeZone} />}
      </VizLayout>
    </Figure>
  );
});

function Chart({ prepared, width, height, options, timeZone }: { prepared: Bars; width: number; height: number; options: BarChartOptions; timeZone: string }) {
  const theme = useTheme2();
  const [hover, setHover] = useState<{ category: number; series: number | null; x: number; y: number } | null>(null);
  const { frame, x } = prepared;
  const series = prepared.series.filter((one) => !one.hidden);
  const first = (series[0] ?? prepared.series[0]).field;
  const custom = first.config.custom ?? {};
  const stacking = options.stacking ?? 'none';
  const lying = options.orientation === VizOrientation.Horizontal || ((options.orientation ?? 'auto') === VizOrientation.Auto && height > width * 1.2);
  const names = categoryNames(x, frame.length, timeZone);
  const values = series.map(({ field }) => Array.from({ length: frame.length }, (_, i) => finite(field.values[i])));

  const raw = bars(values, frame.length, 1, stacking, 1, 1);
  const [low, high] = extent(raw);
  const log = custom.scaleDistribution?.type === ScaleDistribution.Log ? custom.scaleDistribution.log ?? 2 : null;
  const softLow = Math.min(low, custom.axisSoftMin ?? low);
  const softHigh = Math.max(high, custom.axisSoftMax ?? high);
  const centre = custom.axisCenteredZero ? Math.max(Math.abs(softLow), Math.abs(softHigh)) : null;
  const min = first.config.min ?? (centre ? -centre : softLow);
  const max = first.config.max ?? centre ?? (stacking === 'percent' && low >= 0 ? 1 : softHigh);
  const positive = raw.filter((bar) => bar.to > 0).reduce((least, bar) => Math.min(least, bar.to), Infinity);
  const ticks = log
    ? logTicks(first.config.min ?? positive, max, log)
    : linearTicks(min, max, Math.max(2, Math.floor((lying ? width / 90 : height / 45))), { min: first.config.min != null, max: first.config.max != null || stacking === 'percent' });
  if (!log && stacking === 'none' && first.config.max == null && (options.showValue ?? 'auto') !== 'never' && max > 0 && ticks.max - max < (ticks.max - ticks.min) * 0.07) {
    // Values stand above the bars and need room there.
    ticks.max = max + (ticks.max - ticks.min) * 0.09;
  }
  const tickText = (v: number) => (stacking === 'percent'
    ? formattedValueToString(getValueFormat('percentunit')(v, 0))
    : formattedValueToString(first.display!(v, first.config.decimals ?? ticks.decimals)));
  const hidden = custom.axisPlacement === 'hidden';
  const right = custom.axisPlacement === 'right';
  const valueLabels = hidden ? [] : ticks.at.map((v) => cut(tickText(v), width * 0.3));
  const widest = valueLabels.reduce((most, text) => Math.max(most, textWidth(text)), 0);
  const label = hidden ? undefined : custom.axisLabel || undefined;

  // The box inside of the axes; the labels of the categories decide how much they take.
  const longest = Math.min(width * 0.35, names.reduce((most, text) => Math.max(most, textWidth(text)), 0));
  const side = lying ? longest + 10 : widest + 10 + (label ? 18 : 0);
  const turn = lying ? 0 : options.xTickLabelRotation ?? 0;
  // The first of the turned labels hangs out to the left, or the last one to the right.
  const hang = turn && Math.abs(turn) < 90 ? Math.min(width * 0.2, longest * Math.cos((turn * Math.PI) / 180) * 0.9) : 0;
  const left = Math.max(lying || !right ? side : 10, turn > 0 ? hang : 0);
  const box: Box = { left, top: 8, width: Math.max(10, width - left - Math.max(10, turn < 0 ? hang : 0, right && !lying ? side : 0) - (lying ? widest / 2 : 0)), height: 10 };
  const below = categoryLabels(names, box.width / Math.max(1, names.length), turn, options.xTickLabelSpacing ?? 0, options.xTickLabelMaxLength, height * 0.4);
  box.height = Math.max(10, height - 8 - (lying ? (hidden ? 6 : 22 + (label ? 18 : 0)) : below.height));

  const list = bars(values, frame.length, lying ? box.height : box.width, stacking, options.groupWidth ?? 0.7, options.barWidth ?? 0.97);
  const scale = (v: number) => {
    const share = log ? (Math.log(Math.max(v, ticks.min)) - Math.log(ticks.min)) / (Math.log(ticks.max) - Math.log(ticks.min)) : (v - ticks.min) / (ticks.max - ticks.min || 1);
    const bounded = Math.min(1, Math.max(0, share));
    return lying ? box.left + bounded * box.width : box.top + (1 - bounded) * box.height;
  };
  const zero = log ? ticks.min : 0;
  const rect = (bar: Bar) => {
    const [a, b] = [scale(bar.from === 0 ? zero : bar.from), scale(bar.to)];
    return lying
      ? { x: Math.min(a, b), y: box.top + bar.at, width: Math.max(0.5, Math.abs(b - a)), height: bar.size }
      : { x: box.left + bar.at, y: Math.min(a, b), width: bar.size, height: Math.max(0.5, Math.abs(b - a)) };
  };
  const gradient = useBarFill(lying);
  const colorOf = (bar: Bar) => {
    const { field, color } = series[bar.series];
    if (prepared.by) {
      return prepared.by.display!(prepared.by.values[bar.category]).color ?? color;
    }
    return field.config.color?.mode && !/^(palette|fixed|shades)/.test(field.config.color.mode) ? field.display!(bar.value).color ?? color : color;
  };
  const step = (lying ? box.height : box.width) / Math.max(1, frame.length);
  const categories: Label[] = names.map((full, i) => ({ at: step * (i + 0.5), text: lying ? cut(full, longest) : below.texts[i], full }));
  const every = lying ? Math.max(1, Math.ceil(14 / step)) : below.every;
  const rotation = turn;
  // Values above bars that stand beside each other shrink a little before they go.
  const tight = !lying && stacking === 'none' && series.length > 1;
  const widestValue = tight ? Math.max(1, ...list.map((bar) => textWidth(textOf(series[bar.series].field, bar.value)))) : 1;
  const size = options.text?.valueSize ?? (tight ? Math.max(9, Math.min(12, Math.floor((12 * (list[0]?.size ?? 0)) / widestValue))) : 12);
  const ink = theme.colors.text.primary;

  const move = (event: React.MouseEvent<SVGSVGElement>) => {
    const place = event.currentTarget.getBoundingClientRect();
    const [px, py] = [event.clientX - place.left, event.clientY - place.top];
    const category = Math.floor((lying ? py - box.top : px - box.left) / step);
    if (category < 0 || category >= frame.length || px < box.left - 2 || py > box.top + box.height) {
      setHover(null);
      return;
    }
    const along = lying ? py - box.top : px - box.left;
    const near = list.filter((bar) => bar.category === category).map((bar) => ({ bar, away: away(bar, along, lying ? px : py, rect(bar), lying) })).sort((a, b) => a.away - b.away)[0];
    setHover({ category, series: near ? near.bar.series : null, x: event.clientX, y: event.clientY });
  };
  const mode = options.tooltip?.mode ?? TooltipDisplayMode.Single;

  return (
    <div style={{ position: 'relative' }}>
      <svg width={width} height={height} style={{ display: 'block' }} onMouseMove={mode === TooltipDisplayMode.None ? undefined : move} onMouseLeave={() => setHover(null)} aria-hidden>
        <ValueAxis box={box} horizontal={lying} right={right} grid={custom.axisGridShow !== false} title={label}
          labels={hidden ? [] : ticks.at.map((v, i) => ({ at: scale(v), text: valueLabels[i] }))} />
        {hover && (
          <rect fill={theme.colors.action.hover} {...(lying ? { x: box.left, y: box.top + step * hover.category, width: box.width, height: step } : { x: box.left + step * hover.category, y: box.top, width: step, height: box.height })} />
        )}
        {list.map((bar) => {
          const shape = rect(bar);
          const style = series[bar.series].field.config.custom ?? {};
          const color = colorOf(bar);
          return (
            <rect key={`${bar.series}/${bar.category}`} {...shape} rx={Math.min(shape.width, shape.height) * Math.min(0.5, options.barRadius ?? 0)} fill={gradient.fill(color, style.gradientMode)}
              fillOpacity={(style.fillOpacity ?? 80) / 100} stroke={color} strokeWidth={style.lineWidth ?? 1} />
          );
        })}
        {gradient.defs()}
        {(options.showValue ?? 'auto') !== 'never' && list.map((bar) => {
          const shape = rect(bar);
          const text = textOf(series[bar.series].field, bar.value);
          const wide = textWidth(text, size);
          const inside = stacking !== 'none';
          const fits = lying
            ? bar.size >= size && (inside ? wide + 4 < shape.width : bar.to < 0 || shape.x + shape.width + wide + 6 <= width)
            : wide <= (tight ? bar.size + 2 : step - 2) && (!inside || shape.height > size + 2);
          if (!fits && options.showValue !== 'always') {
            return null;
          }
          const place = inside
            ? { x: shape.x + shape.width / 2, y: shape.y + shape.height / 2, textAnchor: 'middle' as const }
            : lying
              ? { x: bar.to < 0 ? shape.x - 4 : shape.x + shape.width + 4, y: shape.y + shape.height / 2, textAnchor: bar.to < 0 ? 'end' as const : 'start' as const }
              : { x: shape.x + shape.width / 2, y: bar.to < 0 ? shape.y + shape.height + size * 0.7 : Math.max(size * 0.6, shape.y - size * 0.6), textAnchor: 'middle' as const };
          return <text key={`v${bar.series}/${bar.category}`} {...place} dominantBaseline="central" fontSize={size} fill={inside ? theme.colors.getContrastText(colorOf(bar)) : ink}>{text}</text>;
        })}
        <g fontSize={12} fill={ink} fontFamily={theme.typography.fontFamily}>
          {categories.map(({ at, text, full }, i) => i % every !== 0 ? null : lying
            ? <text key={i} x={box.left - 6} y={box.top + at} textAnchor="end" dominantBaseline="central">{text}<title>{full}</title></text>
            : (
              <text key={i} transform={`translate(${rotation ? box.left + at : inside(box.left + at, text, width)} ${box.top + box.height + (rotation ? 10 : 16)}) rotate(${-rotation})`}
                textAnchor={rotation > 0 ? 'end' : rotation < 0 ? 'start' : 'middle'}>{text}<title>{full}</title></text>
            ))}
        </g>
      </svg>
      {hover && (
        <Tip at={hover} head={names[hover.category]} items={items(series, hover, mode, options.tooltip?.sort ?? SortOrder.None, options.tooltip?.hideZeros)} />
      )}
    </div>
  );
}

/** A centred label at the edge moves in as far as it hangs out. */
function inside(at: number, text: string, width: number): number {
  const half = textWidth(text) / 2;
  return Math.max(half, Math.min(width - half, at));
}

/** Days as dates and times without what is the same on all. */
function categoryNames(x: Field, length: number, timeZone: string): string[] {
  const at = Array.from({ length }, (_, i) => x.values[i]);
  if (x.type !== FieldType.time || x.config.unit) {
    return at.map((value) => textOf(x, value));
  }
  const known = at.filter((value) => value != null);
  const day = (value: number) => dateTimeFormat(value, { timeZone, format: 'YYYY-MM-DD' });
  const midnight = known.every((value) => dateTimeFormat(value, { timeZone, format: 'HH:mm:ss' }) === '00:00:00');
  const format = midnight ? 'YYYY-MM-DD' : new Set(known.map(day)).size === 1 ? 'HH:mm' : 'MM-DD HH:mm';
  return at.map((value) => (value == null ? '' : dateTimeFormat(value, { timeZone, format })));
}

function away(bar: Bar, along: number, across: number, shape: { x: number; y: number; width: number; height: number }, lying: boolean) {
  const off = Math.max(0, bar.at - along, along - bar.at - bar.size);
  const [from, to] = lying ? [shape.x, shape.x + shape.width] : [shape.y, shape.y + shape.height];
  return off * 10 + Math.max(0, from - across, across - to);
}

function items(series: Bars['series'], hover: { category: number; series: number | null }, mode: TooltipDisplayMode, sort: SortOrder, hideZeros?: boolean) {
  const all = series.map(({ field, name, color }, s) => ({ label: name, color, isActive: s === hover.series, n: finite(field.values[hover.category]), value: textOf(field, field.values[hover.category]), hide: Boolean(field.config.custom?.hideFrom?.tooltip) }))
    .filter((item) => !item.hide && !(hideZeros && item.n === 0));
  if (mode === TooltipDisplayMode.Single) {
    return all.filter((item) => item.isActive).map((item) => ({ ...item, isActive: false }));
  }
  return sort === SortOrder.None ? all : all.sort((a, b) => ((a.n ?? -Infinity) - (b.n ?? -Infinity)) * (sort === SortOrder.Descending ? -1 : 1));
}
