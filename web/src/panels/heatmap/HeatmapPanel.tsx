// How often, or how much, over time and value: cells with colours, and the scale of the colours below.
import { useCallback, useMemo, useState } from 'react';
import { colorManipulator, dateTimeFormat, formattedValueToString, getValueFormat, type PanelProps } from '@grafana/data';
import { AxisPlacement, type AxisConfig, ScaleDirection, ScaleDistribution, ScaleOrientation } from '@grafana/schema';
import { type UPlotConfigBuilder, useTheme2, VizLayout } from '@grafana/ui';
import type uPlot from 'uplot';
import { textOf } from '../kit/frame';
import { Figure, Message, NoData, panel } from '../kit/Panel';
import { TimeCanvas } from '../kit/TimeCanvas';
import { Tip } from '../kit/Tip';
import { type Buckets, calculated, fromRows, type Grid, rowOf, shown, spread } from './grid';
import { opacityRamp, ramp } from './ramps';

export interface HeatmapOptions {
  calculate?: boolean;
  calculation?: { xBuckets?: Buckets; yBuckets?: Buckets };
  rowsFrame?: { layout?: string; value?: string };
  color?: { mode?: 'scheme' | 'opacity'; scheme?: string; fill?: string; scale?: string; exponent?: number; steps?: number; reverse?: boolean; min?: number; max?: number };
  cellGap?: number;
  cellRadius?: number;
  cellValues?: { unit?: string; decimals?: number };
  showValue?: 'auto' | 'never' | 'always';
  filterValues?: { le?: number; ge?: number };
  yAxis?: AxisConfig & { unit?: string; decimals?: number; min?: number; max?: number; reverse?: boolean };
  legend?: { show?: boolean };
  tooltip?: { mode?: string; show?: boolean };
}

interface Hit { x: number; y: number; value: number | null }

export const HeatmapPanel = panel<HeatmapOptions>((props: PanelProps<HeatmapOptions>) => {
  const theme = useTheme2();
  const { data, options, width, height, title, timeRange, timeZone, onChangeTimeRange } = props;
  const [hover, setHover] = useState<number | null>(null);
  const grid = useMemo(
    () => options.calculate
      ? calculated(data.series, options.calculation?.xBuckets, options.calculation?.yBuckets, { from: timeRange.from.valueOf(), to: timeRange.to.valueOf() })
      : fromRows(data.series, options.rowsFrame?.layout, (timeRange.to.valueOf() - timeRange.from.valueOf()) / 48),
    [data.series, options.calculate, options.calculation, options.rowsFrame?.layout, timeRange],
  );
  const hide = options.filterValues ?? { le: 1e-9 };
  const ends = useMemo(() => grid && spread(grid, hide), [grid, hide.le, hide.ge]);
  const colors = useMemo(() => {
    const { mode, scheme = 'Oranges', fill = 'dark-orange', scale, exponent = 0.5, steps = 64, reverse = false } = options.color ?? {};
    if (mode === 'opacity') {
      const { values } = colorManipulator.decomposeColor(colorManipulator.asHexString(theme.visualization.getColorByName(fill)));
      return opacityRamp([values[0], values[1], values[2]], steps, scale === 'linear' ? 1 : exponent);
    }
    return ramp(scheme, steps, theme.isDark, reverse);
  }, [options.color, theme]);
  const [low, high] = [options.color?.min ?? ends?.[0] ?? 0, options.color?.max ?? ends?.[1] ?? 1];
  const colorOf = useCallback(
    (value: number) => colors[Math.min(colors.length - 1, Math.max(0, Math.floor(high > low ? ((value - low) / (high - low)) * colors.length : colors.length)))],
    [colors, low, high],
  );
  const cellText = useCallback((value: number | null) => {
    if (value === null) {
      return '–';
    }
    const { unit, decimals } = options.cellValues ?? {};
    return unit || !grid?.cell ? formattedValueToString(getValueFormat(unit ?? 'short')(value, decimals)) : textOf(grid.cell, value);
  }, [options.cellValues, grid]);
  const yText = useCallback((value: number) => {
    const { unit, decimals } = options.yAxis ?? {};
    return unit || !grid?.y ? formattedValueToString(getValueFormat(unit ?? 'short')(value, decimals)) : textOf(grid.y, value);
  }, [options.yAxis, grid]);
  const draw = useCallback((u: uPlot) => {
    if (grid) {
      drawCells(u, grid, { gap: options.cellGap ?? 1, radius: options.cellRadius ?? 0, hide, colorOf, text: options.showValue === 'never' ? null : cellText, always: options.showValue === 'always', font: theme.typography.fontFamily, ink: (color) => theme.colors.getContrastText(color) });
    }
  }, [grid, options.cellGap, options.cellRadius, options.showValue, hide.le, hide.ge, colorOf, cellText, theme]);

  if (grid && !ends) {
    return <Message title={title} head="No data" body={`No cell has a value that is shown; values ${hide.le != null ? `up to ${hide.le}` : ''}${hide.le != null && hide.ge != null ? ' and ' : ''}${hide.ge != null ? `from ${hide.ge}` : ''} are hidden.`} />;
  }
  if (!grid || !ends) {
    const needs = options.calculate ? 'a time field and a number field' : 'a time field and one number field for each bucket, or "calculate from data" switched on';
    return <NoData title={title} frames={data.series} needs={needs} noValue={props.fieldConfig?.defaults?.noValue} />;
  }
  const rowText = (y: number) => grid.names?.[y] ?? `${yText(grid.edges[y])} – ${yText(grid.edges[y + 1])}`;
  const legend = options.legend?.show !== false && height > 100
    ? <VizLayout.Legend placement="bottom"><Scale colors={colors} low={low} high={high} text={cellText} at={hover} /></VizLayout.Legend>
    : null;
  return (
    <Figure label={`${title ? `${title}: ` : ''}heatmap of ${grid.xs.length} times and ${grid.edges.length - 1} buckets, cells from ${cellText(ends[0])} to ${cellText(ends[1])}`} width={width} height={height}>
      <VizLayout width={width} height={height} legend={legend}>
        {(w, h) => (
          <TimeCanvas<Hit> width={w} height={h} timeRange={timeRange} timeZone={timeZone} axes={[grid, options.yAxis, w, h]}
            configure={(builder) => yAxis(builder, grid, options, theme, yText, w, h)} draw={draw} annotations={data.annotations} onZoom={onChangeTimeRange}
            pick={(u, left, top) => pickCell(u, grid, left, top)}
            onHover={(hit) => setHover(hit?.value ?? null)}
            tip={options.tooltip?.mode === 'none' || options.tooltip?.show === false ? undefined : (hit, at) => (
              <Tip at={at} head={`${dateTimeFormat(grid.xs[hit.x], { timeZone })} – ${dateTimeFormat(grid.xs[hit.x] + grid.xSize, { timeZone })}`}
                items={[
                  { label: 'Bucket', value: rowText(hit.y) },
                  { label: grid.cell ? 'Value' : 'Count', value: cellText(hit.value), color: hit.value !== null ? colorOf(hit.value) : undefined },
                ]} />
            )} />
        )}
      </VizLayout>
    </Figure>
  );
});

function yAxis(builder: UPlotConfigBuilder, grid: Grid, options: HeatmapOptions, theme: ReturnType<typeof useTheme2>, text: (v: number) => string, width: number, height: number) {
  const axis = options.yAxis ?? {};
  const last = grid.edges.length - 1;
  const bottom = grid.names ? 0 : axis.min ?? grid.edges[0];
  const top = grid.names ? last : axis.max ?? grid.edges[last];
  builder.addScale({
    scaleKey: 'y', orientation: ScaleOrientation.Vertical, direction: axis.reverse ? ScaleDirection.Down : ScaleDirection.Up,
    distribution: grid.log ? ScaleDistribution.Log : ScaleDistribution.Linear, log: grid.log ?? undefined, range: () => [bottom, top],
  });
  const every = Math.max(1, Math.ceil((last * 18) / Math.max(40, height - 30)));
  const longest = Math.max(4, Math.floor(width / 3 / 7));
  builder.addAxis({
    scaleKey: 'y', placement: axis.axisPlacement ?? AxisPlacement.Left, label: axis.axisLabel, theme, grid: { show: false },
    size: axis.axisWidth,
    ...(grid.names
      ? { splits: () => grid.names!.map((_, i) => i + 0.5), values: (_u: uPlot, at: number[]) => at.map((v, i) => (i % every === 0 ? cut(grid.names![Math.floor(v)] ?? '', longest) : '')) }
      : { formatValue: (v: number) => text(v) }),
  });
  builder.addSeries({ scaleKey: 'y', theme, show: true, pathBuilder: () => null, pointsFilter: () => [] } as never);
}

const cut = (text: string, most: number) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function pickCell(u: uPlot, grid: Grid, left: number, top: number): Hit | null {
  const time = u.posToVal(left, 'x');
  const y = rowOf(grid.edges, u.posToVal(top, 'y'));
  let [from, to] = [0, grid.xs.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (grid.xs[middle] <= time) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  const x = from - 1;
  return x < 0 || y < 0 || time >= grid.xs[x] + grid.xSize ? null : { x, y, value: grid.values[x][y] };
}

interface Look { gap: number; radius: number; hide: { le?: number; ge?: number }; colorOf: (v: number) => string; text: ((v: number) => string) | null; always: boolean; font: string; ink: (color: string) => string }

function drawCells(u: uPlot, grid: Grid, look: Look) {
  const { ctx } = u;
  const ratio = devicePixelRatio;
  const gap = look.gap * ratio;
  const rows = grid.edges.map((edge) => u.valToPos(edge, 'y', true));
  ctx.font = `${11 * ratio}px ${look.font}`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  grid.xs.forEach((start, x) => {
    const left = Math.round(u.valToPos(start, 'x', true));
    const right = Math.round(u.valToPos(start + grid.xSize, 'x', true));
    if (right < u.bbox.left || left > u.bbox.left + u.bbox.width) {
      return;
    }
    grid.values[x].forEach((value, y) => {
      if (!shown(value, look.hide)) {
        return;
      }
      const [top, bottom] = [Math.round(Math.min(rows[y], rows[y + 1])), Math.round(Math.max(rows[y], rows[y + 1]))];
      const [w, h] = [Math.max(1, right - left - gap), Math.max(1, bottom - top - gap)];
      const color = look.colorOf(value!);
      ctx.fillStyle = color;
      if (look.radius > 0) {
        ctx.beginPath();
        ctx.roundRect(left, top, w, h, Math.min(look.radius * ratio, w / 2, h / 2));
        ctx.fill();
      } else {
        ctx.fillRect(left, top, w, h);
      }
      if (look.text && h > 14 * ratio && (look.always || w > 22 * ratio)) {
        const words = look.text(value!);
        if (look.always || ctx.measureText(words).width < w - 8 * ratio) {
          ctx.fillStyle = color.startsWith('rgba') ? '#fff' : look.ink(color);
          ctx.fillText(words, left + w / 2, top + h / 2);
        }
      }
    });
  });
}

const END = { whiteSpace: 'nowrap', overflow: 'hidden', textOverflow: 'ellipsis', maxWidth: '35%' } as const;

function Scale({ colors, low, high, text, at }: { colors: string[]; low: number; high: number; text: (v: number) => string; at: number | null }) {
  const theme = useTheme2();
  const share = at !== null && high > low ? Math.min(1, Math.max(0, (at - low) / (high - low))) : null;
  return (
    <div style={{ display: 'flex', alignItems: 'center', gap: 8, padding: '2px 8px 4px', fontSize: 12, color: theme.colors.text.secondary }}>
      <span style={END}>{text(low)}</span>
      <div style={{ position: 'relative', height: 8, flex: '0 1 240px', borderRadius: 2, background: `linear-gradient(90deg, ${colors.join(', ')})` }}>
        {share !== null && <div style={{ position: 'absolute', left: `${share * 100}%`, top: -3, width: 2, height: 14, background: theme.colors.text.primary }} />}
      </div>
      <span style={END}>{text(high)}</span>
    </div>
  );
}
