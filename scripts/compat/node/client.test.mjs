// The official client for Node.js against the door: what an app does with it. CH_HOST, CH_PORT, CH_USER, CH_PASSWORD say where.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { createClient } from "@clickhouse/client";

const { CH_HOST, CH_PORT, CH_USER, CH_PASSWORD } = process.env;
const url = `http://${CH_HOST}:${CH_PORT}`;
const open = (options = {}) => createClient({ url, username: CH_USER, password: CH_PASSWORD, ...options });
const database = `node_${randomUUID().slice(0, 8)}`;
let client;

before(async () => {
  const first = open();
  await first.command({ query: `CREATE DATABASE ${database}` });
  await first.close();
  client = open({ database });
});
after(async () => {
  await client.command({ query: `DROP DATABASE ${database}` });
  await client.close();
});

const rows = async (query, more = {}) => (await client.query({ query, format: "JSONEachRow", ...more })).json();
const table = async (name, columns) => {
  await client.command({ query: `CREATE TABLE ${name} (${columns}) ENGINE = MergeTree ORDER BY tuple()` });
  return name;
};

test("ping, by path and by SELECT", async () => {
  assert.deepEqual(await client.ping(), { success: true });
  assert.deepEqual(await client.ping({ select: true }), { success: true });
  const nobody = open({ password: "wrong" });
  assert.equal((await nobody.ping({ select: true })).success, false);
  await nobody.close();
});

test("queries in many formats", async () => {
  for (const format of ["JSON", "JSONCompact", "JSONStrings", "JSONColumnsWithMetadata"]) {
    const result = await (await client.query({ query: "SELECT 1 AS n, 'é' AS s", format })).json();
    assert.deepEqual(result.meta.map((column) => column.name), ["n", "s"], format);
    assert.equal(result.rows, 1, format);
  }
  for (const format of ["JSONEachRow", "JSONStringsEachRow", "JSONCompactEachRow", "JSONCompactEachRowWithNamesAndTypes"]) {
    const result = await (await client.query({ query: "SELECT number FROM numbers(3)", format })).json();
    assert.equal(result.length, format.endsWith("Types") ? 5 : 3, format);
  }
  for (const [format, text] of [["CSV", "0\n1\n"], ["TabSeparatedWithNames", "number\n0\n1\n"], ["Values", "(0),(1)"]]) {
    const result = await client.query({ query: "SELECT number FROM numbers(2)", format });
    assert.equal(await result.text(), text, format);
  }
});

test("what is told about an answer", async () => {
  const result = await client.query({ query: "SELECT number FROM numbers(7)", query_id: "node-told", format: "JSON" });
  assert.equal(result.query_id, "node-told");
  assert.ok(result.response_headers["x-clickhouse-summary"]);
  const { rows, statistics, meta } = await result.json();
  assert.equal(rows, 7);
  assert.equal(statistics.rows_read, 7);
  assert.deepEqual(meta, [{ name: "number", type: "UInt64" }]);
});

test("parameters of many types", async () => {
  const query_params = {
    n: 42, s: "it's\ta \\ \n'quote'", none: null, list: ["a", "b'c"], map: { k: 1 }, yes: true,
    at: new Date("2026-01-02T03:04:05.678Z"), day: "2026-01-02",
  };
  const query = `SELECT {n:Int32} AS n, {s:String} AS s, {none:Nullable(String)} AS none, {list:Array(String)} AS list,
    {map:Map(String, UInt8)} AS map, {yes:Bool} AS yes, {at:DateTime64(3, 'UTC')} AS at, {day:Date} AS day`;
  const [row] = await rows(query, { query_params });
  assert.deepEqual(row, { ...query_params, at: "2026-01-02 03:04:05.678" });
  const [{ long }] = await rows("SELECT length({x:String}) AS long", { query_params: { x: "x".repeat(20000) } });
  assert.equal(Number(long), 20000);
  const identified = await rows("SELECT name FROM {d:Identifier}.{t:Identifier} LIMIT 1", { query_params: { d: "system", t: "tables" } });
  assert.equal(identified.length, 1);
});

test("settings, of a client and of a request", async () => {
  const limited = open({ clickhouse_settings: { max_threads: 3, output_format_json_quote_64bit_integers: 0 } });
  const query = { query: "SELECT getSetting('max_threads') AS t, toUInt64(1) AS n", format: "JSONEachRow" };
  assert.deepEqual(await (await limited.query(query)).json(), [{ t: 3, n: 1 }]);
  const other = { ...query, clickhouse_settings: { max_threads: 2 } };
  assert.deepEqual(await (await limited.query(other)).json(), [{ t: 2, n: 1 }]);
  await limited.close();
});

test("a large answer as a stream, with and without compression", async () => {
  for (const response of [true, false]) {
    const other = open({ compression: { response } });
    const result = await other.query({ query: "SELECT number, toString(number) AS s FROM numbers(300000)", format: "JSONEachRow" });
    let count = 0;
    for await (const piece of result.stream()) count += piece.length;
    assert.equal(count, 300000);
    await other.close();
  }
});

test("raw bytes: Parquet by exec", async () => {
  const { stream } = await client.exec({ query: "SELECT number FROM numbers(10) FORMAT Parquet" });
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  assert.equal(Buffer.concat(pieces).subarray(0, 4).toString(), "PAR1");
});

test("inserts of values, of streams, compressed, of chosen columns, of SELECT", async () => {
  const name = await table("inserted", "id UInt64, s String DEFAULT 'none', l Array(Nullable(Int8))");
  const { executed, summary } = await client.insert({
    table: name, format: "JSONEachRow", values: [{ id: 1, s: "é", l: [1, null] }, { id: "2", s: "b", l: [] }],
  });
  assert.equal(executed, true);
  assert.equal(summary.written_rows, "2");
  assert.equal((await client.insert({ table: name, format: "JSONEachRow", values: [] })).executed, false);
  await client.insert({ table: name, format: "JSONCompactEachRow", values: [[3, "c", [3]]] });
  await client.insert({ table: name, format: "JSONEachRow", values: [{ id: 4 }], columns: ["id"] });
  await client.insert({ table: name, format: "JSONCompactEachRow", values: [[5, []]], columns: { except: ["s"] } });
  await client.insert({ table: name, format: "CSV", values: Readable.from(["6,f,[]\n", "7,g,[]\n"], { objectMode: false }) });
  const compressed = open({ database, compression: { request: true } });
  const many = Readable.from((function* () { for (let id = 100; id < 50100; id++) yield { id, s: `row ${id}`, l: [] }; })());
  await compressed.insert({ table: name, format: "JSONEachRow", values: many });
  await compressed.close();
  await client.command({ query: `INSERT INTO ${name} (id) SELECT 8` });
  assert.deepEqual(await rows(`SELECT id, s, l FROM ${name} WHERE id < 100 ORDER BY id`, {
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  }), [
    { id: 1, s: "é", l: [1, null] }, { id: 2, s: "b", l: [] }, { id: 3, s: "c", l: [3] }, { id: 4, s: "none", l: [] },
    { id: 5, s: "none", l: [] }, { id: 6, s: "f", l: [] }, { id: 7, s: "g", l: [] }, { id: 8, s: "none", l: [] },
  ]);
  const [{ many: count }] = await rows(`SELECT toUInt32(count()) AS many FROM ${name} WHERE id >= 100`);
  assert.equal(count, 50000);
});

test("a session keeps what is made in it", async () => {
  const session = open({ session_id: randomUUID(), database, max_open_connections: 1 });
  await session.command({ query: "CREATE TEMPORARY TABLE mine (n UInt8)" });
  await session.insert({ table: "mine", values: [{ n: 7 }], format: "JSONEachRow" });
  await session.command({ query: "SET max_threads = 5" });
  const query = "SELECT n, getSetting('max_threads') AS t FROM mine";
  assert.deepEqual(await (await session.query({ query, format: "JSONEachRow" })).json(), [{ n: 7, t: 5 }]);
  await session.close();
  await assert.rejects(rows("SELECT * FROM mine"), { code: "60" });
});

test("errors have a code, a type and a text", async () => {
  const failing = [
    ["SELECT nope", "47", "UNKNOWN_IDENTIFIER"], ["SELECT 1; SELECT 2", "62", "SYNTAX_ERROR"],
    ["SELECT * FROM nowhere.at_all", "81", "UNKNOWN_DATABASE"], ["SELECT throwIf(1)", "395", "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"],
  ];
  for (const [query, code, type] of failing) await assert.rejects(rows(query), { code, type }, query);
  const nobody = open({ username: "nobody", password: "x" });
  await assert.rejects(nobody.query({ query: "SELECT 1" }), { code: "516", type: "AUTHENTICATION_FAILED" });
  await nobody.close();
  const name = await table("narrow", "n UInt8");
  await assert.rejects(client.insert({ table: name, format: "JSONEachRow", values: [{ n: "many" }] }));
  assert.deepEqual(await rows(`SELECT * FROM ${name}`), []);
});

test("an error behind the first rows ends the stream as an error", async () => {
  const query = "SELECT number, throwIf(number = 3000000) AS t FROM numbers(4000000)";
  const result = await client.query({ query, format: "JSONEachRow", clickhouse_settings: { max_block_size: "1000", max_threads: 1 } });
  await assert.rejects(async () => { for await (const piece of result.stream()) void piece; }, /throwIf|395/);
});

test("an abort ends the statement at the server", async () => {
  const controller = new AbortController();
  const query_id = randomUUID();
  const asked = client.query({ query: "SELECT sum(sleepEachRow(0.01)) FROM numbers(100000)", query_id, abort_signal: controller.signal,
    clickhouse_settings: { max_block_size: "10", function_sleep_max_microseconds_per_block: "0", cancel_http_readonly_queries_on_client_close: 1 } });
  const running = async () => Number((await rows(`SELECT count() AS n FROM system.processes WHERE query_id = '${query_id}'`))[0].n);
  asked.catch(() => {});
  while ((await running()) === 0);
  controller.abort();
  await assert.rejects(asked);
  while ((await running()) > 0);
});

test("what ran stands in system.query_log under its id", async () => {
  const query_id = randomUUID();
  await rows("SELECT 1 AS x", { query_id });
  await client.command({ query: "SYSTEM FLUSH LOGS" });
  const [logged] = await rows("SELECT query, user, http_user_agent FROM system.query_log WHERE query_id = {id:String} AND type = 'QueryFinish'",
    { query_params: { id: query_id } });
  assert.match(logged.query, /^SELECT 1 AS x/);
  assert.equal(logged.user, CH_USER);
  assert.match(logged.http_user_agent, /clickhouse-js/);
});

test("sixty requests at once", async () => {
  const all = await Promise.all(Array.from({ length: 60 }, (_, n) => rows(`SELECT ${n} AS n, sleep(0.01) AS s`)));
  assert.deepEqual(all.map(([row]) => row.n), Array.from({ length: 60 }, (_, n) => n));
});

test("metadata of tables and columns", async () => {
  const name = await table("described", "id UInt64 COMMENT 'the key', at DateTime64(3, 'Europe/Berlin')");
  const columns = await rows(`SELECT name, type, comment FROM system.columns WHERE database = '${database}' AND table = '${name}' ORDER BY position`);
  assert.deepEqual(columns, [
    { name: "id", type: "UInt64", comment: "the key" }, { name: "at", type: "DateTime64(3, 'Europe/Berlin')", comment: "" },
  ]);
  assert.equal((await rows(`DESCRIBE TABLE ${name}`)).length, 2);
  assert.match((await rows(`SHOW CREATE TABLE ${name}`))[0].statement, /MergeTree/);
});
