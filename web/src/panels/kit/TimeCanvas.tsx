// A plot over time of which a panel draws the inside: Grafana's time axis, zoom and shared cursor, our cells.
import { type ReactNode, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { type AbsoluteTimeRange, DashboardCursorSync, type DataFrame, type TimeRange, type TimeZone } from '@grafana/data';
import { AxisPlacement, ScaleDirection, ScaleOrientation } from '@grafana/schema';
import { UPlotChart, UPlotConfigBuilder, usePanelContext, useTheme2 } from '@grafana/ui';
import type uPlot from 'uplot';
import { Annotations } from './Annotations';
import { TIME_PADDING } from './padding';
import type { TipAt } from './Tip';

const ZOOM_LEAST_PX = 5;

interface Props<Hit> {
  width: number;
  height: number;
  timeRange: TimeRange;
  timeZone: TimeZone;
  /** When this changes the axes are made anew. */
  axes: unknown[];
  configure: (builder: UPlotConfigBuilder) => void;
  draw: (u: uPlot) => void;
  /** What is under the cursor, in CSS pixels of the plot's inside. */
  pick: (u: uPlot, left: number, top: number) => Hit | null;
  tip?: (hit: Hit, at: TipAt) => ReactNode;
  onHover?: (hit: Hit | null) => void;
  onZoom?: (range: AbsoluteTimeRange) => void;
  annotations?: DataFrame[];
  gridX?: boolean;
}

export function TimeCanvas<Hit>(props: Props<Hit>) {
  const theme = useTheme2();
  const context = usePanelContext();
  const sync = context.sync?.() ?? DashboardCursorSync.Off;
  const latest = useRef(props);
  latest.current = props;
  const plot = useRef<uPlot | null>(null);
  const [hover, setHover] = useState<{ hit: Hit; at: TipAt } | null>(null);

  const config = useMemo(() => {
    const builder = new UPlotConfigBuilder(props.timeZone);
    builder.addScale({
      scaleKey: 'x', isTime: true, orientation: ScaleOrientation.Horizontal, direction: ScaleDirection.Right,
      range: () => [latest.current.timeRange.from.valueOf(), latest.current.timeRange.to.valueOf()],
    });
    builder.addAxis({ scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, timeZone: props.timeZone, theme, grid: { show: props.gridX ?? false } });
    builder.setPadding(TIME_PADDING);
    latest.current.configure(builder);
    builder.setCursor({
      points: { show: false }, x: true, y: false, focus: { prox: 1e6 },
      ...(sync !== DashboardCursorSync.Off && { sync: { key: context.eventsScope, scales: ['x', null] } }),
    } as uPlot.Cursor);
    builder.addHook('draw', (u) => {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      latest.current.draw(u);
      ctx.restore();
    });
    builder.addHook('setCursor', (u) => {
      const { left = -1, top = -1, event } = u.cursor;
      // A cursor that another plot moves has no event: it shows a box only where the dashboard shares boxes too.
      const silent = event == null && sync !== DashboardCursorSync.Tooltip;
      const hit = left < 0 || top < 0 || silent ? null : latest.current.pick(u, left, top);
      latest.current.onHover?.(hit);
      setHover(hit === null ? null : { hit, at: { x: u.rect.left + left, y: u.rect.top + top } });
    });
    builder.addHook('setSelect', (u) => {
      const { left, width } = u.select;
      if (width >= ZOOM_LEAST_PX && u.cursor.event != null) {
        latest.current.onZoom?.({ from: Math.round(u.posToVal(left, 'x')), to: Math.round(u.posToVal(left + width, 'x')) });
      }
      u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    });
    return builder;
  }, [theme, props.timeZone, sync, context.eventsScope, ...props.axes]);

  const from = props.timeRange.from.valueOf();
  const to = props.timeRange.to.valueOf();
  const data = useMemo(() => [[from, to], [null, null]] as uPlot.AlignedData, [from, to, props.draw]);
  useLayoutEffect(() => {
    plot.current?.redraw(false, true);
  }, [props.draw]);

  return (
    <>
      <UPlotChart config={config} data={data} width={props.width} height={props.height} plotRef={(u) => (plot.current = u)}>
        <Annotations config={config} frames={props.annotations} timeZone={props.timeZone} />
      </UPlotChart>
      {hover && props.tip?.(hover.hit, hover.at)}
    </>
  );
}
