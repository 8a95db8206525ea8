// The JavaScript that the first page loads, in KB of brotli, and the limit that it must keep.
// "First page" is all that a dashboard needs: the entry, the shell, the dashboard page, the panels, and what they import.
import { readFile, stat } from 'node:fs/promises';

const LIMIT_KB = 900;
const FIRST_PAGE = ['index.html', 'src/shell/start.tsx', 'src/dashboard/DashboardPage.tsx', 'src/panels/index.ts'];
const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(await readFile(new URL('.vite/manifest.json', dist), 'utf8'));

const files = new Set();
function take(name) {
  const chunk = manifest[name];
  if (chunk && !files.has(chunk.file)) {
    files.add(chunk.file);
    (chunk.imports ?? []).forEach(take);
  }
}
FIRST_PAGE.forEach(take);

let bytes = 0;
for (const file of files) {
  const { size } = await stat(new URL(`${file}.br`, dist));
  bytes += size;
  console.log(`${(size / 1000).toFixed(1).padStart(8)} KB  ${file}`);
}
console.log(`${(bytes / 1000).toFixed(1).padStart(8)} KB  first page, at most ${LIMIT_KB} KB`);
process.exit(bytes / 1000 > LIMIT_KB ? 1 : 0);
