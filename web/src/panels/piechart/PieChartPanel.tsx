// Shares of a whole, as a pie or a ring.
import { useState } from 'react';
import { type FieldDisplay, formattedValueToString, type PanelProps } from '@grafana/data';
import type { OptionsWithTooltip, SingleStatBaseOptions, VizLegendOptions } from '@grafana/schema';
import { measureText, useTheme2, VizLayout } from '@grafana/ui';
import { finite } from '../kit/frame';
import { legendOf } from '../kit/legend';
import { Figure, Message, NoData, panel } from '../kit/Panel';
import { Tip } from '../kit/Tip';
import { Linked, useValues } from '../kit/values';
import { outline, type Slice, slices } from './slices';

export interface PieOptions extends SingleStatBaseOptions, OptionsWithTooltip {
  pieType: 'pie' | 'donut';
  sort?: 'asc' | 'desc' | 'none';
  displayLabels: Array<'name' | 'value' | 'percent'>;
  legend: VizLegendOptions & { values?: Array<'value' | 'percent'> };
}

const percent = (share: number, decimals = share > 0 && share < 0.01 ? 1 : 0) => `${(share * 100).toFixed(decimals)}%`;

export const PieChartPanel = panel<PieOptions>((props: PanelProps<PieOptions>) => {
  const theme = useTheme2();
  const { options, width, height, title } = props;
  const values = useValues(props, false);
  const hidden = (value: FieldDisplay) => Boolean(value.field.custom?.hideFrom?.viz);
  const list = slices(values.map((value) => (hidden(value) ? null : finite(value.display.numeric))), options.sort ?? 'desc');
  if (values.length === 0 || !values.some((value) => finite(value.display.numeric) !== null)) {
    return <NoData title={title} frames={props.data.series} needs="a number field" noValue={props.fieldConfig?.defaults?.noValue} />;
  }
  if (list.length === 0 && !values.some(hidden)) {
    return <Message title={title} head="No data" body="A pie has slices for numbers above zero; there is none." />;
  }
  const name = (value: FieldDisplay) => value.display.title ?? value.name;
  const colors = values.map((value) => value.display.color ?? theme.colors.text.secondary);
  const ordered = [...list.map((slice) => slice.index), ...values.map((_, i) => i).filter((i) => !list.some((slice) => slice.index === i))];
  const legend = legendOf(
    ordered.filter((i) => !values[i].field.custom?.hideFrom?.legend).map((i) => ({
      label: name(values[i]), color: colors[i], disabled: hidden(values[i]),
      values: () => (options.legend?.values ?? []).map((kind) => {
        const share = list.find((slice) => slice.index === i)?.share ?? 0;
        return kind === 'percent' ? { numeric: share, text: percent(share), title: 'Percent' } : { ...values[i].display, title: 'Value' };
      }),
    })),
    options.legend,
  );
  const said = list.slice(0, 8).map((slice) => `${name(values[slice.index])} ${formattedValueToString(values[slice.index].display)} (${percent(slice.share)})`).join(', ');
  return (
    <Figure label={`${title ? `${title}: ` : ''}pie chart, ${said}${list.length > 8 ? ` and ${list.length - 8} more` : ''}`} width={width} height={height}>
      <VizLayout width={width} height={height} legend={legend}>
        {(w, h) => <Pie list={list} values={values} colors={colors} name={name} width={w} height={h} options={options} />}
      </VizLayout>
    </Figure>
  );
});

function Pie(props: { list: Slice[]; values: FieldDisplay[]; colors: string[]; name: (v: FieldDisplay) => string; width: number; height: number; options: PieOptions }) {
  const theme = useTheme2();
  const { list, values, colors, name, width, height, options } = props;
  const [hover, setHover] = useState<{ index: number; x: number; y: number } | null>(null);
  const [cx, cy] = [width / 2, height / 2];
  const radius = Math.max(4, Math.min(width, height) / 2 - 6);
  const donut = options.pieType === 'donut';
  const hole = donut ? radius * 0.6 : 0;
  const labels = options.displayLabels ?? [];
  const size = Math.min(14, Math.max(10, radius * 0.12));
  const mode = options.tooltip?.mode ?? 'single';
  const shown = hover && (mode === 'multi' ? list : list.filter((slice) => slice.index === hover.index));
  return (
    <>
      <svg width={width} height={height} style={{ display: 'block' }} aria-hidden onMouseLeave={() => setHover(null)}>
        {list.map((slice) => (
          <Linked key={slice.index} value={values[slice.index]} inSvg>
            {(open) => (
              <path d={outline(cx, cy, radius, hole, slice.from, slice.to)} fill={colors[slice.index]} stroke={theme.colors.background.primary} strokeWidth={list.length > 1 ? 1 : 0}
                opacity={hover && hover.index !== slice.index ? 0.6 : 1} style={{ cursor: open ? 'pointer' : undefined, transition: 'opacity 0.1s' }}
                onClick={open as never} onMouseMove={mode === 'none' ? undefined : (event) => setHover({ index: slice.index, x: event.clientX, y: event.clientY })} />
            )}
          </Linked>
        ))}
        {labels.length > 0 && list.map((slice) => {
          const value = values[slice.index];
          const lines = [
            labels.includes('name') ? name(value) : null,
            labels.includes('value') ? formattedValueToString(value.display) : null,
            labels.includes('percent') ? percent(slice.share) : null,
          ].filter((line): line is string => line !== null);
          const away = donut ? (radius + hole) / 2 : radius * 0.66;
          // A label goes where the slice is as wide as it; a whole circle has room everywhere.
          const room = slice.share >= 1 ? radius : Math.min(donut ? (radius - hole) * 1.15 : radius, 2 * away * Math.sin(Math.min(0.25, slice.share / 2) * 2 * Math.PI));
          const wide = Math.max(...lines.map((line) => measureText(line, size).width));
          if (wide > room + 2 || lines.length * (size + 2) > 2 * away * Math.PI * slice.share + size) {
            return null;
          }
          const turn = ((slice.from + slice.to) / 2) * 2 * Math.PI;
          const [x, y] = slice.share >= 1 && !donut ? [cx, cy] : [cx + away * Math.sin(turn), cy - away * Math.cos(turn)];
          return (
            <text key={slice.index} x={x} y={y - ((lines.length - 1) * (size + 2)) / 2} fontSize={size} textAnchor="middle" dominantBaseline="central" fill={theme.colors.getContrastText(colors[slice.index])} style={{ pointerEvents: 'none' }}>
              {lines.map((line, i) => <tspan key={i} x={x} dy={i === 0 ? 0 : size + 2}>{line}</tspan>)}
            </text>
          );
        })}
      </svg>
      {hover && shown && (
        <Tip at={hover} head={mode === 'multi' ? '' : name(values[hover.index])}
          items={shown.map((slice) => ({ label: mode === 'multi' ? name(values[slice.index]) : 'Value', color: colors[slice.index], isActive: slice.index === hover.index && mode === 'multi', value: `${formattedValueToString(values[slice.index].display)} (${percent(slice.share)})` }))} />
      )}
    </>
  );
}
