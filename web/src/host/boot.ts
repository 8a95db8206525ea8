// What Grafana's libraries read from `window` while they are imported. Runs before any of them.

/** Below which path the page stands, without its last slash: '' or '/prefix'. */
export const prefix = new URL(document.baseURI).pathname.replace(/\/$/, '');

export const pathBelow = () => location.pathname.slice(prefix.length);

Object.assign(window, {
  // Zod tries whether it may make functions of text; the page's policy refuses that, and browsers report the try.
  __zod_globalConfig: { jitless: true },
  __grafana_public_path__: `${prefix}/public/`,
  grafanaBootData: {
    settings: {
      appSubUrl: prefix,
      buildInfo: { version: '13.2.2', commit: '', env: 'production', edition: 'Open Source' },
      dateFormats: undefined,
      defaultDatasource: 'millrace',
      featureToggles: {},
      datasources: {},
      panels: {},
    },
    user: { timezone: 'browser', locale: navigator.language, weekStart: 'browser', theme: 'dark', orgRole: 'Viewer' },
    navTree: [],
  },
});
