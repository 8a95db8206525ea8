// Alerts: what fires is seen, can be kept silent, and reaches a receiver.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLOSED, OPEN, PROJECT, assertQuiet, logIn, newPage, poll, violations } from '../kit.mjs';

test('a rule that fires is on its page and at home', async () => {
  const page = await newPage();
  await page.goto(`${OPEN}/alerts`);
  await page.getByText('cart is at 5.').first().waitFor();
  assert.deepEqual(await violations(page), []);
  await page.goto(OPEN);
  await page.getByText('Always firing').first().waitFor();
  await assertQuiet(page);
});

test('who follows the way to a rule may look at something else', async () => {
  const page = await newPage({ viewport: { width: 900, height: 400 } });
  await page.goto(`${OPEN}/alerts?rule=hostile`);
  await page.getByText('cart is at 5.').first().waitFor();
  await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
  const place = await page.evaluate(() => window.scrollY);
  assert.ok(place > 0);
  // It asks again in each of these.
  for (let asked = 0; asked < 2; asked++) {
    await page.waitForResponse((response) => response.url().endsWith('/api/alerts'));
  }
  await page.waitForTimeout(200);
  assert.ok((await page.evaluate(() => window.scrollY)) >= place - 1);
});

test('an instance is silenced, and the silence is ended', async () => {
  const page = await newPage();
  await page.goto(`${OPEN}/alerts`);
  await page.getByRole('button', { name: /^Silence Always firing/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Silence' });
  assert.deepEqual(await violations(page), []);
  await dialog.getByLabel('Why').fill('A test of the page');
  await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
  await page.getByText('The silence has begun').waitFor();
  await page.getByRole('row', { name: /active A test of the page/ }).first().waitFor();
  await page.getByRole('button', { name: /^End the silence of/ }).first().click();
  await page.getByRole('button', { name: 'End the silence', exact: true }).click();
  await page.getByText('The silence is over').waitFor();
  await assertQuiet(page);
});

test('a contact point is changed in its file, and a test of it arrives', async (t) => {
  const bodies = [];
  const sink = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) {
      body += chunk;
    }
    bodies.push(JSON.parse(body));
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(sink, 'listening');
  const file = join(PROJECT, 'alerting', 'contact-points.yaml');
  const before = readFileSync(file, 'utf8');
  t.after(() => {
    writeFileSync(file, before);
    sink.close();
    sink.closeAllConnections();
  });
  writeFileSync(file, before.replaceAll('name: sink', 'name: heard').replaceAll('receiver: sink', 'receiver: heard').replace('127.0.0.1:9/', `127.0.0.1:${sink.address().port}/`));

  const page = await newPage();
  await page.goto(`${OPEN}/alerts`);
  await page.getByRole('button', { name: 'Send a test to heard' }).click();
  await page.getByText('webhook: sent').waitFor();
  const { status, alerts } = await poll('the message', () => bodies.find(({ alerts }) => alerts?.some(({ labels }) => /test/i.test(labels.alertname))));
  assert.equal(status, 'firing');
  assert.equal(alerts.length, 1);
  await assertQuiet(page);
});

test('a viewer sees alerts and has no deeds', async () => {
  const page = await newPage({ base: CLOSED });
  await logIn(page, 'vera', undefined, '/alerts');
  await page.getByText('Always firing').first().waitFor();
  assert.equal(await page.getByRole('button', { name: /^(Silence|Send a test|End the silence)/ }).count(), 0);
});
