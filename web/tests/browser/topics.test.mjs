// Topics on the pages: of a project of topics alone, and beside a Postgres. The state is given; what it says is looked at.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPEN, assertQuiet, at, newPage, violations } from '../kit.mjs';

const partition = (topic, number, lag_messages = 0, lag_seconds = 0) => ({ topic, partition: number, offset: 1000, end: 1000 + lag_messages, lag_messages, lag_seconds });
const KAFKA = {
  brokers: 'kafka-1:9092,kafka-2:9092',
  group: 'millrace',
  connected: true,
  lag_messages: 1205,
  lag_seconds: 4.2,
  partitions: [partition('shop.public.orders', 0), partition('shop.public.orders', 1, 1200, 4.2), partition('clicks', 0, 5, 0.3)],
  poison_messages: 2,
  missed_messages: 0,
  last_error: null,
};

/** A page whose pipe is in the state that `change` makes of the real one. */
async function open(path, change) {
  const page = await newPage({ viewport: { width: 1280, height: 1800 } });
  await page.route('**/api/status', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: change(await answer.json()) });
  });
  await page.goto(at(OPEN, path));
  await page.waitForFunction(() => document.querySelector('main')?.innerText.trim().length > 20 && !document.querySelector('[aria-busy=true]'));
  return page;
}

/** The state may be asked for just then. */
async function close(page) {
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.context().close();
}

const ofTopics = (table) => ({ ...table, way: 'topics' });
const beside = (kafka) => (status) => ({ ...status, kafka, tables: status.tables.map((table, at) => (at === 0 ? ofTopics(table) : table)) });
const alone = (kafka) => (status) => ({
  ...status,
  kafka,
  tables: status.tables.map(ofTopics),
  source: { ...status.source, slot: '', connected: kafka.connected, lag_seconds: kafka.lag_seconds, last_error: kafka.last_error, retained_bytes: null, wal_status: null },
});

test('beside a Postgres the pipe shows both, and what is done to a stream is not offered for topics', async () => {
  const page = await open('/pipe', beside(KAFKA));
  for (const name of ['Postgres', 'Kafka']) {
    await page.getByRole('heading', { name }).waitFor();
  }
  const rows = await page.getByRole('table', { name: 'Partitions, the furthest behind first' }).getByRole('row').allInnerTexts();
  assert.match(rows[1], /shop\.public\.orders\s+1\s+1,000\s+2,200\s+1,200\s+4\.2 s/);
  assert.equal(rows.length, 4);
  assert.equal(await page.getByText('2 messages').count(), 1);
  const tables = await page.getByRole('table', { name: 'Tables of the pipe' }).getByRole('rowheader').count();
  assert.equal(await page.getByRole('button', { name: /^Resync / }).count(), tables - 1);
  assert.deepEqual(await violations(page), []);
  await assertQuiet(page);
  await close(page);
});

test('topics alone have no slot, no log and no pause', async () => {
  const page = await open('/pipe', alone(KAFKA));
  await page.getByRole('heading', { name: 'Kafka' }).waitFor();
  assert.equal(await page.getByRole('heading', { name: 'Postgres' }).count(), 0);
  assert.equal(await page.getByRole('button', { name: 'Pause' }).count(), 0);
  assert.equal(await page.getByText('Behind Postgres').count(), 0);
  assert.ok((await page.getByText('1,205 messages on the way').count()) > 0);
  await close(page);
});

test('Home tells how fresh topics are, and what keeps them away once', async () => {
  const late = await open('/', beside({ ...KAFKA, lag_seconds: 300 }));
  await late.getByText('Everything committed or sent until 5.0 mins ago is here; it is catching up.').waitFor();
  await close(late);
  const last_error = 'could not read the topics\ndetail: Broker transport failure.\nhint: see that kafka-1:9092 answers from here';
  const away = await open('/', alone({ ...KAFKA, connected: false, last_error }));
  await away.getByText('Kafka is not connected: nothing new arrives.').waitFor();
  assert.equal(await away.getByText('could not read the topics').count(), 1);
  assert.deepEqual(await violations(away), []);
  await close(away);
});
