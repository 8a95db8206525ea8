// States over time, a row each: as spans (state timeline) or as columns at each time (status history).
import { useCallback, useMemo, useState } from 'react';
import { dateTimeFormat, type Field, FieldType, formattedValueToString, type GrafanaTheme2, type PanelProps } from '@grafana/data';
import { AxisPlacement, type OptionsWithLegend, type OptionsWithTooltip, ScaleDirection, ScaleOrientation } from '@grafana/schema';
import { Pagination, type UPlotConfigBuilder, useTheme2, VizLayout } from '@grafana/ui';
import type uPlot from 'uplot';
import { cut, FONT } from '../kit/Axis';
import { textOf } from '../kit/frame';
import { legendOf, type LegendItem } from '../kit/legend';
import { Figure, NoData, panel } from '../kit/Panel';
import { TimeCanvas } from '../kit/TimeCanvas';
import { Tip } from '../kit/Tip';
import { columns, type Lane, lanes, type Span, spans } from './spans';

export interface StateOptions extends OptionsWithLegend, OptionsWithTooltip {
  rowHeight: number;
  showValue: 'auto' | 'always' | 'never';
  mergeValues?: boolean;
  alignValue?: 'left' | 'center' | 'right';
  colWidth?: number;
  perPage?: number;
}

interface Row extends Lane { spans: Span[]; color: (value: unknown) => string }

export const StateTimelinePanel = panel<StateOptions>((props: PanelProps<StateOptions>) => <States {...props} kind="timeline" />);
export const StatusHistoryPanel = panel<StateOptions>((props: PanelProps<StateOptions>) => <States {...props} kind="history" />);

function States(props: PanelProps<StateOptions> & { kind: 'timeline' | 'history' }) {
  const theme = useTheme2();
  const { kind, data, options, width, height, title, timeRange, timeZone, onChangeTimeRange } = props;
  const [page, setPage] = useState(1);
  const end = timeRange.to.valueOf();
  const start = timeRange.from.valueOf();
  const all = useMemo<Row[]>(() => lanes(data.series).map((lane) => {
    const { field, time } = lane;
    const colorOf = colors(field, theme);
    const list = kind === 'timeline'
      ? spans(time.values, field.values, end, options.mergeValues !== false, field.config.custom?.spanNulls ?? false, (a, b) => a === b || (field.type === FieldType.number && textOf(field, a) === textOf(field, b) && colorOf(a) === colorOf(b)))
      : columns(time.values, field.values, options.colWidth ?? 0.9, (end - start) / 24);
    return { ...lane, spans: list, color: colorOf };
  }), [data.series, theme, kind, start, end, options.mergeValues, options.colWidth]);
  const per = options.perPage && options.perPage > 0 ? options.perPage : 20;
  const pages = Math.ceil(all.length / per);
  const now = Math.min(page, Math.max(1, pages));
  const shown = useMemo(() => all.slice((now - 1) * per, now * per), [all, now, per]);
  const look = { rowHeight: options.rowHeight ?? 0.9, text: options.showValue ?? 'auto', align: kind === 'timeline' ? options.alignValue ?? 'left' : 'center' };
  const draw = useCallback((u: uPlot) => drawRows(u, shown, look, theme), [shown, look.rowHeight, look.text, look.align, theme]);
  if (all.length === 0) {
    return <NoData title={title} frames={data.series} needs="a time field and at least one field with states" noValue={props.fieldConfig?.defaults?.noValue} />;
  }
  const items = legendItems(all);
  const legend = legendOf(items, options.legend, true);
  const pager = pages > 1 ? 32 : 0;
  return (
    <Figure label={said(title, kind, all)} width={width} height={height}>
      <VizLayout width={width} height={height - pager} legend={legend}>
        {(w, h) => (
          <TimeCanvas<{ row: Row; span: Span }> width={w} height={h} timeRange={timeRange} timeZone={timeZone} axes={[shown, w, h]} draw={draw}
            configure={(builder) => axis(builder, shown, w, h, theme)} annotations={data.annotations} onZoom={onChangeTimeRange}
            pick={(u, left, top) => {
              const row = shown[Math.floor((top / (u.bbox.height / devicePixelRatio)) * shown.length)];
              const time = u.posToVal(left, 'x');
              const span = row?.spans.find((one) => one.from <= time && time < one.to);
              return span ? { row, span } : null;
            }}
            tip={options.tooltip?.mode === 'none' ? undefined : ({ row, span }, at) => (
              <Tip at={at}
                head={kind === 'history' ? dateTimeFormat(row.time.values[span.index], { timeZone }) : `${dateTimeFormat(span.from, { timeZone })} – ${dateTimeFormat(span.to, { timeZone })}`}
                items={[{ label: row.name, value: textOf(row.field, span.value), color: row.color(span.value) }, ...(kind === 'timeline' ? [{ label: 'Duration', value: duration(span.to - span.from) }] : [])]} />
            )} />
        )}
      </VizLayout>
      {pages > 1 && <div style={{ display: 'flex', justifyContent: 'center', height: pager }}><Pagination currentPage={now} numberOfPages={pages} onNavigate={setPage} /></div>}
    </Figure>
  );
}

/** Colour of a value: its mapping's or threshold's; plain texts each have one of the palette. */
function colors(field: Field, theme: GrafanaTheme2): (value: unknown) => string {
  const mode = field.config.color?.mode ?? '';
  const mapped = (field.config.mappings ?? []).length > 0;
  const palette = theme.visualization.palette;
  if (field.type === FieldType.string && !mapped && mode !== 'fixed') {
    const known = [...new Set(field.values.filter((v) => v != null).map(String))].sort();
    return (value) => theme.visualization.getColorByName(palette[Math.max(0, known.indexOf(String(value))) % palette.length]);
  }
  return (value) => field.display!(value).color ?? theme.colors.text.secondary;
}

function legendItems(all: Row[]): LegendItem[] {
  const first = all[0].field;
  const steps = first.config.thresholds?.steps ?? [];
  if (first.type === FieldType.number && first.config.color?.mode === 'thresholds' && !(first.config.mappings ?? []).length && steps.length > 1) {
    return steps.map((step, i) => ({
      label: i === 0 ? `< ${textOf(first, steps[1].value)}` : `≥ ${textOf(first, step.value)}`, color: first.display!(i === 0 ? -Infinity : step.value).color ?? step.color,
    }));
  }
  const found = new Map<string, string>();
  for (const row of all) {
    for (const span of row.spans) {
      const text = textOf(row.field, span.value);
      if (found.size < 20 && text !== '') {
        found.set(text, row.color(span.value));
      }
    }
  }
  return found.size < 20 ? [...found].map(([label, color]) => ({ label, color })) : [];
}

function said(title: string, kind: string, all: Row[]): string {
  const last = all.slice(0, 6).map((row) => `${row.name} ${row.spans.length ? textOf(row.field, row.spans[row.spans.length - 1].value) : 'no state'}`);
  return `${title ? `${title}: ` : ''}${kind === 'timeline' ? 'state timeline' : 'status history'}, last states: ${last.join(', ')}${all.length > 6 ? ` and ${all.length - 6} more` : ''}`;
}

function axis(builder: UPlotConfigBuilder, shown: Row[], width: number, height: number, theme: GrafanaTheme2) {
  const every = Math.max(1, Math.ceil((shown.length * 15) / Math.max(15, height - 30)));
  const hidden = shown[0]?.field.config.custom?.axisPlacement === 'hidden';
  builder.addScale({ scaleKey: 'y', orientation: ScaleOrientation.Vertical, direction: ScaleDirection.Down, range: () => [0, shown.length] });
  builder.addAxis({
    scaleKey: 'y', placement: hidden ? AxisPlacement.Hidden : AxisPlacement.Left, theme, grid: { show: false }, ticks: { show: false },
    splits: () => shown.map((_, i) => i + 0.5), values: (_u, at) => at.map((v) => (Math.floor(v) % every === 0 ? cut(shown[Math.floor(v)]?.name ?? '', width * 0.3) : '')),
  });
  builder.addSeries({ scaleKey: 'y', theme, pathBuilder: () => null, pointsFilter: () => [] } as never);
}

function drawRows(u: uPlot, shown: Row[], look: { rowHeight: number; text: string; align: string }, theme: GrafanaTheme2) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  const lane = bbox.height / Math.max(1, shown.length);
  const tall = Math.max(1, lane * Math.min(1, Math.max(0.05, look.rowHeight)));
  ctx.font = `${FONT * ratio}px ${theme.typography.fontFamily}`;
  ctx.textBaseline = 'middle';
  shown.forEach((row, r) => {
    const top = bbox.top + lane * r + (lane - tall) / 2;
    const custom = row.field.config.custom ?? {};
    for (const span of row.spans) {
      const left = Math.max(bbox.left - 2, u.valToPos(span.from, 'x', true));
      const right = Math.min(bbox.left + bbox.width + 2, u.valToPos(span.to, 'x', true));
      if (right <= bbox.left || left >= bbox.left + bbox.width) {
        continue;
      }
      const wide = Math.max(1, right - left);
      const color = row.color(span.value);
      ctx.globalAlpha = (custom.fillOpacity ?? 70) / 100;
      ctx.fillStyle = color;
      ctx.fillRect(left, top, wide, tall);
      ctx.globalAlpha = 1;
      if (custom.lineWidth > 0 && wide > 3) {
        ctx.strokeStyle = color;
        ctx.lineWidth = custom.lineWidth * ratio;
        ctx.strokeRect(left + ctx.lineWidth / 2, top + ctx.lineWidth / 2, wide - ctx.lineWidth, tall - ctx.lineWidth);
      }
      if (look.text === 'never' || tall < 14 * ratio || (wide < 16 * ratio && look.text !== 'always')) {
        continue;
      }
      const words = textOf(row.field, span.value);
      const measured = ctx.measureText(words).width;
      if (measured > wide - 8 * ratio && look.text !== 'always') {
        continue;
      }
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, top, wide, tall);
      ctx.clip();
      ctx.fillStyle = theme.colors.getContrastText(mixed(color, theme, (custom.fillOpacity ?? 70) / 100));
      ctx.textAlign = look.align as CanvasTextAlign;
      const pad = 5 * ratio;
      ctx.fillText(words, look.align === 'left' ? Math.max(left, bbox.left) + pad : look.align === 'right' ? right - pad : (left + right) / 2, top + tall / 2);
      ctx.restore();
    }
  });
}

/** What a half clear colour looks like on the panel: its text must be read on that. */
function mixed(color: string, theme: GrafanaTheme2, alpha: number): string {
  const parse = (text: string) => {
    const hex = /^#([0-9a-f]{6})/i.exec(text);
    return hex ? [0, 2, 4].map((i) => parseInt(hex[1].slice(i, i + 2), 16)) : (text.match(/[\d.]+/g) ?? ['0', '0', '0']).slice(0, 3).map(Number);
  };
  const [over, under] = [parse(color), parse(theme.colors.background.primary)];
  return `rgb(${over.map((v, i) => Math.round(v * alpha + under[i] * (1 - alpha))).join(', ')})`;
}

function duration(ms: number): string {
  const parts: string[] = [];
  for (const [name, size] of [['d', 864e5], ['h', 36e5], ['min', 6e4], ['s', 1e3]] as const) {
    const n = Math.floor(ms / size);
    if (n > 0 && parts.length < 2) {
      parts.push(`${n} ${name}`);
    }
    ms -= n * size;
  }
  return parts.join(' ') || formattedValueToString({ text: String(Math.round(ms)), suffix: ' ms' });
}

