// A dashboard as it is used: variables, time, legend, keys, fresh data, and what the page says that it does not draw.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPEN, assertQuiet, newPage, openDashboard, panel, poll, psql, settled } from '../kit.mjs';

/** The first row of a table as texts. */
const cells = (page, id) => panel(page, id).locator('[role=gridcell], td').allInnerTexts();

async function waitForCells(page, id, want) {
  await poll(`${want} in panel ${id}`, async () => JSON.stringify((await cells(page, id)).map((text) => text.trim())) === JSON.stringify(want)).catch(async (error) => {
    error.message += `: it has ${JSON.stringify(await cells(page, id))}`;
    throw error;
  });
}

test('variables of every kind stand in the query and in the address', async () => {
  const page = await newPage();
  await openDashboard(page, 'vars');
  await waitForCells(page, 1, ['paid', 'hay', 'name 2', '5m', 'one+three', '0']);
  assert.equal(await page.locator('[data-panel^="panel-2"]').count(), 2);

  await page.goto(`${OPEN}/d/vars?var-parity=1&var-word=$__all&var-needle=it%27s&var-step=1h&var-customer=name%203`);
  await waitForCells(page, 1, ['paid', "it's", 'name 3', '1h', 'one+three+seven', '1']);
  assert.equal(await page.locator('[data-panel^="panel-2"]').count(), 3);
  await assertQuiet(page);
});

test('a chained variable follows the one that it asks with', async () => {
  const page = await newPage();
  await openDashboard(page, 'vars');
  await waitForCells(page, 1, ['paid', 'hay', 'name 2', '5m', 'one+three', '0']);
  const asked = page.waitForRequest((request) => request.url().includes('/api/query') && /"parity":\{"value":"1"/.test(request.postData() ?? ''));
  await page.getByLabel('Parity').click();
  await page.getByRole('option', { name: '1', exact: true }).click();
  await asked;
  await waitForCells(page, 1, ['paid', 'hay', 'name 1', '5m', 'one+three', '1']);
  assert.equal(new URL(page.url()).searchParams.get('var-parity'), '1');
  await page.goBack();
  await waitForCells(page, 1, ['paid', 'hay', 'name 2', '5m', 'one+three', '0']);
});

test('a text is typed, and is data', async () => {
  const page = await newPage();
  await openDashboard(page, 'vars');
  await page.getByLabel('Needle').fill("x' OR 1=1 --");
  await page.getByLabel('Needle').press('Enter');
  await waitForCells(page, 1, ['paid', "x' OR 1=1 --", 'name 2', '5m', 'one+three', '0']);
  assert.equal(new URL(page.url()).searchParams.get('var-needle'), "x' OR 1=1 --");
  await assertQuiet(page);
});

test('a value that is no name is refused where it would be SQL', async () => {
  const page = await newPage();
  await page.goto(`${OPEN}/d/vars?var-parity=${encodeURIComponent('1); DROP TABLE x')}`);
  await panel(page, 1).getByRole('alert').waitFor();
  assert.match(await panel(page, 1).getByRole('alert').innerText(), /parity/);
});

test('dragging over a chart zooms into the time', async () => {
  const page = await newPage();
  await openDashboard(page, 'every');
  const over = panel(page, 1).locator('.u-over');
  const box = await over.boundingBox();
  const asked = page.waitForRequest((request) => request.url().includes('/api/query'));
  await page.mouse.move(box.x + box.width * 0.25, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2, { steps: 5 });
  await page.mouse.up();
  const { from_ms, to_ms } = JSON.parse((await asked).postData());
  assert.ok(Math.abs(to_ms - from_ms - 15 * 60_000) < 60_000, `${to_ms - from_ms} ms`);
  await poll('the time in the address', () => /from=2\d\d\d-|from=\d+/.test(page.url()));
  await page.goBack();
  await poll('the time of before', () => !/from=2\d\d\d-|from=\d+/.test(page.url()));
  await assertQuiet(page);
});

test('a click in the legend shows one series alone, another shows all', async () => {
  const page = await newPage();
  await openDashboard(page, 'every');
  const entry = (name) => panel(page, 1).locator('button[class*=LegendLabel]').getByText(name, { exact: true });
  const dimmed = (name) => entry(name).evaluate((element) => getComputedStyle(element).color);
  const before = await dimmed('ios');
  await entry('web').click();
  await poll('ios to be dimmed', async () => (await dimmed('ios')) !== before);
  assert.equal(await dimmed('web'), before);
  await entry('web').click();
  await poll('ios to be back', async () => (await dimmed('ios')) === before);
  await assertQuiet(page);
});

test('keys: v, i, e, Escape, ?', async () => {
  const page = await newPage();
  await openDashboard(page, 'every');
  const param = (name) => new URL(page.url()).searchParams.get(name);
  await panel(page, 3).hover();
  await page.keyboard.press('v');
  await poll('the panel alone', () => param('viewPanel') === 'panel-3');
  assert.ok((await panel(page, 3).locator('section').boundingBox()).height > 600);
  await page.keyboard.press('Escape');
  await poll('the dashboard', () => param('viewPanel') === null);
  await panel(page, 3).hover();
  await page.keyboard.press('e');
  await page.getByRole('heading', { name: 'Edit panel' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'Edit panel' }).waitFor({ state: 'hidden' });
  await panel(page, 3).hover();
  await page.keyboard.press('i');
  await page.getByRole('dialog').getByText('SELECT count() AS orders FROM public.orders').first().waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await page.keyboard.press('?');
  await page.getByRole('dialog').getByText('the panel below the mouse in full').waitFor();
  await assertQuiet(page);
});

test('an insert into Postgres is seen without touching the page', async () => {
  const page = await newPage();
  await openDashboard(page, 'live');
  await panel(page, 2).getByText('0', { exact: true }).waitFor();
  psql("insert into orders (customer, status, total) select i, 'live', 1 from generate_series(1, 7) i");
  try {
    await panel(page, 2).getByText('7', { exact: true }).waitFor();
  } finally {
    psql("delete from orders where status = 'live'");
  }
  await assertQuiet(page);
});

test('what is not drawn, what failed and what is empty is said', async () => {
  const page = await newPage();
  await openDashboard(page, 'notices');
  const said = (id) => panel(page, id).getByRole('note', { name: 'not all shown' }).getAttribute('aria-label');
  assert.match(await said(1), /panel type geomap/);
  const options = await said(2);
  for (const name of ['options.timeCompare', 'options.nonsense', 'custom.pointSymbol']) {
    assert.ok(options.includes(name), options);
  }
  assert.match(await said(3), /prometheus/);
  assert.match(await panel(page, 4).getByRole('alert').innerText(), /nowhere/);
  await panel(page, 5).getByText('No rows', { exact: true }).nth(1).waitFor();
  await page.getByText('The variable “filters” is of type adhoc').waitFor();
  assert.match(await page.getByRole('note', { name: /^Releases could not be asked/ }).getAttribute('aria-label'), /no_releases/);
  await assertQuiet(page);
});

test('the SQL of a query that failed is there, too', async () => {
  const page = await newPage();
  await openDashboard(page, 'notices', { query: '?inspect=panel-4' });
  await page.getByRole('textbox', { name: 'SQL of query A, as it ran' }).getByText('public.nowhere').waitFor();
  await page.getByRole('button', { name: 'Open as SQL' }).click();
  await page.waitForURL(/\/sql\?q=SELECT.*nowhere/);
});

test('a link of a panel has the time that is chosen', async () => {
  const page = await newPage();
  await openDashboard(page, 'notices', { query: '?from=now-2h&to=now' });
  const link = panel(page, 1).getByRole('link', { name: 'In the same time' });
  assert.match(await link.getAttribute('href'), /from=now-2h/);
  await page.getByRole('button', { name: /Zoom out/ }).first().click();
  await poll('the new time', async () => !/from=now-2h/.test(await link.getAttribute('href')));
});
