//! ```text
//!            ┌─ COPY (FORMAT binary) ─▶ CopyDecoder ─┐
//! a table ───┼─ each binary value ────▶ push_new ────┼─▶ the same cells, clamps and rejects
//!            └─ each printed value ───▶ push_new ────┘        │
//!                      ▲                                      ▼
//!                      └───── the same text, or a rule ──── text
//! ```
//!
//! `MILLRACE_SEED` replays a run, `MILLRACE_SECONDS` makes it go on with new values.

use super::super::{CopyDecoder, Cursor, print, push_new};
use super::tuple;
use crate::catalog::published_tables;
use crate::client::{connect, literal};
use crate::copy::binary_form;
use crate::lookup::text_of;
use cluster::Cluster;
use cluster::values::{self, EXTENSIONS, Rng, Shape};
use futures_util::StreamExt;
use model::{Block, Lsn, Op, PgType, Printed, Table, Version};
use std::fmt::Write;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio_postgres::{Client, SimpleQueryMessage};

const VALUES_EACH: usize = 60;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn version() -> Version {
    Version::of_copy(Lsn(7))
}

#[test]
fn both_forms_of_every_type_decode_to_what_postgres_prints() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = number("MILLRACE_SEED").unwrap_or(now.as_nanos() as u64);
    println!("MILLRACE_SEED={seed}");
    let until = Instant::now() + Duration::from_secs(number("MILLRACE_SECONDS").unwrap_or(0));
    let cluster = Cluster::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = connect(&cluster.url().parse().unwrap()).await.unwrap();
        let tried = create(&client).await;
        let mut tables = published_tables(&client, "p").await.unwrap();
        // An extension may bring tables of its own.
        tables.retain(|table| tried.iter().any(|case| case.name == table.name.table));
        assert_eq!(tables.len(), tried.len());
        let mut rng = Rng(seed);
        let mut round = 0;
        loop {
            for (case, table) in tried.iter().zip(&tables) {
                assert_eq!(case.name, table.name.table);
                case.round(&client, &Arc::new(table.clone()), &mut rng, round == 0).await;
            }
            round += 1;
            if Instant::now() >= until {
                break;
            }
        }
        println!("{round} rounds of {} types", tried.len());
    });
}

/// A table `t (id int8 primary key, v TYPE)`.
struct Case {
    name: String,
    sql: String,
    shape: Shape,
    borders: &'static [&'static str],
    /// 0: not an array.
    dimensions: u64,
}

async fn create(client: &Client) -> Vec<Case> {
    let sql = "select array_agg(name::text) from pg_available_extensions";
    let available: Vec<String> = client.query_one(sql, &[]).await.unwrap().get(0);
    client.batch_execute(&values::setup(&available)).await.unwrap();
    client.batch_execute("create publication p for all tables").await.unwrap();
    let mut types = values::types(&available);
    for &(extension, its) in EXTENSIONS {
        if available.iter().any(|name| name == extension) {
            client.batch_execute(&format!("create extension {extension}")).await.unwrap();
            types.extend(its);
        } else {
            cluster::skip(&format!("there is no {extension}"));
        }
    }
    let mut cases = Vec::new();
    let xml = cluster::is_built_with("libxml");
    for (sql, shape, borders) in types {
        if sql == "xml" && !xml {
            cluster::skip("there is no xml");
            continue;
        }
        for dimensions in 0..3 {
            let name = format!("t{:04}", cases.len());
            let sql = sql.to_owned() + &"[]".repeat(dimensions as usize);
            let create = format!("create table {name} (id int8 primary key, v {sql})");
            client.batch_execute(&create).await.unwrap();
            cases.push(Case { name, sql, shape, borders, dimensions });
        }
    }
    cases
}

struct Row {
    id: i64,
    binary: Option<Vec<u8>>,
    text: Option<String>,
    /// `to_json`'s, of row types.
    json: Option<String>,
}

impl Case {
    fn values(&self, rng: &mut Rng, first_round: bool) -> Vec<Option<String>> {
        let mut values: Vec<Option<String>> = Vec::new();
        if self.dimensions > 0 {
            let delimiter = values::delimiter(&self.sql);
            let mut array =
                || values::array(rng, self.shape, self.borders, self.dimensions, delimiter);
            values.extend((0..VALUES_EACH).map(|_| array()));
            return values;
        }
        values.extend((0..VALUES_EACH).map(|_| values::scalar(rng, self.shape)));
        values.extend(self.borders.iter().map(|border| Some(border.to_string())));
        match self.sql.as_str() {
            "text" if first_round => values.push(Some("ä🦀 ".repeat(10 << 17))),
            "numeric" if first_round => values.push(Some("9".repeat(131_072))),
            _ => {}
        }
        values
    }

    async fn round(&self, client: &Client, table: &Arc<Table>, rng: &mut Rng, first: bool) {
        let mut insert = format!("truncate {0}; insert into {0} values ", self.name);
        for (id, value) in self.values(rng, first).iter().enumerate() {
            let value = value.as_deref().map_or("null".into(), literal);
            let _ = write!(insert, "{}({id}, {value})", if id == 0 { "" } else { "," });
        }
        let inserted = client.batch_execute(&insert).await;
        inserted.unwrap_or_else(|error| panic!("{}: {:?}", self.sql, error.as_db_error()));
        let (rows, copied) = read(client, table).await;
        let mut all = Block::new(table.clone());
        let (mut rejected, mut carried) = (Vec::new(), Vec::new());
        for row in &rows {
            let block = self.both_forms(table, row);
            all.append(&block);
            if !block.rejects.is_empty() {
                rejected.push(row.id);
                self.check_reject(row, &block);
                continue;
            }
            if let Some(text) = &row.text {
                let cells = &block.columns[1];
                let back = text_of(&table.columns[1].pg, cells, 0);
                let clamped = block.clamped.values().sum();
                self.check_text(&table.columns[1].pg, row, text, &back, clamped);
                if clamped == 0 {
                    carried.push((row.id, back));
                }
            }
        }
        self.same("the COPY", &all, &copied);
        self.check_rejects(client, &rejected).await;
        self.check_way_back(client, &table.columns[1].pg, &carried).await;
    }

    /// One row as an UPDATE, in both forms.
    fn both_forms(&self, table: &Arc<Table>, row: &Row) -> Block {
        let pg = &table.columns[1].pg;
        if let (Some(binary), Some(text)) = (&row.binary, &row.text) {
            let printed = print::text(pg, binary).expect("a binary form");
            self.check_printed(&printed, text);
        }
        let id = row.id.to_be_bytes();
        let binary = one(table, &tuple(b'b', &[Some(&id), row.binary.as_deref()]));
        let id = row.id.to_string();
        let text = row.text.as_deref().map(str::as_bytes);
        let text = one(table, &tuple(b't', &[Some(id.as_bytes()), text]));
        if !has_floats(pg) || binary.rejects.is_empty() {
            self.same("the forms", &binary, &text);
        }
        binary
    }

    fn same(&self, what: &str, left: &Block, right: &Block) {
        let sql = &self.sql;
        let refused =
            |block: &Block| block.ops.iter().map(|op| *op == Op::Refused).collect::<Vec<bool>>();
        assert_eq!(refused(left), refused(right), "{what} of {sql}: rows");
        for (at, (left, right)) in left.columns.iter().zip(&right.columns).enumerate() {
            assert!(left == right, "{what} of {sql}: column {at} differs");
        }
        assert_eq!(left.clamped, right.clamped, "{what} of {sql}: clamped");
        let (left, right) = (&left.rejects, &right.rejects);
        assert_eq!(left.len(), right.len(), "{what} of {sql}: rejects");
        for (left, right) in left.iter().zip(right) {
            assert_eq!((&left.reason, &left.row), (&right.reason, &right.row), "{what} of {sql}");
        }
    }

    fn check_printed(&self, printed: &str, text: &str) {
        assert_eq!(printed, text, "{}", self.sql);
    }

    /// The row is kept as text, and the row of before ends.
    fn check_reject(&self, row: &Row, block: &Block) {
        assert_eq!(block.ops, [Op::Refused], "{}", self.sql);
        assert_eq!(block.columns[0].bytes(), row.id.to_le_bytes());
        let text = row.text.as_deref().unwrap();
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let quoted = quoted.replace('\t', "\\u0009").replace('\r', "\\u000d");
        let quoted = quoted.replace('\u{1}', "\\u0001");
        let json = format!("{{\"id\":\"{}\",\"v\":\"{quoted}\"}}", row.id);
        if !has_floats(&block.table.columns[1].pg) {
            assert_eq!(block.rejects[0].row, json, "{}", self.sql);
        }
        assert_eq!(block.rejects[0].column, "v");
    }

    /// What a scalar's cell says, against what Postgres says.
    fn check_text(&self, pg: &PgType, row: &Row, text: &str, back: &str, clamped: u64) {
        let trimmed = |text: &str| -> String {
            let (text, zone) = text.strip_suffix("+00").map_or((text, ""), |text| (text, "+00"));
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_owned() + zone,
                false => text.to_owned() + zone,
            }
        };
        let equal = match pg {
            PgType::Array(..) => true,
            PgType::Timestamp | PgType::Timestamptz | PgType::Date => match limit(text) {
                Some(limit) => clamped == 1 && back.starts_with(limit),
                None => clamped == 0 && trimmed(back) == trimmed(text),
            },
            PgType::Time | PgType::Numeric(None) => trimmed(back) == trimmed(text),
            PgType::Float4 => same_float(back.parse::<f32>().unwrap().into(), text),
            PgType::Float8 => same_float(back.parse().unwrap(), text),
            PgType::Uuid => back == text.replace('-', ""),
            // Postgres reads them back; see `check_way_back`.
            PgType::Range(_) | PgType::Multirange(_) | PgType::Money(_) => true,
            PgType::Point | PgType::Polygon | PgType::Vector | PgType::Halfvec => true,
            PgType::Composite(_) => back == row.json.as_deref().unwrap() && clamped == 0,
            _ => back == text && clamped == 0,
        };
        assert!(equal, "{}: the cell is {back:?}, Postgres prints {text:?}", self.sql);
    }

    /// Rejected are exactly those that Postgres itself finds outside the type map.
    async fn check_rejects(&self, client: &Client, rejected: &[i64]) {
        let bad = values::outside(&self.sql, "v");
        let sql = format!("select id from {} where coalesce({bad}, false) order by id", self.name);
        let expected: Vec<i64> =
            client.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        assert_eq!(rejected, expected, "{}: the wrong rows are rejected", self.sql);
    }

    /// Postgres reads the cells' text as the values that they came from.
    async fn check_way_back(&self, client: &Client, pg: &PgType, carried: &[(i64, String)]) {
        // An xml keeps a declaration that its printed form leaves out.
        if carried.is_empty() || self.sql.starts_with("xml") {
            return;
        }
        // Rows became JSON.
        if matches!(element(pg), PgType::Composite(_)) {
            return;
        }
        // No equality, or one of areas and lengths: compare as text.
        let as_text = match element(pg) {
            PgType::Json | PgType::Point | PgType::Polygon => true,
            PgType::Printed(what) => !matches!(what, Printed::Inet | Printed::Cube),
            _ => false,
        };
        let cast = if as_text { "::text" } else { "" };
        // Arrays in ClickHouse have no lower bounds of their own.
        let kept = match pg {
            PgType::Array(..) => {
                format!("regexp_replace(v::text, '^(\\[[-0-9]+:[-0-9]+\\])+=', '')::{}", self.sql)
            }
            _ => "v".into(),
        };
        let mut sql = format!("select id from {} join (values (0::int8, null::text)", self.name);
        for (id, text) in carried.iter().filter(|(_, text)| text.len() < 1 << 20) {
            let _ = write!(sql, ",({id},{})", literal(text));
        }
        let _ = write!(
            sql,
            ") k(k, x) on id = k where x is not null and x::{}{cast} is distinct from {kept}{cast}",
            self.sql
        );
        let wrong = client.query(&sql, &[]).await.unwrap_or_else(|error| {
            panic!("{}: {:?}", self.sql, error.as_db_error());
        });
        assert!(wrong.is_empty(), "{}: {:?} do not come back", self.sql, wrong[0].get::<_, i64>(0));
    }
}

fn element(pg: &PgType) -> &PgType {
    match pg {
        PgType::Array(element, _) => element,
        _ => pg,
    }
}

fn has_floats(pg: &PgType) -> bool {
    matches!(element(pg), PgType::Float4 | PgType::Float8)
}

/// Postgres's text was printed to read back as the same bits.
fn same_float(number: f64, text: &str) -> bool {
    let said: f64 = text.parse().unwrap();
    number.to_bits() == said.to_bits() || f64::from(said as f32).to_bits() == number.to_bits()
}

/// Where a date lies outside 1900..2299, the border that stands for it.
fn limit(text: &str) -> Option<&'static str> {
    const FIRST: &str = "1900-01-01";
    const LAST: &str = "2299-12-31";
    match text {
        "infinity" => return Some(LAST),
        "-infinity" => return Some(FIRST),
        _ if text.ends_with("BC") => return Some(FIRST),
        _ => {}
    }
    let year: u32 = text.split('-').next().unwrap().parse().unwrap();
    match year {
        ..1900 => Some(FIRST),
        2300.. => Some(LAST),
        _ => None,
    }
}

fn one(table: &Arc<Table>, tuple: &[u8]) -> Block {
    let mut block = Block::new(table.clone());
    let mut cursor = Cursor::new(tuple);
    push_new(&mut cursor, &mut block, None, Op::Update, version()).unwrap();
    assert!(cursor.rest().is_empty());
    assert!(block.columns.iter().all(|column| column.rows() == block.rows()));
    block
}

/// The rows in both forms, and what the decoder made of the COPY.
async fn read(client: &Client, table: &Arc<Table>) -> (Vec<Row>, Block) {
    let name = &table.name.table;
    let json = match element(&table.columns[1].pg) {
        PgType::Composite(_) => "to_json(v)",
        _ => "null",
    };
    let texts = format!("select v, {json} from {name} order by id");
    let texts = client.simple_query(&texts).await.unwrap();
    let texts = texts.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some([0, 1].map(|at| row.get(at).map(str::to_owned))),
        _ => None,
    });
    let form = binary_form("", &table.columns[1]);
    let sql = format!("COPY (select id, {form} from {name} order by id) TO STDOUT (FORMAT binary)");
    let mut pieces = pin!(client.copy_out(&sql).await.unwrap());
    let mut decoder = CopyDecoder::new(table.clone(), version());
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.unwrap();
        decoder.push(&piece).unwrap();
        bytes.extend_from_slice(&piece);
    }
    let mut cursor = Cursor::new(&bytes[19..]);
    let mut rows = Vec::new();
    for (id, [text, json]) in texts.enumerate() {
        assert_eq!((cursor.u16(), cursor.i32(), cursor.i64()), (Ok(2), Ok(8), Ok(id as i64)));
        let binary = match cursor.i32().unwrap() {
            -1 => None,
            length => Some(cursor.bytes(length as usize).unwrap().to_vec()),
        };
        rows.push(Row { id: id as i64, binary, text, json });
    }
    assert_eq!(cursor.rest(), [0xff, 0xff]);
    (rows, decoder.take())
}
