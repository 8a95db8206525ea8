// How the page is built: relative URLs (the server puts its prefix into <base href>), hashed names, no inline script.
import react from '@vitejs/plugin-react';
import { cp } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const icons = here('node_modules/@grafana/ui/dist/public/img/icons');

/** Grafana's icons are fetched one by one, from the place that `host/boot.ts` names. */
function grafanaIcons(): Plugin {
  return {
    name: 'grafana-icons',
    async closeBundle() {
      await cp(icons, here('dist/public/build/img/icons'), { recursive: true });
    },
    configureServer(server) {
      server.middlewares.use((request, _response, next) => {
        const asked = request.url?.match(/\/public\/build\/img\/icons\/(.*)$/);
        if (asked) {
          request.url = `/node_modules/@grafana/ui/dist/public/img/icons/${asked[1]}`;
        }
        next();
      });
    },
  };
}

/** Parts of Grafana's kit that have a reason not to be here; each file says which. */
const replaced = [
  { id: './fonts.mjs', in: '/GlobalStyles/', by: here('src/host/noFonts.ts') },
  { id: './ReactMonacoEditorLazy.mjs', in: '/Monaco/', by: here('src/host/MonacoStandIn.tsx') },
];

function replacements(): Plugin {
  return {
    name: 'replacements',
    enforce: 'pre',
    resolveId: (id, importer) => replaced.find((part) => part.id === id && importer?.includes(part.in))?.by,
  };
}

export default defineConfig({
  base: './',
  plugins: [react(), replacements(), grafanaIcons()],
  resolve: {
    alias: {
      // CommonJS whose default Vite takes for the whole module: React then finds an object where a component stands.
      'react-custom-scrollbars-2': here('src/host/scrollbars.ts'),
    },
  },
  build: {
    target: 'es2022',
    sourcemap: false,
    manifest: true,
    chunkSizeWarningLimit: 4000,
    assetsInlineLimit: 0,
  },
  server: { proxy: { '/api': process.env.MILLRACE_URL ?? 'http://127.0.0.1:3000' } },
});
