// Tests run where the page runs: in a DOM, with what Grafana's libraries ask the window for.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'jsdom',
    // Grafana's libraries take a second to import, and each file would.
    isolate: false,
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/host/testing.ts'],
    server: { deps: { inline: [/@grafana\//, /react-custom-scrollbars-2/] } },
  },
});
