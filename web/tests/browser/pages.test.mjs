// Each page loads in silence, can be used by everybody, fits a phone, and stands behind a prefix as well.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSED, OPEN, assertQuiet, at, logIn, newContext, newPage, openDashboard, settled, violations } from '../kit.mjs';

const pages = [
  ['/', 'Home'],
  ['/dashboards', 'Dashboards'],
  ['/pipe', 'Pipe'],
  ['/runs', 'Runs'],
  ['/sql', 'SQL'],
  ['/alerts', 'Alerts'],
];
const dashboards = ['every', 'vars', 'edit', 'notices'];
const TALL = { width: 1280, height: 2200 };
const PHONE = { width: 375, height: 800 };

/** What a page shows when it has its answers: a heading, and nothing that is still loading. */
async function open(page, path, base = OPEN) {
  await page.goto(at(base, path));
  await page.locator('main').first().waitFor();
  await page.waitForFunction(() => document.querySelector('main')?.innerText.trim().length > 20 && !document.querySelector('[aria-busy=true]'));
}

for (const [path, name] of pages) {
  test(`${name} loads in silence and axe finds nothing grave`, async () => {
    const page = await newPage();
    await open(page, path);
    assert.deepEqual(await violations(page), []);
    await assertQuiet(page);
    await page.context().close();
  });
}

for (const uid of dashboards) {
  test(`the dashboard ${uid} loads in silence and axe finds nothing grave`, async () => {
    const page = await newPage({ viewport: TALL });
    await openDashboard(page, uid);
    assert.deepEqual(await violations(page), []);
    await assertQuiet(page);
    await page.context().close();
  });
}

test('every panel type draws', async () => {
  const page = await newPage({ viewport: TALL });
  await openDashboard(page, 'every');
  await page.waitForFunction(() => document.querySelectorAll('[data-panel] section').length === 16);
  assert.equal(await page.locator('[data-panel] [role=alert]').count(), 0);
  const empty = await page.evaluate(() =>
    [...document.querySelectorAll('[data-panel]')].filter((one) => /No data/.test(one.innerText)).map((one) => one.dataset.panel)
  );
  assert.deepEqual(empty, []);
  await page.context().close();
});

test('the login page loads in silence and axe finds nothing grave', async () => {
  const page = await newPage({ base: CLOSED });
  await page.goto(CLOSED);
  await page.getByRole('button', { name: 'Log in' }).waitFor();
  assert.deepEqual(await violations(page), []);
  await assertQuiet(page);
});

test('light is as readable as dark, is switched to, and stays', async () => {
  const page = await newPage({ viewport: TALL });
  await openDashboard(page, 'every');
  await page.getByRole('button', { name: 'Light theme' }).click();
  await page.locator('body.theme-light').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.reload();
  await page.locator('body.theme-light').waitFor();
  await page.getByRole('button', { name: 'Dark theme' }).click();
  await page.locator('body.theme-dark').waitFor();
  await page.reload();
  await page.locator('body.theme-dark').waitFor();
  await assertQuiet(page);
});

test('nothing scrolls sideways on a phone', async () => {
  const page = await newPage({ viewport: PHONE, hasTouch: true, isMobile: true });
  const wide = [];
  for (const path of [...pages.map(([path]) => path), ...dashboards.map((uid) => `/d/${uid}`)]) {
    await open(page, path);
    if (path === '/') {
      // The longest words of all fire.
      await page.getByRole('link', { name: /rule title/ }).waitFor();
    }
    const over = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      const widest = [...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > clientWidth + 1).slice(0, 3);
      return scrollWidth > clientWidth ? `${scrollWidth - clientWidth} px: ${widest.map((one) => one.outerHTML.slice(0, 120)).join(' | ')}` : undefined;
    });
    if (over) {
      wide.push(`${path} by ${over}`);
    }
  }
  assert.deepEqual(wide, []);
});

test('behind a prefix every page has its own address', async () => {
  const context = await newContext();
  const page = await newPage({ base: CLOSED, context });
  await logIn(page, 'root', undefined, '/d/every?viewPanel=panel-3');
  await settled(page);
  assert.ok(page.url().startsWith(`${CLOSED}/d/every`), page.url());
  for (const [path, name] of pages) {
    await open(page, path, CLOSED);
    assert.ok(page.url().startsWith(at(CLOSED, path)), page.url());
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name }).click();
    assert.ok(page.url().startsWith(at(CLOSED, path).replace(/\/$/, '')), page.url());
  }
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Dashboards' }).click();
  await page.getByRole('link', { name: 'Variables' }).click();
  await settled(page);
  assert.ok(page.url().startsWith(`${CLOSED}/d/vars`), page.url());
  await assertQuiet(page);
});
