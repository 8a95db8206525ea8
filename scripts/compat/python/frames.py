"""SQLAlchemy and ibis against the door: metadata, reflection, inserts, selects. CH_HOST, CH_PORT, CH_USER, CH_PASSWORD say where."""

import datetime
import os
import uuid

import ibis
import pandas
import sqlalchemy as sa
from clickhouse_connect.cc_sqlalchemy.datatypes.sqltypes import DateTime64, Nullable, String, UInt64
from clickhouse_connect.cc_sqlalchemy.ddl.tableengine import MergeTree

host, port, user, password = (os.environ[name] for name in ("CH_HOST", "CH_PORT", "CH_USER", "CH_PASSWORD"))
database = f"frames_{uuid.uuid4().hex[:8]}"
passed = 0


def same(wanted, got, what):
    global passed
    assert wanted == got, f"{what}: wanted {wanted!r}, got {got!r}"
    passed += 1


def url(name):
    return f"clickhousedb://{user}:{password}@{host}:{port}/{name}"


with sa.create_engine(url("default")).begin() as first:
    first.exec_driver_sql(f"CREATE DATABASE {database}")

# SQLAlchemy: make, insert, select, reflect.
engine = sa.create_engine(url(database))
moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 678000)
people = sa.Table(
    "people",
    sa.MetaData(),
    sa.Column("id", UInt64),
    sa.Column("name", Nullable(String)),
    sa.Column("at", DateTime64(3, "UTC")),
    MergeTree(order_by="id"),
)
people.create(engine)
with engine.begin() as connection:
    rows = [{"id": n, "name": None if n == 2 else f"it's {n}\n", "at": moment} for n in range(1, 4)]
    connection.execute(people.insert(), rows)
    found = connection.execute(sa.select(people.c.id, people.c.name).order_by(people.c.id)).all()
    same([(1, "it's 1\n"), (2, None), (3, "it's 3\n")], [tuple(row) for row in found], "rows come back")
    count = sa.select(sa.func.count()).where(people.c.name == sa.bindparam("n"))
    same(1, connection.execute(count, {"n": "it's 3\n"}).scalar(), "a bound value")
    joined = sa.select(people.c.id).join(other := people.alias(), people.c.id == other.c.id).order_by(people.c.id.desc())
    same([3, 2, 1], connection.execute(joined).scalars().all(), "a join with an alias")
    same(moment, connection.execute(sa.select(people.c.at).limit(1)).scalar().replace(tzinfo=None), "a moment")
inspector = sa.inspect(engine)
same(True, database in inspector.get_schema_names(), "schemas")
same(["people"], inspector.get_table_names(schema=database), "tables")
same(["id", "name", "at"], [column["name"] for column in inspector.get_columns("people", schema=database)], "columns")
reflected = sa.Table("people", sa.MetaData(), autoload_with=engine)
same("DateTime64(3, 'UTC')", reflected.c.at.type.name, "a reflected type")
same([1], pandas.read_sql(sa.select(people.c.id).where(people.c.id == 1), engine)["id"].tolist(), "pandas.read_sql")
try:
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT nope")
    raise SystemExit("no error")
except sa.exc.DBAPIError as error:
    same(True, "UNKNOWN_IDENTIFIER" in str(error), "an error has ClickHouse's name")

# ibis: the same table, and one that comes from a frame.
con = ibis.clickhouse.connect(host=host, port=int(port), user=user, password=password, database=database)
same(True, con.version.startswith("26."), "version")
same(True, database in con.list_databases(), "databases")
same(["people"], con.list_tables(), "tables by ibis")
table = con.table("people")
same("uint64", str(table.schema()["id"]).lstrip("!"), "schema")
same(3, table.count().execute(), "count")
same([2], table.filter(table.name.isnull()).id.execute().tolist(), "a filter")
grouped = table.group_by(even=table.id % 2 == 0).aggregate(n=table.count()).order_by("even").execute()
same([2, 1], grouped["n"].tolist(), "an aggregate")
frame = pandas.DataFrame({"n": range(1000), "word": [f"w{n}" for n in range(1000)]})
made = con.create_table("made", frame)
same(499500, made.n.sum().execute(), "a table from a frame")
con.insert("made", frame)
same(2000, made.count().execute(), "an insert of a frame")
same(1000, con.sql("SELECT DISTINCT word FROM made").count().execute(), "SQL as a table")
same(3, table.to_pyarrow().num_rows, "Arrow")
same(2000, sum(batch.num_rows for batch in made.to_pyarrow_batches()), "Arrow in batches")
local = ibis.memtable(pandas.DataFrame({"id": [1, 3]}, dtype="uint64"))
same(2, table.join(local, "id").count().execute(), "a join with a table from here")
view = con.create_view("seen", table.select("id"))
same(3, view.count().execute(), "a view")
con.drop_view("seen")
con.drop_table("made")
same(["people"], con.list_tables(), "what is dropped is gone")
con.drop_database(database)
print(f"{passed} passed, 0 failed")
