// The registry of panel types: those of src/panels, and for every other type one that says so.
import { PanelPlugin, PluginType } from '@grafana/data';
import { setPluginImportUtils } from '@grafana/runtime';
import type { Spec, unsupported as unsupportedOptions } from '../panels';
import { UnsupportedPanel } from './UnsupportedPanel';

type Plugins = Record<string, PanelPlugin>;
type Module = typeof import('../panels');

let module: Module | undefined;
let loaded: Plugins | undefined;
const unsupported: Plugins = {};

/** Panels draw at once only when their plug-ins are here, so a page that shows some awaits this first. */
export async function loadPanels(): Promise<Plugins> {
  if (!loaded) {
    module = await import('../panels');
    loaded = module.panels;
    for (const [id, plugin] of Object.entries(loaded)) {
      plugin.meta = { ...plugin.meta, ...metaOf(id) };
    }
  }
  return loaded;
}

export const isKnownPanel = (id: string) => loaded !== undefined && id in loaded;

export function registerPanels() {
  setPluginImportUtils({
    importPanelPlugin: async (id) => (await loadPanels())[id] ?? unsupportedPlugin(id),
    getPanelPluginFromCache: (id) => loaded?.[id] ?? (loaded ? unsupportedPlugin(id) : undefined),
  });
}

function unsupportedPlugin(id: string): PanelPlugin {
  if (!unsupported[id]) {
    unsupported[id] = new PanelPlugin(UnsupportedPanel).useFieldConfig();
    unsupported[id].meta = metaOf(id);
  }
  return unsupported[id];
}

function metaOf(id: string): PanelPlugin['meta'] {
  return {
    id,
    name: id,
    type: PluginType.panel,
    module: '',
    baseUrl: '',
    sort: 100,
    skipDataQuery: id === 'text',
    info: {
      author: { name: 'Millrace' },
      description: '',
      links: [],
      logos: { large: '', small: '' },
      updated: '',
      version: '',
      screenshots: [],
    },
  };
}

/** What a panel's options ask for and the page does not draw, as it stands in the file. */
export const notDrawn: typeof unsupportedOptions = (...asked) => module?.unsupported(...asked) ?? [];

/** The options of a type and of its fields, as data. */
export const optionsOf = (id: string): Spec[] => module?.optionSpecs[id] ?? [];
export const fieldOptionsOf = (id: string): Spec[] => module?.fieldSpecs[id] ?? [];

/** The types that a panel can be given, once the panels are loaded. */
export const knownPanels = () => Object.keys(loaded ?? {}).sort();
