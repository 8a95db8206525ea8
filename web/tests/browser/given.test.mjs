// Dashboards of others, in the folder MILLRACE_DASHBOARDS: each is opened, and none brings the page down.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { OPEN, fileOf, newPage } from '../kit.mjs';

const folder = process.env.MILLRACE_DASHBOARDS;
const written = [];
after(() => written.forEach((file) => rmSync(file, { force: true })));

for (const name of folder ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []) {
  test(`${name} loads`, async (t) => {
    const json = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    const uid = `given-${name.replace(/\W+/g, '-').toLowerCase()}`;
    const file = fileOf(`${uid}.json`);
    written.push(file);
    writeFileSync(file, JSON.stringify({ ...json, uid }, null, 2));
    const page = await newPage({ viewport: { width: 1280, height: 3000 } });
    const broken = [];
    page.on('pageerror', (error) => broken.push(String(error)));
    await page.goto(`${OPEN}/d/${uid}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForFunction(() => {
      const panels = [...document.querySelectorAll('[data-panel]')];
      const isDone = (one) => one.querySelector('[role=note][aria-label*=" row"], [role=alert], [role=note][aria-label^="not all shown"]') || one.innerText.includes('No data');
      return panels.length > 0 && panels.some(isDone) && !document.querySelector('[aria-label="Panel loading bar"]');
    });
    await page.waitForLoadState('networkidle');
    assert.deepEqual(broken, []);
    assert.equal(await page.getByText('Something went wrong').count(), 0);
    const panels = await page.locator('[data-panel]').count();
    const failed = await page.locator('[data-panel] [role=alert]').allInnerTexts();
    t.diagnostic(`${panels} panels, ${failed.length} with an error: ${[...new Set(failed.map((text) => text.split('\n')[0]))].join('; ')}`);
    await page.context().close();
  });
}
