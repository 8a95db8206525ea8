// Every text that a user can put anywhere tries to run a script; none does, however the page is used.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPEN, assertQuiet, newPage, panel, settled } from '../kit.mjs';

/** DOMPurify parses what it cleans in a document of its own; the policy holds there too, and says what it refused. The violation is its proof, not a script that ran. */
const CLEANED = [/^Executing inline event handler violates .*script-src/s, /^script-src-attr inline /];

const ran = (page) => page.evaluate(() => window.__xss);

async function assertNothingRan(page, allowed = CLEANED) {
  assert.equal(await ran(page), undefined);
  assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('a')].map((link) => link.href).filter((href) => /^(javascript|data|vbscript):/i.test(href))), []);
  assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('main *')].flatMap((one) => [...one.attributes].filter(({ name }) => name.startsWith('on')).map(({ name }) => `${one.tagName} ${name}`))), []);
  await assertQuiet(page, allowed);
}

test('a hostile dashboard, looked at and hovered all over', async () => {
  const page = await newPage({ viewport: { width: 1280, height: 2600 } });
  await page.goto(`${OPEN}/d/xss`);
  await settled(page);
  await page.waitForFunction(() => document.querySelectorAll('[data-panel]').length >= 20);
  for (const one of await page.locator('[data-panel]').all()) {
    const box = await one.boundingBox();
    for (const [x, y] of [[0.1, 0.08], [0.3, 0.4], [0.5, 0.55], [0.7, 0.7]]) {
      await page.mouse.move(box.x + box.width * x, box.y + box.height * y);
    }
    await page.mouse.click(box.x + box.width * 0.5, box.y + box.height * 0.55);
    await page.keyboard.press('Escape');
  }
  await assertNothingRan(page);
});

test('descriptions, notices, annotations, menus and pickers', async () => {
  const page = await newPage({ viewport: { width: 1280, height: 2600 } });
  await page.goto(`${OPEN}/d/xss`);
  await settled(page);
  for (const item of await page.locator('[data-panel] [role=note], [data-panel] header button').all()) {
    await item.hover({ force: true });
  }
  for (const name of ['Choice', 'Asked']) {
    await page.getByLabel(name).first().click();
    await page.getByRole('option').first().waitFor();
    await page.keyboard.press('Escape');
  }
  await page.getByRole('button', { name: 'More of this dashboard' }).click();
  await page.getByRole('menuitem', { name: 'JSON of the dashboard' }).click();
  await page.getByRole('dialog').waitFor();
  await assertNothingRan(page);
});

test('each panel alone, inspected and edited', async () => {
  const page = await newPage();
  for (const query of ['viewPanel=panel-5', 'viewPanel=panel-12', 'inspect=panel-5', 'inspect=panel-31', 'editPanel=1', 'editPanel=5', 'editPanel=20']) {
    await page.goto(`${OPEN}/d/xss?${query}`);
    await page.locator('[data-panel]').first().waitFor();
    await page.waitForLoadState('networkidle');
    await assertNothingRan(page);
  }
});

test('values in the address', async () => {
  const page = await newPage();
  const bad = `<img src=x onerror="window.__xss='address'">"><script>window.__xss='address'</script>`;
  const query = new URLSearchParams({ 'var-text': bad, 'var-choice': bad, 'var-asked': bad, from: bad, to: bad, viewPanel: bad, q: bad, tag: bad, rule: bad, view: bad });
  for (const path of ['/d/xss', '/d/vars', `/d/${encodeURIComponent(bad)}`, '/dashboards', '/sql', '/alerts', '/gallery', `/${encodeURIComponent(bad)}`]) {
    await page.goto(`${OPEN}${path}?${query}`);
    await page.locator('main').waitFor();
    await page.waitForLoadState('networkidle');
    await assertNothingRan(page, [...CLEANED, /^Failed to load resource: the server responded with a status of 404/]);
  }
});

test('rows of the row, repeats and links', async () => {
  const page = await newPage({ viewport: { width: 1280, height: 2600 } });
  await page.goto(`${OPEN}/d/xss?var-choice=$__all`);
  await settled(page);
  await page.locator('[data-panel^="panel-41"]').first().waitFor();
  await panel(page, 5).scrollIntoViewIfNeeded();
  for (const link of await page.locator('main a[href]:not([target=_blank])').all()) {
    const href = await link.getAttribute('href');
    assert.ok(!/^(javascript|data):/i.test(href), href);
  }
  await assertNothingRan(page);
});

test('the lists: dashboards, alerts, home', async () => {
  const page = await newPage();
  for (const [path, wait] of [['/dashboards', 'dashboard title'], ['/alerts', 'rule title'], ['/', 'rule title']]) {
    await page.goto(`${OPEN}${path}`);
    await page.getByText(`window.__xss='${wait}'`).first().waitFor();
    for (const item of (await page.locator('main a, main button, main [tabindex]').all()).slice(0, 40)) {
      await item.hover({ force: true, timeout: 2000 }).catch(() => {});
    }
    await assertNothingRan(page);
  }
});
