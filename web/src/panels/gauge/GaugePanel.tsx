// A value on a ring between min and max, with its thresholds as a thin band around it.
import { type FieldDisplay, formattedValueToString, type PanelProps, ThresholdsMode } from '@grafana/data';
import type { SingleStatBaseOptions } from '@grafana/schema';
import { calculateFontSize, Sparkline, useTheme2, VizRepeater } from '@grafana/ui';
import { Figure, NoData, panel } from '../kit/Panel';
import { hasRows, Linked, useValues, valuesSaid } from '../kit/values';
import { arcPath, bands, point, ring, share } from './arc';

export interface GaugeOptions extends SingleStatBaseOptions {
  shape: 'gauge' | 'circle';
  showThresholdMarkers: boolean;
  showThresholdLabels: boolean;
  barWidthFactor: number;
  barShape: 'flat' | 'rounded';
  sparkline: boolean;
  textMode: 'auto' | 'value_and_name' | 'value' | 'name' | 'none';
  sizing: 'auto' | 'manual';
  minVizWidth: number;
  minVizHeight: number;
}

export const GaugePanel = panel<GaugeOptions>((props: PanelProps<GaugeOptions>) => {
  const { options, width, height, title, renderCounter } = props;
  const values = useValues(props, options.sparkline !== false).filter((value) => !value.field.custom?.hideFrom?.viz);
  if (values.length === 0 || !hasRows(props)) {
    return <NoData title={title} frames={props.data.series} needs="a number field" noValue={props.fieldConfig?.defaults?.noValue} />;
  }
  const manual = options.sizing === 'manual';
  return (
    <Figure label={valuesSaid(title, values)} width={width} height={height}>
      <VizRepeater<FieldDisplay, object> getValues={() => values} getAlignmentFactors={() => ({})} source={values} width={width} height={height}
        renderCounter={renderCounter} autoGrid orientation={(options.orientation ?? 'auto') as never} itemSpacing={8}
        minVizWidth={manual ? options.minVizWidth : 75} minVizHeight={manual ? options.minVizHeight : 75}
        renderValue={({ value, width: w, height: h, count }) => (
          <Linked value={value}>{(open) => <One value={value} width={w} height={h} options={options} many={count > 1} onClick={open} />}</Linked>
        )} />
    </Figure>
  );
});

function One(props: { value: FieldDisplay; width: number; height: number; options: GaugeOptions; many: boolean; onClick?: React.MouseEventHandler<HTMLElement> }) {
  const theme = useTheme2();
  const { value, width, height, options, many, onClick } = props;
  const { display, field } = value;
  const mode = options.textMode ?? 'auto';
  const showName = mode === 'auto' ? many && height > 60 : mode === 'value_and_name' || mode === 'name';
  const name = showName ? display.title ?? value.name : '';
  const nameSize = name ? Math.min(options.text?.titleSize ?? 14, Math.max(10, height * 0.12)) : 0;
  const box = height - (name ? nameSize + 6 : 0);
  const marks = options.showThresholdMarkers !== false;
  const r = ring(width, box, options.shape ?? 'gauge', options.barWidthFactor ?? 0.5, marks);
  const percentage = field.thresholds?.mode === ThresholdsMode.Percentage;
  const min = field.min ?? 0;
  const max = field.max ?? 100;
  const band = bands(field.thresholds?.steps ?? [], percentage, min, max);
  const outer = r.radius + r.width / 2;
  const text = mode === 'name' || mode === 'none' ? '' : formattedValueToString(display);
  const room = (r.radius - r.width / 2) * 1.55;
  const size = options.text?.valueSize ?? Math.min(calculateFontSize(text || ' ', room, r.radius * 0.62, 1), 64);
  const filled = share(display.numeric, min, max);
  const color = display.color ?? theme.colors.text.primary;
  const [trendTop, trendHeight] = [r.cy + size * 0.6, Math.min(30, r.radius * 0.3)];
  const trend = options.sparkline !== false && value.sparkline && r.radius > 45 && trendTop + trendHeight <= r.cy + (r.radius - r.width / 2) * 0.95;
  return (
    <div onClick={onClick} style={{ width, height, position: 'relative', cursor: onClick ? 'pointer' : undefined }}>
      <svg width={width} height={height} aria-hidden style={{ display: 'block', overflow: 'visible' }}>
        <path d={arcPath(r, 0, 1)} fill="none" stroke={theme.colors.action.hover} strokeWidth={r.width} />
        {filled > 0 && <path d={arcPath(r, 0, filled)} fill="none" stroke={color} strokeWidth={r.width} strokeLinecap={options.barShape === 'rounded' ? 'round' : 'butt'} />}
        {marks && band.map((b, i) => (
          <path key={i} d={arcPath(r, b.from, b.to, outer + 4)} fill="none" stroke={theme.visualization.getColorByName(b.color)} strokeWidth={Math.max(2, outer * 0.04)} />
        ))}
        {options.showThresholdLabels && r.radius > 40 && band.filter((b) => b.from > 0).map((b, i) => {
          const [x, y] = point(r, r.radius - r.width / 2 - 8, r.from + r.sweep * b.from);
          return <text key={i} x={x} y={y} fontSize={10} fill={theme.colors.text.secondary} textAnchor="middle" dominantBaseline="middle">{percentage ? `${b.value}%` : b.value}</text>;
        })}
        {text && (
          <text x={r.cx} y={r.cy} fontSize={size} fontWeight={500} fill={theme.colors.text.primary} textAnchor="middle" dominantBaseline="central"
            fontFamily={theme.typography.fontFamily}>{text}</text>
        )}
        {name && (
          <text x={width / 2} y={Math.min(height - 4, r.bottom + nameSize + 4)} fontSize={nameSize} fill={theme.colors.text.secondary} textAnchor="middle">
            {clip(name, width, nameSize)}<title>{name}</title>
          </text>
        )}
      </svg>
      {trend && (
        <div style={{ position: 'absolute', left: r.cx - r.radius * 0.45, top: trendTop, pointerEvents: 'none' }} aria-hidden>
          <Sparkline theme={theme} width={r.radius * 0.9} height={trendHeight} sparkline={value.sparkline!}
            config={{ color: { mode: 'fixed', fixedColor: color }, custom: { fillOpacity: 0, lineWidth: 1 } }} />
        </div>
      )}
    </div>
  );
}

/** SVG text does not wrap or end in dots by itself. */
export function clip(text: string, width: number, size: number): string {
  const fits = Math.max(3, Math.floor(width / (size * 0.55)));
  return text.length > fits ? `${text.slice(0, fits - 1)}…` : text;
}
