// Lines, bars and points over time. Grafana's own plot does scales, axes, stacking and gaps; here is what stands around it:
// the frames it can draw, legend, hover box, shared cursor, zoom, annotations.
import { type ComponentProps, useCallback, useMemo } from 'react';
import { type DataFrame, DashboardCursorSync, EventBusSrv, type Field, type PanelProps, type TimeRange } from '@grafana/data';
import { GraphDrawStyle, type OptionsWithLegend, type OptionsWithTimezones, type OptionsWithTooltip, ScaleDistribution, StackingMode, TooltipDisplayMode } from '@grafana/schema';
import {
  Button, EventBusPlugin, getFieldDisplayLinks, KeyboardPlugin, PanelContextProvider, preparePlotFrame, TimeSeries, TooltipPlugin2,
  usePanelContext, useTheme2, XAxisInteractionAreaPlugin, ZoomPlugin,
} from '@grafana/ui';
import { Annotations } from '../kit/Annotations';
import { paletteOrder, summary } from '../kit/frame';
import { TIME_PADDING } from '../kit/padding';
import { Figure, NoData, panel } from '../kit/Panel';
import { SeriesTip } from '../kit/SeriesTip';
import { graphable, ownValues } from './graphable';

export interface TimeSeriesOptions extends OptionsWithLegend, OptionsWithTooltip, OptionsWithTimezones {}

type ScaleProps = Parameters<NonNullable<ComponentProps<typeof TimeSeries>['tweakScale']>>[0];

/** The plot listens on a bus by itself and would answer its own events; the shared cursor is EventBusPlugin's alone. */
const quiet = new EventBusSrv();
const LEGEND = { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] } as unknown as OptionsWithLegend['legend'];

/** The length of a bar and the height of a stack are the value, so their axis has its zero unless the file says otherwise. */
function fromZero(scale: ScaleProps, field: Field): ScaleProps {
  const { drawStyle, stacking, scaleDistribution } = field.config.custom ?? {};
  const whole = drawStyle === GraphDrawStyle.Bars || (stacking?.mode && stacking.mode !== StackingMode.None);
  return whole && (scaleDistribution?.type ?? ScaleDistribution.Linear) === ScaleDistribution.Linear ? { ...scale, softMin: scale.softMin ?? 0, softMax: scale.softMax ?? 0 } : scale;
}

export const TimeSeriesPanel = panel<TimeSeriesOptions>((props: PanelProps<TimeSeriesOptions>) => {
  const { data, options, width, height, title, timeRange, timeZone, onChangeTimeRange } = props;
  const theme = useTheme2();
  const context = usePanelContext();
  const frames = useMemo(() => {
    const drawn = graphable(data.series);
    const colored = paletteOrder(drawn.flatMap((frame) => frame.fields.slice(1)), theme, timeZone);
    let at = 0;
    return drawn.map((frame) => ({ ...frame, fields: [frame.fields[0], ...frame.fields.slice(1).map(() => colored[at++])] }));
    // A new range needs new frames: the plot draws again only then, and its gaps reach to the range's ends.
  }, [data.series, theme, timeZone, timeRange]);
  const inner = useMemo(() => ({ ...context, eventBus: quiet, sync: () => DashboardCursorSync.Off }), [context]);
  const zoom = useCallback(
    ({ from, to }: { from: number; to: number }) => onChangeTimeRange?.({ from: Math.round(from), to: Math.round(to) }),
    [onChangeTimeRange],
  );
  const legend = useMemo(() => ({ ...LEGEND, ...options.legend }), [options.legend]);
  if (frames.length === 0) {
    return <NoData title={title} frames={data.series} needs="a time field and a number field" noValue={props.fieldConfig?.defaults?.noValue} />;
  }
  const outside = outsideOf(frames, timeRange);
  const sync = context.sync?.() ?? DashboardCursorSync.Off;
  const mode = options.tooltip?.mode ?? TooltipDisplayMode.Single;
  const zones = options.timezone?.length ? options.timezone.map((zone) => zone || timeZone) : timeZone;
  return (
    <Figure label={summary(title, 'time series', frames)} width={width} height={height}>
      {outside && <Outside onZoom={() => zoom(outside)} />}
      <PanelContextProvider value={inner}>
        <TimeSeries frames={frames} structureRev={data.structureRev} width={width} height={height} timeRange={timeRange} timeZone={zones}
          legend={legend} options={options} tweakScale={fromZero}
          preparePlotFrame={(list, dims) => preparePlotFrame(ownValues(list), dims, timeRange)}>
          {(config, aligned) => {
            config.setPadding(TIME_PADDING);
            return (
            <>
              <KeyboardPlugin config={config} />
              {sync !== DashboardCursorSync.Off && <EventBusPlugin config={config} eventBus={context.eventBus} frame={aligned} />}
              <XAxisInteractionAreaPlugin config={config} queryZoom={zoom} />
              {mode === TooltipDisplayMode.None
                ? <ZoomPlugin config={config} onZoom={zoom} />
                : (
                  <TooltipPlugin2 config={config} hoverMode={mode === TooltipDisplayMode.Single ? 0 : 1} queryZoom={zoom}
                    clientZoom syncMode={sync} syncScope={context.eventsScope} maxWidth={options.tooltip?.maxWidth}
                    getDataLinks={(series, row) => (aligned.fields[series] ? getFieldDisplayLinks(aligned.fields[series], row) : [])}
                    render={(_u, dataIdxs, seriesIdx, isPinned, _dismiss, _range, viaSync, dataLinks) => (
                      <SeriesTip fields={aligned.fields} dataIdxs={dataIdxs} seriesIdx={seriesIdx} options={options.tooltip}
                        mode={viaSync ? TooltipDisplayMode.Multi : mode} isPinned={isPinned} dataLinks={dataLinks} />
                    )} />
                )}
              <Annotations config={config} frames={data.annotations} timeZone={timeZone} />
            </>
            );
          }}
        </TimeSeries>
      </PanelContextProvider>
    </Figure>
  );
});

/** Where the data is, if none of it is in the range that is shown: an empty plot alone would look like no data. */
function outsideOf(frames: DataFrame[], timeRange: TimeRange): { from: number; to: number } | null {
  let [first, last] = [Infinity, -Infinity];
  for (const { fields: [time], length } of frames) {
    first = Math.min(first, time.values[0]);
    last = Math.max(last, time.values[length - 1]);
  }
  const away = last < timeRange.from.valueOf() || first > timeRange.to.valueOf();
  return away && first <= last ? { from: first, to: Math.max(last, first + 60_000) } : null;
}

function Outside({ onZoom }: { onZoom: () => void }) {
  return (
    <div style={{ position: 'absolute', inset: 0, zIndex: 2, display: 'flex', flexWrap: 'wrap', alignContent: 'center', alignItems: 'center', justifyContent: 'center', gap: 4, fontSize: 12, textAlign: 'center', pointerEvents: 'none' }}>
      <span>Data is outside of the time range</span>
      <Button size="sm" variant="secondary" style={{ pointerEvents: 'auto' }} onClick={onZoom}>Zoom to data</Button>
    </div>
  );
}
