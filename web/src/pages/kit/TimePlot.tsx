// Lines over time, by Grafana's axes; the values below the cursor, else the last ones, stand in the legend.
import type { GrafanaTheme2 } from '@grafana/data';
import { AxisPlacement, GraphDrawStyle, LineInterpolation, ScaleDirection, ScaleOrientation, VisibilityMode } from '@grafana/schema';
import { UPlotChart, UPlotConfigBuilder, useStyles2, useTheme2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { useMemo, useRef, useState } from 'react';
import type uPlot from 'uplot';
import type { Span } from './ask';
import { useWidth } from './useWidth';
import { localTime } from './words';

export interface Line {
  name: string;
  values: Array<number | null>;
}

interface Props {
  /** What it shows, for those who do not see it. */
  label: string;
  span: Span;
  times: number[];
  lines: Line[];
  format: (value: number | null) => string;
  height?: number;
  /** Plots with the same key share their cursor. */
  cursor?: string;
  fill?: boolean;
  onZoom?: (span: Span) => void;
}

const COLORS = ['blue', 'orange', 'green', 'purple', 'red', 'yellow', 'light-blue', 'light-orange', 'light-green', 'light-purple', 'light-red', 'dark-yellow'];
const ZOOM_LEAST_PX = 6;

export function TimePlot({ label, span, times, lines, format, height = 150, cursor, fill = true, onZoom }: Props) {
  const styles = useStyles2(getStyles);
  const theme = useTheme2();
  const { place, width } = useWidth<HTMLDivElement>();
  const [hovered, setHovered] = useState<number | null>(null);
  const latest = useRef({ span, format, onZoom });
  latest.current = { span, format, onZoom };
  const names = lines.map((line) => line.name).join('\n');
  const colors = useMemo(() => lines.map((_, at) => theme.visualization.getColorByName(COLORS[at % COLORS.length])), [theme, names]); // eslint-disable-line react-hooks/exhaustive-deps

  const config = useMemo(() => {
    const builder = new UPlotConfigBuilder('browser');
    builder.addScale({ scaleKey: 'x', isTime: true, orientation: ScaleOrientation.Horizontal, direction: ScaleDirection.Right, range: () => [latest.current.span.from, latest.current.span.to] });
    builder.addScale({ scaleKey: 'y', orientation: ScaleOrientation.Vertical, direction: ScaleDirection.Up, softMin: 0 });
    builder.addAxis({ scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, timeZone: 'browser', theme, grid: { show: false } });
    builder.addAxis({ scaleKey: 'y', placement: AxisPlacement.Left, theme, formatValue: (value) => latest.current.format(Number(value)) });
    for (const color of colors) {
      builder.addSeries({
        scaleKey: 'y',
        theme,
        drawStyle: GraphDrawStyle.Line,
        lineInterpolation: LineInterpolation.Linear,
        lineColor: color,
        lineWidth: 1.5,
        fillOpacity: fill && colors.length === 1 ? 10 : 0,
        showPoints: VisibilityMode.Auto,
        pointSize: 3,
        pointColor: color,
        spanNulls: false,
      });
    }
    builder.setCursor({ y: false, ...(cursor && { sync: { key: cursor, scales: ['x', null] } }) } as uPlot.Cursor);
    builder.addHook('setCursor', (plot) => setHovered(plot.cursor.idx ?? null));
    builder.addHook('setSelect', (plot) => {
      const { left, width: wide } = plot.select;
      if (wide >= ZOOM_LEAST_PX && plot.cursor.event) {
        latest.current.onZoom?.({ from: Math.round(plot.posToVal(left, 'x')), to: Math.round(plot.posToVal(left + wide, 'x')) });
      }
      plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    });
    return builder;
  }, [theme, colors, cursor, fill]);

  // The range is read as the data is set, so that a span that moves moves the axis.
  const data = useMemo(() => [times, ...lines.map((line) => line.values)] as uPlot.AlignedData, [times, lines, span.from, span.to]); // eslint-disable-line react-hooks/exhaustive-deps
  const at = hovered !== null && hovered < times.length ? hovered : times.length - 1;
  return (
    <figure className={styles.figure} aria-label={`${label}: ${lines.map((line) => `${line.name} ${format(line.values.at(-1) ?? null)}`).join(', ')}`}>
      <figcaption className={styles.legend}>
        {lines.map((line, index) => (
          <span key={line.name} className={styles.entry}>
            <span className={styles.swatch} style={{ background: colors[index] }} />
            {line.name} <span className={styles.value}>{format(line.values[at] ?? null)}</span>
          </span>
        ))}
        {hovered !== null && times[at] !== undefined && <span className={styles.time}>{localTime(times[at])}</span>}
      </figcaption>
      <div ref={place} style={{ height }}>
        {width > 0 && <UPlotChart config={config} data={data} width={width} height={height} />}
      </div>
    </figure>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  figure: css({ margin: 0, minWidth: 0 }),
  legend: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(0, 2), fontSize: theme.typography.bodySmall.fontSize, color: theme.colors.text.secondary, minHeight: 20 }),
  entry: css({ display: 'inline-flex', alignItems: 'center', gap: theme.spacing(0.75) }),
  swatch: css({ width: 12, height: 3, borderRadius: 2 }),
  value: css({ color: theme.colors.text.primary, fontVariantNumeric: 'tabular-nums' }),
  time: css({ marginLeft: 'auto', fontVariantNumeric: 'tabular-nums' }),
});
