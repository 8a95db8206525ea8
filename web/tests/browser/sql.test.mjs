// The SQL page: a query, an error with its hint, and what was asked before.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSED, OPEN, assertQuiet, logIn, newPage, violations } from '../kit.mjs';

async function ask(page, sql) {
  await page.getByRole('textbox', { name: 'SQL', exact: true }).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(sql);
  await page.keyboard.press('Control+Enter');
}

test('a query is answered, a wrong one is explained, both are remembered', async () => {
  const page = await newPage();
  await page.goto(`${OPEN}/sql`);
  await ask(page, 'SELECT 6 * 7 AS answer, number FROM numbers(3)');
  await page.getByText('42', { exact: true }).first().waitFor();
  assert.deepEqual(await violations(page), []);
  await ask(page, 'SELECT coutn() FROM public.orders');
  const error = page.getByRole('alert');
  await error.waitFor();
  assert.match(await error.innerText(), /coutn/);
  assert.match(await error.innerText(), /Hint|Maybe you meant/);
  await page.getByRole('button', { name: 'History' }).click();
  const list = page.getByRole('list', { name: 'Queries, the latest first' });
  await list.getByRole('listitem').nth(1).waitFor();
  await list.getByRole('button').nth(1).click();
  await page.getByText('SELECT 6 * 7').first().waitFor();
  await page.reload();
  await page.getByRole('button', { name: 'History' }).click();
  assert.equal(await list.getByRole('listitem').count(), 2);
  await assertQuiet(page);
});

test('a series is drawn, and the address has it', async () => {
  const page = await newPage();
  await page.goto(`${OPEN}/sql`);
  await ask(page, 'SELECT now() - number * 60 AS time, number AS value FROM numbers(30) ORDER BY time');
  await page.getByText('29', { exact: true }).first().waitFor();
  await page.getByRole('radio', { name: 'Chart' }).check({ force: true });
  await page.locator('main .u-over').waitFor();
  assert.equal(new URL(page.url()).searchParams.get('view'), 'chart');
  await assertQuiet(page);
});

test('a viewer reads what she is granted and no more', async () => {
  const page = await newPage({ base: CLOSED });
  await logIn(page, 'vera', undefined, '/sql');
  await ask(page, 'SELECT count() AS orders FROM public.orders');
  await page.getByText('2000', { exact: true }).or(page.getByText('2,000', { exact: true })).first().waitFor();
  await ask(page, 'SELECT count() FROM public.customers');
  await page.getByRole('alert').waitFor();
});
