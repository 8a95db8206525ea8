// Each panel type with fixed data, for golden pictures: ?panel=CASE, w, h and data=HARD, all optional. The tests' pictures are taken of it.
import { useMemo, useState } from 'react';
import { applyFieldOverrides, dateTime, type DataFrame, EventBusSrv, type FieldConfigSource, getPanelOptionsWithDefaults, LoadingState, type PanelData } from '@grafana/data';
import { PanelChrome, PanelContextProvider, useTheme2 } from '@grafana/ui';
import { cases, hard, range } from './gallery/cases';
import { panels } from './index';

const bus = new EventBusSrv();

export default function Gallery() {
  const asked = new URLSearchParams(location.search);
  const names = asked.get('panel')?.split(',') ?? Object.keys(cases);
  const data = asked.get('data');
  const [width, height] = [Number(asked.get('w') ?? 600), Number(asked.get('h') ?? 320)];
  return (
    <div style={{ display: 'flex', flexWrap: 'wrap', gap: 8, padding: 8 }}>
      {names.filter((name) => cases[name]).map((name) => <One key={name} name={name} data={data} width={width} height={height} />)}
    </div>
  );
}

function One({ name, data, width, height }: { name: string; data: string | null; width: number; height: number }) {
  const theme = useTheme2();
  const ready = useMemo(() => {
    const one = cases[name]();
    const plugin = panels[one.type];
    const { options, fieldConfig } = getPanelOptionsWithDefaults({
      plugin, currentOptions: { ...one.options }, currentFieldConfig: { defaults: {}, overrides: [], ...one.fieldConfig } as FieldConfigSource, isAfterPluginChange: false,
    });
    const series: DataFrame[] = data && hard[data]
      ? data === 'bare' ? hard[data]() : applied(hard[data]())
      : applied(one.series);
    function applied(frames: DataFrame[]) {
      return applyFieldOverrides({ data: frames, fieldConfig, fieldConfigRegistry: plugin.fieldConfigRegistry, replaceVariables: (text) => text, theme, timeZone: 'utc' });
    }
    const answer: PanelData = { series, annotations: one.annotations, state: LoadingState.Done, timeRange: range, structureRev: 1 };
    return { one, plugin, options, fieldConfig, answer };
  }, [name, data, theme]);
  const [zoomed, setZoomed] = useState(range);
  const Component = ready.plugin.panel!;
  return (
    <div data-panel={name} style={{ width, height }}>
      <PanelContextProvider value={{ eventsScope: 'gallery', eventBus: bus }}>
        <PanelChrome title={ready.one.title} width={width} height={height}>
          {(innerWidth, innerHeight) => (
            <Component id={1} data={ready.answer} timeRange={zoomed} timeZone="utc" title={ready.one.title} transparent={false} width={innerWidth} height={innerHeight}
              options={ready.options} fieldConfig={ready.fieldConfig} renderCounter={0} eventBus={bus} replaceVariables={(text) => text}
              onOptionsChange={() => {}} onFieldConfigChange={() => {}} onChangeTimeRange={({ from, to }) => setZoomed({ from: dateTime(from), to: dateTime(to), raw: { from: dateTime(from), to: dateTime(to) } })} />
          )}
        </PanelChrome>
      </PanelContextProvider>
    </div>
  );
}
