"""clickhouse-connect against the ClickHouse door: reads, streams, inserts, errors. Argument: the port."""

import datetime
import sys
import threading
import time
import uuid

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

port = int(sys.argv[1])


def client(**options):
    return clickhouse_connect.get_client(host="127.0.0.1", port=port, **options)


def fails(call, code):
    try:
        call()
    except DatabaseError as error:
        assert f"ode: {code}" in str(error) or f"code {code}" in str(error), error
    else:
        raise AssertionError(f"no error, {code} expected")


with client() as c:
    assert c.ping()
    assert c.server_version.startswith("26.7"), c.server_version
    assert c.query("SELECT 1 AS x, 'a' AS y").result_rows == [(1, "a")]
    assert c.command("SELECT currentDatabase()") == "main"

    # Parameters, settings, types.
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5)
    parameters = {"s": "it's\ttabbed\nand \\ more", "n": None, "l": [1, 2], "d": moment}
    sql = "SELECT {s:String}, {n:Nullable(Int64)}, {l:Array(Int64)}, {d:DateTime}"
    row = c.query(sql, parameters=parameters).result_rows[0]
    assert row[:3] == (parameters["s"], None, [1, 2]), row
    assert row[3].replace(tzinfo=None) == moment, row
    assert c.query("SELECT getSetting('max_threads')", settings={"max_threads": 3}).first_row == (3,)
    sql = "SELECT toLowCardinality('x'), [map('k', 1)], tuple(1, 'b'), toDecimal64('1.50', 2), NULL, generateUUIDv4()"
    row = c.query(sql).result_rows[0]
    assert row[0] == "x" and row[1] == [{"k": 1}] and str(row[3]) == "1.50" and isinstance(row[5], uuid.UUID), row

    # Large answers, whole and in blocks.
    assert len(c.query("SELECT number, toString(number) FROM numbers(300000)").result_set) == 300000
    with c.query_row_block_stream("SELECT number FROM numbers(1000000)") as blocks:
        assert sum(len(block) for block in blocks) == 1000000
    assert c.raw_query("SELECT number FROM numbers(3)", fmt="CSVWithNames") == b'"number"\n0\n1\n2\n'
    with c.raw_stream("SELECT number FROM numbers(100000)", fmt="RowBinary") as stream:
        assert len(stream.read()) == 800000

    # External data, and everything as fields of a form.
    external = ExternalData(file_name="people.csv", data=b"1,ann\n2,bob\n", fmt="CSV", structure="id UInt32, name String")
    external.add_file(file_name="ids", data=b"2\n3\n", types=["UInt64"])
    sql = "SELECT name FROM people WHERE id IN ids"
    assert c.query(sql, external_data=external).result_rows == [("bob",)]
    with client(form_encode_query_params=True) as by_form:
        row = by_form.query("SELECT {a:String}, {b:Array(UInt8)}", parameters={"a": "x" * 100000, "b": [1, 2]}).first_row
        assert row == ("x" * 100000, [1, 2]), len(row[0])
        rows = by_form.query(sql + " AND name = {n:String}", parameters={"n": "bob"}, external_data=external).result_rows
        assert rows == [("bob",)], rows

    # Inserts: Native, large, with a summary; and as text.
    c.command("CREATE DATABASE py")
    c.command("CREATE TABLE py.numbers (n UInt64, s String, at DateTime64(3, 'UTC'), l Array(Nullable(Int32))) ENGINE = MergeTree ORDER BY n")
    rows = [[n, f"row {n}\n\nDROP TABLE py.numbers", moment, [n % 7, None]] for n in range(200000)]
    summary = c.insert("py.numbers", rows, column_names=["n", "s", "at", "l"])
    assert summary.written_rows == 200000, summary
    c.command("INSERT INTO py.numbers (n, s) VALUES (200000, 'x')")
    c.raw_insert("py.numbers", ["n", "s"], b"200001,a\n200002,b\n", fmt="CSV")
    assert c.query("SELECT count(), uniqExact(n) FROM py.numbers").first_row == (200003, 200003)
    row = c.query("SELECT s, l FROM py.numbers WHERE n = 12345").first_row
    assert row == ("row 12345\n\nDROP TABLE py.numbers", [12345 % 7, None]), row

    # The session: temporary tables and SET stay, also after an error.
    c.command("CREATE TEMPORARY TABLE mine (x Int64)")
    c.insert("mine", [[1], [2]], column_names=["x"])
    fails(lambda: c.query("SELECT nope"), 47)
    fails(lambda: c.command("SELEC"), 62)
    fails(lambda: c.query("SELECT throwIf(number = 900000) FROM numbers(1000000)"), 395)
    assert c.query("SELECT sum(x) FROM mine").first_row == (3,)

for compression in ["lz4", "zstd", "gzip", False]:
    with client(compress=compression, database="py") as c:
        c.command("CREATE TABLE IF NOT EXISTS packed (n UInt64) ENGINE = MergeTree ORDER BY n")
        c.command("TRUNCATE TABLE packed")
        c.insert("packed", [[n] for n in range(100000)], column_names=["n"])
        assert c.query("SELECT n FROM packed ORDER BY n").result_rows[99999] == (99999,)

with client(database="default", username="default", password="") as c:
    assert c.command("SELECT currentDatabase()") == "main"
fails(lambda: client(username="ann", password="wrong"), 516)

# What ran is told by its id, every column of it, and what runs is ended by its id.
with client() as c:
    c.query("SELECT number FROM numbers(7)", settings={"query_id": "py-logged"})
    c.command("SYSTEM FLUSH LOGS")
    logged = c.query("SELECT * FROM system.query_log WHERE query_id = 'py-logged' AND type = 'QueryFinish'")
    (row,) = logged.named_results()
    assert row["query"].startswith("SELECT number FROM numbers(7)"), row
    assert (row["result_rows"], row["user"], row["exception_code"]) == (7, "default", 0), row
    assert "clickhouse-connect" in row["http_user_agent"], row

    def forever():
        with client() as other:
            fails(lambda: other.query("SELECT count() FROM numbers(10000000000000)", settings={"query_id": "py-long"}), 394)

    thread = threading.Thread(target=forever)
    thread.start()
    while c.command("SELECT count() FROM system.processes WHERE query_id = 'py-long'") == 0:
        time.sleep(0.02)
    killed = c.query("KILL QUERY WHERE query_id = 'py-long' SYNC").result_rows
    assert [tuple(row[:3]) for row in killed] == [("finished", "py-long", "default")], killed
    thread.join()

print("all well")
