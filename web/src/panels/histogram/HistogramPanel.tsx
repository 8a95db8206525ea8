// How often values of a size occur: bars of counts over equal buckets.
import { useMemo, useState } from 'react';
import { FieldType, formattedValueToString, getFieldSeriesColor, type PanelProps } from '@grafana/data';
import type { OptionsWithLegend, OptionsWithTooltip } from '@grafana/schema';
import { useTheme2, VizLayout } from '@grafana/ui';
import { bars as layBars } from '../barchart/layout';
import { type Box, textWidth, ValueAxis } from '../kit/Axis';
import { useBarFill } from '../kit/BarFill';
import { nameOf, paletteOrder } from '../kit/frame';
import { legendOf } from '../kit/legend';
import { Figure, NoData, panel } from '../kit/Panel';
import { linearTicks } from '../kit/ticks';
import { Tip } from '../kit/Tip';
import { type Histogram, histogram } from './buckets';

export interface HistogramOptions extends OptionsWithLegend, OptionsWithTooltip {
  bucketCount?: number;
  bucketSize?: number;
  bucketOffset?: number;
  combine?: boolean;
}

export const HistogramPanel = panel<HistogramOptions>((props: PanelProps<HistogramOptions>) => {
  const theme = useTheme2();
  const { data, options, width, height, title } = props;
  const { bucketCount, bucketSize, bucketOffset, combine } = options;
  const fields = useMemo(() => {
    const list = data.series.flatMap((frame) => frame.fields.filter((field) => field.type === FieldType.number).map((field) => ({ field, name: nameOf(field, frame, data.series) })));
    const colored = paletteOrder(list.map(({ field }) => field), theme);
    return list.map(({ name }, i) => ({ field: colored[i], name }));
  }, [data.series, theme]);
  const result = useMemo(
    () => histogram(fields.filter(({ field }) => combine || !field.config.custom?.hideFrom?.viz).map(({ field }) => field.values), { bucketCount, bucketSize, bucketOffset, combine }),
    [fields, bucketCount, bucketSize, bucketOffset, combine],
  );
  if (fields.length === 0 || (!result && fields.every(({ field }) => !field.config.custom?.hideFrom?.viz))) {
    return <NoData title={title} frames={data.series} needs="a number field" noValue={props.fieldConfig?.defaults?.noValue} />;
  }
  const all = fields.map(({ field, name }) => ({ field, name, color: getFieldSeriesColor(field, theme).color, hidden: Boolean(field.config.custom?.hideFrom?.viz) }));
  const shown = combine ? [{ ...all[0], name: 'count', hidden: false }] : all.filter((one) => !one.hidden);
  const legend = legendOf((combine ? shown : all).map(({ name, color, hidden }) => ({ label: name, color, disabled: hidden })), options.legend);
  const total = result?.counts.flat().reduce((sum, n) => sum + n, 0) ?? 0;
  return (
    <Figure label={`${title ? `${title}: ` : ''}histogram of ${total} values in ${result?.edges.length ?? 0} buckets, ${shown.map((one) => one.name).join(', ')}`} width={width} height={height}>
      <VizLayout width={width} height={height} legend={legend}>
        {(w, h) => (result ? <Chart result={result} series={shown} width={w} height={h} quiet={options.tooltip?.mode === 'none'} /> : null)}
      </VizLayout>
    </Figure>
  );
});

function Chart({ result, series, width, height, quiet }: { result: Histogram; series: Array<{ field: Parameters<typeof getFieldSeriesColor>[0]; name: string; color: string }>; width: number; height: number; quiet: boolean }) {
  const theme = useTheme2();
  const [hover, setHover] = useState<{ bucket: number; x: number; y: number } | null>(null);
  const gradient = useBarFill(false);
  const { edges, size, counts } = result;
  const custom = series[0].field.config.custom ?? {};
  const stacking = custom.stacking?.mode ?? 'none';
  const list = stacking === 'none' ? null : layBars(counts, edges.length, 1, stacking, 1, 1);
  const most = list ? Math.max(...list.map((bar) => bar.to)) : Math.max(1, ...counts.flat());
  const ticks = linearTicks(0, most, Math.max(2, Math.floor(height / 45)));
  const valueLabels = ticks.at.map((v) => (stacking === 'percent' ? `${Math.round(v * 100)}%` : String(v)));
  const left = valueLabels.reduce((w, text) => Math.max(w, textWidth(text)), 0) + 10;
  const box: Box = { left, top: 8, width: Math.max(10, width - left - 14), height: Math.max(10, height - 32) };
  const [from, to] = [edges[0], edges[edges.length - 1] + size];
  const xText = (v: number) => formattedValueToString(series[0].field.display!(v));
  const x = (v: number) => box.left + ((v - from) / (to - from || 1)) * box.width;
  const y = (v: number) => box.top + box.height * (1 - v / (ticks.max || 1));
  const every = Math.max(1, Math.ceil((edges.length * (Math.max(textWidth(xText(from)), textWidth(xText(to))) + 14)) / box.width));
  const move = (event: React.MouseEvent<SVGSVGElement>) => {
    const place = event.currentTarget.getBoundingClientRect();
    const bucket = Math.floor(((event.clientX - place.left - box.left) / box.width) * edges.length);
    setHover(bucket >= 0 && bucket < edges.length ? { bucket, x: event.clientX, y: event.clientY } : null);
  };
  return (
    <>
      <svg width={width} height={height} style={{ display: 'block' }} onMouseMove={quiet ? undefined : move} onMouseLeave={() => setHover(null)} aria-hidden>
        <ValueAxis box={box} labels={ticks.at.map((v, i) => ({ at: y(v), text: valueLabels[i] }))} />
        {hover && <rect x={x(edges[hover.bucket])} width={box.width / edges.length} y={box.top} height={box.height} fill={theme.colors.action.hover} />}
        {series.map(({ field, color }, s) => edges.map((edge, b) => {
          const bar = list?.find((one) => one.category === b && one.series === s);
          const [low, high] = bar ? [bar.from, bar.to] : [0, counts[s]?.[b] ?? 0];
          if (high <= low) {
            return null;
          }
          const style = field.config.custom ?? {};
          const gap = Math.min(2, (box.width / edges.length) * 0.1);
          return (
            <rect key={`${s}/${b}`} x={x(edge) + gap / 2} width={Math.max(1, x(edge + size) - x(edge) - gap)} y={y(high)} height={Math.max(0.5, y(low) - y(high))} fill={gradient.fill(color, style.gradientMode)}
              fillOpacity={(style.fillOpacity ?? 80) / 100 * (series.length > 1 && !list ? 0.7 : 1)} stroke={color} strokeWidth={style.lineWidth ?? 1} />
          );
        }))}
        {gradient.defs()}
        <g fontSize={12} fill={theme.colors.text.primary} fontFamily={theme.typography.fontFamily} textAnchor="middle">
          {[...edges, to].map((edge, i) => (i % every === 0 ? <text key={i} x={Math.min(width - textWidth(xText(edge)) / 2, Math.max(textWidth(xText(edge)) / 2, x(edge)))} y={box.top + box.height + 16}>{xText(edge)}</text> : null))}
        </g>
      </svg>
      {hover && (
        <Tip at={hover} head={`${xText(edges[hover.bucket])} – ${xText(edges[hover.bucket] + size)}`}
          items={series.map(({ name, color }, s) => ({ label: name, color, value: String(counts[s]?.[hover.bucket] ?? 0) }))} />
      )}
    </>
  );
}
