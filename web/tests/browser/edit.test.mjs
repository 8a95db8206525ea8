// Editing: what a save writes, what is told when it cannot, and who may.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { CLOSED, assertQuiet, fileOf, logIn, newPage, openDashboard, panel, settled, violations } from '../kit.mjs';

const FILE = 'edit.json';
const before = readFileSync(fileOf(FILE), 'utf8');
after(() => writeFileSync(fileOf(FILE), before));

const sqlEditor = (page) => page.getByRole('textbox', { name: 'SQL of query A' });

async function setTitle(page, title) {
  await page.getByLabel('Title').fill(title);
  await page.getByLabel('Title').press('Enter');
}

test('a title and a query: drawn at once, and saved as these lines alone', async () => {
  const page = await newPage();
  await openDashboard(page, 'edit', { query: '?editPanel=1' });
  assert.deepEqual(await violations(page), []);
  await setTitle(page, 'After');
  await sqlEditor(page).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText('SELECT 42 AS answer');
  await page.getByRole('button', { name: 'Apply' }).first().click();
  await panel(page, 1).getByText('42', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved to').waitFor();
  const [was, is] = [before.split('\n'), readFileSync(fileOf(FILE), 'utf8').split('\n')];
  assert.equal(is.length, was.length);
  assert.deepEqual(
    is.filter((line, number) => line !== was[number]).map((line) => line.trim()),
    ['"title": "After",', '"rawSql": "SELECT 42 AS answer"']
  );
  await page.reload();
  await settled(page);
  await panel(page, 1).getByText('42', { exact: true }).waitFor();
  await assertQuiet(page);
});

test('options come from the panels own lists, and stand in the file where Grafana has them', async () => {
  writeFileSync(fileOf(FILE), before);
  const page = await newPage();
  await openDashboard(page, 'edit', { query: '?editPanel=2' });
  await page.getByRole('button', { name: 'Legend' }).click();
  await page.getByRole('radio', { name: 'Right' }).check({ force: true });
  await page.getByRole('button', { name: 'Style' }).click();
  await page.getByLabel('Fill opacity').fill('30');
  await page.getByLabel('Fill opacity').press('Enter');
  await page.getByLabel('Line width').fill('99');
  await page.getByText('A number from 0 to 10').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved to').waitFor();
  const saved = JSON.parse(readFileSync(fileOf(FILE), 'utf8')).panels[1];
  assert.deepEqual(saved.options, { legend: { placement: 'right' } });
  assert.deepEqual(saved.fieldConfig.defaults, { custom: { fillOpacity: 30 } });
  await assertQuiet(page);
});

test('a file that changed on disk is not overwritten, and that is said', async () => {
  writeFileSync(fileOf(FILE), before);
  const page = await newPage();
  await openDashboard(page, 'edit', { query: '?editPanel=1' });
  await setTitle(page, 'Mine');
  const theirs = before.replace('To be edited', 'By somebody else');
  writeFileSync(fileOf(FILE), theirs);
  await page.getByRole('button', { name: 'Save' }).click();
  const dialog = page.getByRole('dialog', { name: 'Not saved' });
  await dialog.getByText(/changed/).first().waitFor();
  assert.equal(readFileSync(fileOf(FILE), 'utf8'), theirs);
  await dialog.getByRole('button', { name: 'Keep editing' }).click();
  await page.getByRole('button', { name: 'Discard' }).click();
  await page.getByRole('button', { name: 'Save' }).waitFor({ state: 'hidden' });
  // What is there now is what the file says, and can be saved.
  const heading = page.getByRole('heading', { name: /By somebody else/ });
  await heading.waitFor();
  assert.equal(await page.getByLabel('Title').inputValue(), 'Before');
  await setTitle(page, 'Mine after theirs');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved to').waitFor();
  writeFileSync(fileOf(FILE), theirs);
  await setTitle(page, 'Mine again');
  await page.getByRole('button', { name: 'Save' }).click();
  await dialog.getByRole('button', { name: 'Give mine up and read the file' }).click();
  await page.getByRole('button', { name: 'Save' }).waitFor({ state: 'hidden' });
  assert.equal(await page.getByLabel('Title').inputValue(), 'Before');
});

test('what is typed and not applied is saved, and not lost with the editor', async () => {
  writeFileSync(fileOf(FILE), before);
  const page = await newPage();
  await openDashboard(page, 'edit', { query: '?editPanel=1' });
  const type = async (sql) => {
    await sqlEditor(page).click();
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText(sql);
  };
  await type('SELECT 43 AS answer');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved to').waitFor();
  assert.match(readFileSync(fileOf(FILE), 'utf8'), /SELECT 43 AS answer/);
  await panel(page, 1).getByText('43', { exact: true }).waitFor();
  await type('SELECT 44 AS answer');
  await page.getByRole('button', { name: 'Done' }).click();
  await panel(page, 1).getByText('44', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Save' }).waitFor();
  await assertQuiet(page);
});

test('edits outlive the end of the session', async () => {
  writeFileSync(fileOf(FILE), before);
  const page = await newPage({ base: CLOSED });
  await logIn(page, 'ed', undefined, '/d/edit?editPanel=1');
  await settled(page);
  await setTitle(page, 'Kept');
  await page.context().clearCookies();
  await page.getByRole('button', { name: 'Save' }).click();
  const login = page.getByRole('dialog', { name: /session has ended/ });
  await login.locator('#user').fill('ed');
  await login.locator('#password').fill('topsecret');
  assert.deepEqual(await violations(page), []);
  await login.getByRole('button', { name: 'Log in' }).click();
  await login.waitFor({ state: 'hidden' });
  assert.equal(await page.getByLabel('Title').inputValue(), 'Kept');
  const saved = () => page.evaluate(async () => (await (await fetch('api/dashboards/edit')).json()).dashboard.panels[0].title);
  for (const title of ['Kept', 'Before']) {
    await setTitle(page, title);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Save' }).waitFor({ state: 'hidden' });
    assert.equal(await saved(), title);
  }
});

test('a wrong password is told; a session survives a reload and ends with the logout', async () => {
  const page = await newPage({ base: CLOSED });
  await logIn(page, 'vera', 'wrong');
  await page.getByRole('alert').waitFor();
  await page.locator('#password').fill('topsecret');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'User vera' }).waitFor();
  await page.reload();
  await page.getByRole('button', { name: 'User vera' }).click();
  await page.getByText('vera (viewer)').waitFor();
  await page.getByText('Log out').click();
  await page.getByRole('button', { name: 'Log in' }).waitFor();
  await page.reload();
  await page.getByRole('button', { name: 'Log in' }).waitFor();
});

const put = (page) =>
  page.evaluate(async () => {
    const session = await (await fetch('api/session')).json();
    const read = await (await fetch('api/dashboards/edit')).json();
    const answer = await fetch('api/dashboards/edit', {
      method: 'PUT',
      headers: { 'content-type': 'application/json', 'x-millrace-csrf': session.csrf },
      body: JSON.stringify({ dashboard: read.dashboard, version: read.version }),
    });
    return answer.status;
  });

test('a viewer sees, and changes nothing', async () => {
  const page = await newPage({ base: CLOSED });
  await logIn(page, 'vera', undefined, '/d/edit');
  await settled(page);
  await panel(page, 1).hover();
  await page.keyboard.press('e');
  await page.keyboard.press('v');
  await page.getByRole('button', { name: 'Back to the dashboard' }).waitFor();
  assert.equal(await page.getByRole('heading', { name: 'Edit panel' }).count(), 0);
  await page.getByRole('button', { name: /^Menu for panel/ }).click();
  await page.getByRole('menuitem', { name: 'View' }).waitFor();
  assert.equal(await page.getByRole('menuitem', { name: 'Edit' }).count(), 0);
  await page.goto(`${CLOSED}/d/edit?editPanel=1`);
  await settled(page);
  assert.equal(await page.getByRole('heading', { name: 'Edit panel' }).count(), 0);
  assert.equal(await put(page), 403);
});

test('an editor changes, and what a viewer is not granted is not shown to her', async () => {
  const page = await newPage({ base: CLOSED });
  await logIn(page, 'ed', undefined, '/d/edit?editPanel=1');
  await page.getByRole('heading', { name: 'Edit panel' }).waitFor();
  assert.equal(await put(page), 200);

  const viewer = await newPage({ base: CLOSED, viewport: { width: 1280, height: 2200 } });
  await logIn(viewer, 'vera', undefined, '/d/every');
  await settled(viewer);
  await panel(viewer, 3).getByText('2000', { exact: true }).or(panel(viewer, 3).getByText('2 K')).first().waitFor();
  await panel(viewer, 7).getByRole('alert').waitFor();
});
