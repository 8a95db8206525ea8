// Each panel type with fixed data against its picture. MILLRACE_WRITE_GOLDEN=1 makes the pictures anew.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { OPEN, assertQuiet, difference, newPage } from '../kit.mjs';

const MOST = 0.015;
const cases = [
  'timeseries', 'timeseries-stacked', 'stat', 'gauge', 'bargauge', 'table', 'barchart', 'piechart', 'heatmap', 'histogram',
  'state-timeline', 'status-history', 'text', 'logs', 'millrace-funnel-panel', 'millrace-retention-panel',
];
const writes = Boolean(process.env.MILLRACE_WRITE_GOLDEN);
let page;

for (const name of cases) {
  test(`${name} looks as it did`, async (t) => {
    page ??= await newPage();
    await page.goto(`${OPEN}/gallery?panel=${name}&w=600&h=320`);
    const one = page.locator(`[data-panel="${name}"]`);
    await one.locator('section').waitFor();
    await page.evaluate(() => document.fonts.ready);
    const shot = async () => one.screenshot({ animations: 'disabled', caret: 'hide' });
    // Drawn to its end: two pictures in a row are the same.
    let picture = await shot();
    for (let next = await shot(); !next.equals(picture); next = await shot()) {
      picture = next;
    }
    const file = fileURLToPath(new URL(`../golden/${name}.png`, import.meta.url));
    if (writes) {
      writeFileSync(file, picture);
      return;
    }
    assert.ok(existsSync(file), `${file} is missing`);
    const share = await difference(page, readFileSync(file), picture);
    t.diagnostic(`${(100 * share).toFixed(2)} % differ`);
    assert.ok(share <= MOST, `${(100 * share).toFixed(2)} % of the pixels differ`);
  });
}

test('every picture came without a word on the console', async () => {
  await assertQuiet(page);
});
