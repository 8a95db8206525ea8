// The services that Grafana's libraries look up, filled before the first render.
import { EventBusSrv, locationUtil, type DataSourceInstanceSettings, type GrafanaConfig } from '@grafana/data';
import {
  config,
  setAppEvents,
  setDataSourceSrv,
  setPluginComponentsHook,
  setPluginLinksHook,
  setRunRequest,
  setTemplateSrv,
  type DataSourceSrv,
} from '@grafana/runtime';
import { initPluginTranslations } from '@grafana/i18n';
import { clickhouse, settings } from '../datasource/clickhouse';
import { nothing } from '../datasource/nothing';
import { fillFieldConfigRegistries } from './fieldConfig';
import { openOwnLinksInPlace } from './links';
import { registerPanels } from './panelPlugins';
import { runRequest } from './runRequest';
import { fillTransformers } from './transformers';

/** Every reference means the one ClickHouse of this server, but for Grafana's own built-in source of annotations. */
const sources: DataSourceSrv = {
  get: async (ref) => {
    const uid = typeof ref === 'string' ? ref : ref?.uid;
    const type = typeof ref === 'string' ? undefined : ref?.type;
    return uid === '-- Grafana --' || uid === 'grafana' || type === 'grafana' ? nothing : clickhouse;
  },
  getList: (filters) => {
    const wanted = filters?.pluginId ?? filters?.type;
    const takes = wanted === undefined || (Array.isArray(wanted) ? wanted.includes(settings.type) : wanted === settings.type);
    return takes ? [settings] : [];
  },
  getInstanceSettings: (): DataSourceInstanceSettings => settings,
  reload: async () => {},
  registerRuntimeDataSource: () => {},
};

export async function fillServices() {
  fillFieldConfigRegistries();
  fillTransformers();
  registerPanels();
  // Time and variables of a link are filled in by scenes, which knows them.
  locationUtil.initialize({
    config: config as unknown as GrafanaConfig,
    getTimeRangeForUrl: () => ({ from: 'now-6h', to: 'now' }),
    getVariablesUrlParams: () => ({}),
  });
  openOwnLinksInPlace();
  setAppEvents(new EventBusSrv());
  setRunRequest(runRequest as Parameters<typeof setRunRequest>[0]);
  setDataSourceSrv(sources);
  setTemplateSrv({ getVariables: () => [], replace: (text = '') => text, containsTemplate: () => false, updateTimeRange: () => {} });
  setPluginLinksHook(() => ({ isLoading: false, links: [] }));
  setPluginComponentsHook(() => ({ isLoading: false, components: [] }));
  // English stands in the sources, so there is nothing to load.
  await initPluginTranslations('grafana-scenes');
}
