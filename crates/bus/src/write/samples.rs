//! What a real Debezium 3.7.0 sent, for the tests beside the code: lines of topic, key, value and
//! headers; Avro in base64, behind its schemas.

use super::known::Known;
use model::{Column, PgType, Printed, Table, TableId, TableName};
use serde_json::Value;

/// By its number.
pub(crate) fn json(number: usize) -> Value {
    let lines = include_str!("samples/debezium.jsonl").lines();
    let mut samples = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    samples.find(|sample| sample["sample"] == number).unwrap()
}

pub(crate) fn avro() -> Vec<Value> {
    let lines = include_str!("samples/debezium-avro.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn schema(subject: &str) -> Value {
    avro().into_iter().find(|sample| sample["subject"] == subject).unwrap()["schema"].clone()
}

const FEEL: u32 = 70_001;
const FEELS: u32 = 70_002;

pub(crate) fn known() -> Known {
    let labels = || ["sad", "ok", "happy"].map(String::from).to_vec();
    Known { labels: [(FEEL, labels()), (FEELS, labels())].into(), ..Known::default() }
}

/// `public.kinds` of the samples and, as Postgres prints them, the values of its row 11.
pub(crate) fn kinds() -> Vec<(Column, &'static str)> {
    let array = |pg| PgType::Array(Box::new(pg), 1);
    let of = |type_oid: u32, typmod: i32, pg: PgType| (type_oid, typmod, pg);
    let numeric = |precision, scale| of(1700, 0, PgType::Numeric(Some((precision, scale))));
    let plain = |pg| of(0, -1, pg);
    let printed = |what| PgType::Printed(what);
    let columns = [
        ("flag", plain(PgType::Bool), "t"),
        ("i2", plain(PgType::Int2), "-32768"),
        ("i4", plain(PgType::Int4), "2147483647"),
        ("i8", plain(PgType::Int8), "9223372036854775807"),
        ("f4", plain(PgType::Float4), "1.5"),
        ("f8", plain(PgType::Float8), "-0.1"),
        ("num", numeric(12, 2), "1234567890.12"),
        ("num_free", plain(PgType::Numeric(None)), "3.14159265358979323846"),
        ("cash", plain(PgType::Money(2)), "$1,234.56"),
        ("txt", plain(PgType::Text), "naïve \"q\" \\ 🦀"),
        ("vc", plain(PgType::Text), "varchar"),
        ("ch", plain(PgType::Text), "ch   "),
        ("ci", plain(PgType::Text), "CiText"),
        ("nm", of(19, -1, PgType::Text), "nm"),
        ("d", plain(PgType::Date), "2026-11-23"),
        ("ts", plain(PgType::Timestamp), "2026-11-23 01:02:03.456789"),
        ("ts3", of(1114, 3, PgType::Timestamp), "2026-11-23 01:02:03.456"),
        ("tstz", plain(PgType::Timestamptz), "2026-11-22 19:32:03.456789+00"),
        ("tm", plain(PgType::Time), "01:02:03.456789"),
        ("tmtz", plain(PgType::Timetz), "01:02:03.456789+02"),
        ("iv", plain(PgType::Interval), "1 year 2 mons 3 days 04:05:06.789"),
        ("u", plain(PgType::Uuid), "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        ("j", plain(PgType::Json), "{\"a\": 1,  \"b\":[1,2]}"),
        ("jb", plain(PgType::Jsonb), "{\"a\": 1.50, \"b\": [1, 2]}"),
        ("x", of(142, -1, PgType::Text), "<a>1</a>"),
        ("by", plain(PgType::Bytea), "\\xdeadbeef"),
        ("ints", plain(array(PgType::Int4)), "{1,NULL,3}"),
        ("texts", plain(array(PgType::Text)), "{a,\"b,c\",NULL,\"q\\\"q\"}"),
        ("nums", plain(array(PgType::Numeric(Some((10, 2))))), "{1.10,2.20}"),
        ("tstzs", plain(array(PgType::Timestamptz)), "{\"2026-11-23 00:00:00+00\"}"),
        ("uuids", plain(array(PgType::Uuid)), "{6f9619ff-8b86-d011-b42d-00c04fc964ff}"),
        ("grid", plain(PgType::Array(Box::new(PgType::Int4), 2)), "{{1,2},{3,4}}"),
        ("feel", of(FEEL, -1, PgType::Enum), "happy"),
        ("feels", of(FEELS, -1, array(PgType::Enum)), "{sad,ok}"),
        ("dom", plain(PgType::Int4), "7"),
        ("ip", plain(printed(Printed::Inet)), "10.0.0.1/24"),
        ("net", plain(printed(Printed::Inet)), "10.0.0.0/8"),
        ("mac", plain(printed(Printed::Macaddr)), "08:00:2b:01:02:03"),
        ("bits", of(1560, 4, printed(Printed::Bits)), "1010"),
        ("vbits", of(1562, -1, printed(Printed::Bits)), "101"),
        ("onebit", of(1560, 1, printed(Printed::Bits)), "1"),
        ("pt", plain(PgType::Point), "(1.5,-2.5)"),
        ("hs", plain(PgType::Hstore), "\"k\"=>\"v\", \"n\"=>NULL"),
        ("r4", plain(PgType::Range(Box::new(PgType::Int4))), "[1,10)"),
        (
            "rts",
            plain(PgType::Range(Box::new(PgType::Timestamptz))),
            "[\"2026-01-01 00:00:00+00\",\"2026-02-01 00:00:00+00\")",
        ),
        ("tsv", plain(printed(Printed::Tsvector)), "'a' 'cat' 'fat'"),
        ("o", plain(PgType::Oid), "42"),
    ];
    let column = |(name, (type_oid, typmod, pg), text)| {
        (Column { type_oid, typmod, ..Column::new(name, pg) }, text)
    };
    columns.into_iter().map(column).collect()
}

pub(crate) const ORDERS: TableId = TableId(11);
pub(crate) const PAIRS: TableId = TableId(12);
pub(crate) const DOCS: TableId = TableId(13);
pub(crate) const FULLS: TableId = TableId(14);
pub(crate) const NOKEY: TableId = TableId(15);
pub(crate) const KINDS: TableId = TableId(16);

fn table(id: TableId, name: &str, columns: Vec<Column>, key: &[usize]) -> Table {
    let mut table = Table::new(id, TableName::new("public", name), columns);
    table.key = key.to_vec();
    for &at in key {
        table.columns[at].not_null = true;
    }
    table
}

/// With `digits` behind the point of its amount.
pub(crate) fn orders(precision: u16, digits: i16) -> Table {
    let columns = [
        ("id", PgType::Int8),
        ("customer", PgType::Text),
        ("amount", PgType::Numeric(Some((precision, digits)))),
        ("paid", PgType::Bool),
        ("created_at", PgType::Timestamptz),
    ];
    let columns = columns.into_iter().enumerate().map(|(at, (name, pg))| Column {
        not_null: name != "amount",
        attnum: at as i16 + 1,
        ..Column::new(name, pg)
    });
    table(ORDERS, "orders", columns.collect(), &[0])
}

/// What the catalog says of [`orders`].
pub(crate) fn with_defaults(mut known: Known) -> Known {
    let defaults = [(1, "nextval('orders_id_seq'::regclass)"), (4, "false"), (5, "now()")];
    let defaults = defaults.map(|(at, expression)| ((ORDERS, at), expression.to_owned()));
    known.defaults.extend(defaults);
    known
}

pub(crate) fn small_tables() -> Vec<Table> {
    let columns = |columns: &[(&str, PgType)]| {
        columns.iter().map(|(name, pg)| Column::new(*name, pg.clone())).collect::<Vec<_>>()
    };
    let texts = PgType::Array(Box::new(PgType::Text), 1);
    let (int, text) = (PgType::Int4, PgType::Text);
    let pairs = columns(&[("a", int.clone()), ("b", text.clone()), ("v", int.clone())]);
    let docs = columns(&[
        ("id", int.clone()),
        ("title", text.clone()),
        ("body", text.clone()),
        ("tags", texts),
    ]);
    let fulls = columns(&[("id", int.clone()), ("v", text.clone())]);
    let nokey = columns(&[("v", text), ("n", int)]);
    vec![
        table(PAIRS, "pairs", pairs, &[0, 1]),
        table(DOCS, "docs", docs, &[0]),
        table(FULLS, "fulls", fulls, &[0]),
        table(NOKEY, "nokey", nokey, &[]),
    ]
}

/// `public.kinds` whole, but that `grid` has one dimension, as Debezium sees it; and its row.
pub(crate) fn kinds_table() -> (Table, Vec<Option<&'static str>>) {
    let mut columns = vec![Column::new("id", PgType::Int4)];
    let mut row = vec![Some("1")];
    for (mut column, mut text) in kinds() {
        if column.name == "grid" {
            column.pg = PgType::Array(Box::new(PgType::Int4), 1);
            text = "{NULL,NULL}";
        }
        columns.push(column);
        row.push(Some(text));
    }
    columns.push(Column::new("nothing", PgType::Text));
    row.push(None);
    (table(KINDS, "kinds", columns, &[0]), row)
}
