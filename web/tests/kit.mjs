// What the browser's tests share: a browser, pages that are watched, waiting, axe, pictures, the source's psql.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after } from 'node:test';
import { chromium } from 'playwright-core';

/** Open to everybody; with users, behind /mill; the open one's folder; its source. */
export const OPEN = process.env.MILLRACE_OPEN;
export const CLOSED = process.env.MILLRACE_CLOSED;
export const PROJECT = process.env.MILLRACE_PROJECT;
const PG = process.env.MILLRACE_PG;
export const PASSWORD = 'topsecret';

const PATIENCE_MS = 20_000;
const DESKTOP = { width: 1280, height: 900 };

let launched;
const contexts = [];
const watches = new WeakMap();

after(async () => {
  await Promise.all(contexts.map((context) => context.close()));
  await (await launched)?.close();
});

function program() {
  const places = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  return places.find((place) => place && existsSync(place));
}

/** A session of its own: no cookies, nothing cached. */
export async function newContext(options = {}) {
  launched ??= chromium.launch({ executablePath: program(), args: ['--no-sandbox', '--disable-gpu', '--force-color-profile=srgb'] });
  const context = await (await launched).newContext({ viewport: DESKTOP, colorScheme: 'dark', locale: 'en-GB', timezoneId: 'UTC', ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  contexts.push(context);
  return context;
}

/** A page that remembers whatever it should not do. */
export async function newPage(options = {}) {
  const { base = OPEN, context = await newContext(options) } = options;
  const page = await context.newPage();
  const seen = { errors: [], foreign: [], dialogs: [] };
  watches.set(page, seen);
  page.on('console', (message) => message.type() === 'error' && seen.errors.push(message.text()));
  page.on('pageerror', (error) => seen.errors.push(String(error.stack ?? error)));
  page.on('dialog', (dialog) => {
    seen.dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (/^https?:$|^wss?:$/.test(url.protocol) && url.host !== new URL(base).host) {
      seen.foreign.push(request.url());
    }
  });
  await page.addInitScript(() => {
    window.__refused = [];
    document.addEventListener('securitypolicyviolation', (event) => window.__refused.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
  return page;
}

/** Nothing was said on the console, refused by the policy, asked of other hosts, or put into a dialog. `allowed` has reasons where it is given. */
export async function assertQuiet(page, allowed = []) {
  const { errors, foreign, dialogs } = watches.get(page);
  const refused = await page.evaluate(() => window.__refused);
  const left = (list) => list.filter((text) => !allowed.some((pattern) => pattern.test(text)));
  assert.deepEqual({ errors: left(errors), refused: left(refused), foreign, dialogs }, { errors: [], refused: [], foreign: [], dialogs: [] }, page.url());
}

export const at = (base, path) => `${base}${path}`;
export const panel = (page, id) => page.locator(`[data-panel="panel-${id}"]`);

/** Opens a dashboard and waits until each of its panels in view has its answer. */
export async function openDashboard(page, uid, { base = OPEN, query = '' } = {}) {
  await page.goto(at(base, `/d/${uid}${query}`));
  await settled(page);
}

/** All panels that ask have been answered: with rows, or with an error. */
export async function settled(page) {
  await page.locator('[data-panel] section').first().waitFor();
  await page.waitForFunction(() => {
    const panels = [...document.querySelectorAll('[data-panel]')];
    const isLoading = document.querySelector('[aria-label="Panel loading bar"]');
    const answers = panels.filter((one) => one.querySelector('[role=note][aria-label*=" row"], [role=alert], [data-testid^="data-testid Panel status"]'));
    return !isLoading && answers.length > 0;
  });
}

export async function logIn(page, user, password = PASSWORD, path = '/') {
  await page.goto(at(CLOSED, path));
  await page.locator('#user').fill(user);
  await page.locator('#password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Of Grafana's own widgets, whose markup is not ours: the rule, and what their markup has. */
const GRAFANAS = [
  // Its name says what is selected, and what stands on it is short: "Last 1 hour UTC".
  ['label-content-name-mismatch', 'TimePicker Open Button'],
  // Its name says whether all series are shown; the series stands on it.
  ['label-content-name-mismatch', 'LegendLabel'],
  // The zone beside the time, in an orange of its own whatever the theme says: 3.2:1 on light.
  ['color-contrast', '>UTC</span>'],
];

/** Serious and critical violations, but those of `GRAFANAS`. */
export async function violations(page) {
  await page.evaluate(axe);
  // A tooltip that is fading in has no colours yet.
  await page.waitForFunction(() => document.getAnimations().every((one) => one.playState !== 'running' || one.effect.getTiming().iterations === Infinity));
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ target, html }) => ({ id, target: target.join(' '), html: html.slice(0, 200) })))
    .filter(({ id, html }) => !GRAFANAS.some(([rule, part]) => rule === id && html.includes(part)));
}

export async function poll(what, ask, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer) {
      return answer;
    }
    assert.ok(Date.now() < end, `${what} did not come to be`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Runs SQL in the source. */
export function psql(sql) {
  const folders = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin/psql`) : [];
  const place = folders.filter(existsSync).pop() ?? 'psql';
  return execFileSync(place, ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', PG, '-c', sql], { encoding: 'utf8' }).trim();
}

export const fileOf = (name) => join(PROJECT, 'dashboards', name);

/** How much of a picture differs from another: by more than `STEP` in a channel, as a share of its pixels. */
const STEP = 24;

export async function difference(page, one, other) {
  return page.evaluate(
    async ([a, b, step]) => {
      const pixels = async (base64) => {
        const image = new Image();
        image.src = `data:image/png;base64,${base64}`;
        await image.decode();
        const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        return context.getImageData(0, 0, image.width, image.height);
      };
      const [left, right] = await Promise.all([pixels(a), pixels(b)]);
      if (left.width !== right.width || left.height !== right.height) {
        return 1;
      }
      let differing = 0;
      for (let at = 0; at < left.data.length; at += 4) {
        if ([0, 1, 2].some((channel) => Math.abs(left.data[at + channel] - right.data[at + channel]) > step)) {
          differing++;
        }
      }
      return differing / (left.width * left.height);
    },
    [one.toString('base64'), other.toString('base64'), STEP]
  );
}
