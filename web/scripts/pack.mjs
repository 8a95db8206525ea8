// After the build: every text asset as NAME.br (quality 11) without its original. The server sends them as they lie.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';

const TEXT = new Set(['.js', '.css', '.svg', '.html']);
const dist = new URL('../dist', import.meta.url).pathname;

const files = (await readdir(dist, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
for (const entry of files) {
  const path = join(entry.parentPath, entry.name);
  if (TEXT.has(extname(path))) {
    const text = await readFile(path);
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: text.length };
    await writeFile(`${path}.br`, brotliCompressSync(text, { params }));
    await rm(path);
  }
}
console.log(`packed ${files.length} files`);
