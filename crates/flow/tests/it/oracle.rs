//! Every type end to end, with Postgres as the oracle.
//!
//! ```text
//! random values ─▶ Postgres ─┬─ copy ───▶ ClickHouse ─▶ its JSON ─┐
//!                            ├─ stream ─▶                         ├─▶ the same, or a rule of the map
//!                            └──────────▶ what Postgres prints ───┘
//! ```
//!
//! Neither our decoders nor the expressions of `verify` have a part in the comparison; `verify` has to
//! come to the same end by itself. `MILLRACE_SEED` replays a run, `MILLRACE_SECONDS` (10) is its
//! time, and one round is always played.

mod same;

use crate::support::World;
use cluster::values::{self, Rng, Type};
use flow::Pipeline;
use flow::resync::ResyncOptions;
use flow::verify::VerifyOptions;
use serde_json::Value;
use std::fmt::Write;
use std::time::{Duration, Instant, SystemTime};

/// By stream and by copy, each round.
const ROWS_EACH: usize = 25;
/// How many dimensions the columns of a table have.
const TABLES: [(&str, usize); 3] = [("kinds", 0), ("lists", 1), ("grids", 2)];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// docs/pains.md 7
#[tokio::test(flavor = "multi_thread")]
async fn every_type_arrives_as_it_is_in_a_binary_session() {
    play("o_binary", "").await;
}

/// The binary form of a `regclass` has no name in it, so that the stream is asked for text.
#[tokio::test(flavor = "multi_thread")]
async fn every_type_arrives_as_it_is_in_a_text_session() {
    play("o_text", "create table o_text.forces (id int primary key, r regclass);").await;
}

async fn play(schema: &'static str, more: &str) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut rng = Rng(number("MILLRACE_SEED").unwrap_or(now.as_nanos() as u64));
    println!("MILLRACE_SEED={}", rng.0);
    let until = Instant::now() + Duration::from_secs(number("MILLRACE_SECONDS").unwrap_or(10));
    let world = World::new(schema, "");
    let available = world.sql("select string_agg(name, ' ') from pg_available_extensions");
    let available: Vec<String> = available.split(' ').map(str::to_owned).collect();
    let types = values::types(&available);
    world.sql(&on_path(&world, &create(&types, &values::setup(&available), more)));
    fill(&world, &types, &mut rng, true);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let session = world.sql("select query from pg_stat_activity where backend_type = 'walsender'");
    let is_binary = session.contains("binary 'true'");
    assert_eq!(is_binary, more.is_empty(), "{session}");
    let mut rounds = 0;
    while rounds == 0 || Instant::now() < until {
        if rounds > 0 {
            world.sql("truncate kinds, lists, grids");
            fill(&world, &types, &mut rng, false);
            world.settle(&pipeline).await;
            resync(&world, &pipeline).await;
        }
        fill(&world, &types, &mut rng, false);
        world.settle(&pipeline).await;
        compare(&world, &types).await;
        verify(&pipeline).await;
        rounds += 1;
    }
    println!("{rounds} rounds of {} types", types.len());
    pipeline.shutdown().await.unwrap();
}

fn of_table((sql, _, _): Type, dimensions: usize) -> String {
    sql.to_owned() + &"[]".repeat(dimensions)
}

fn create(types: &[Type], setup: &str, more: &str) -> String {
    let mut sql = format!("{setup} {more}");
    for (table, dimensions) in TABLES {
        let columns = types.iter().enumerate();
        let columns = columns.map(|(at, &ty)| format!("c{at} {}", of_table(ty, dimensions)));
        let columns: Vec<String> = columns.collect();
        let _ = write!(
            sql,
            "create table {table} (id bigint generated always as identity primary key, {0});
             create unlogged table drafts_{table} ({0});",
            columns.join(", ")
        );
    }
    sql + "create publication p for table kinds, lists, grids"
        + if more.is_empty() { "" } else { ", forces" }
}

/// New rows, without values that ClickHouse cannot carry.
fn fill(world: &World, types: &[Type], rng: &mut Rng, first: bool) {
    for (table, dimensions) in TABLES {
        let mut sql = format!("insert into drafts_{table} values ");
        for row in 0..ROWS_EACH {
            sql += if row == 0 { "(" } else { ",(" };
            for (at, &(ty, shape, borders)) in types.iter().enumerate() {
                let value = match (dimensions, borders.get(row)) {
                    (0, Some(border)) if first => Some(border.to_string()),
                    (0, _) => values::scalar(rng, shape),
                    (declared, _) => {
                        let delimiter = values::delimiter(ty);
                        values::array(rng, shape, borders, declared as u64, delimiter)
                    }
                };
                let value = value.map_or("null".into(), |value| literal(&value));
                let _ = write!(sql, "{}{value}", if at == 0 { "" } else { "," });
            }
            sql.push(')');
        }
        for (at, &ty) in types.iter().enumerate() {
            let outside = values::outside(&of_table(ty, dimensions), &format!("c{at}"));
            if outside != "false" {
                let _ = write!(sql, "; update drafts_{table} set c{at} = null where {outside}");
            }
        }
        let columns: Vec<String> = (0..types.len()).map(|at| format!("c{at}")).collect();
        let columns = columns.join(", ");
        let _ = write!(
            sql,
            "; insert into {table} ({columns}) select {columns} from drafts_{table};
             truncate drafts_{table}"
        );
        world.sql(&format!("set client_min_messages = error; {}", on_path(world, &sql)));
    }
}

/// Extensions are where the setup put them, in the schema.
fn on_path(world: &World, sql: &str) -> String {
    format!("set search_path = {}, public; {sql}", world.schema)
}

fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

async fn resync(world: &World, pipeline: &Pipeline) {
    let tables = TABLES.iter().map(|(table, _)| format!("{}.{table}", world.schema)).collect();
    let options = ResyncOptions { tables, rows_per_second_max: 0 };
    assert_eq!(pipeline.handle().resync(options).await.unwrap().len(), TABLES.len());
    world.settle(pipeline).await;
}

async fn verify(pipeline: &Pipeline) {
    let verdict = pipeline.handle().verify(VerifyOptions { tables: vec![], keys_max: 5 }).await;
    for table in verdict.unwrap().tables {
        assert_eq!((table.differing_keys, &table.skipped), (0, &None), "{table:#?}");
        // Arrays inside the elements of grids.
        let may_be_left_out = table.name.ends_with("grids");
        assert!(may_be_left_out || table.columns_not_compared.is_empty(), "{table:#?}");
    }
}

async fn compare(world: &World, types: &[Type]) {
    for (table, dimensions) in TABLES {
        let theirs = of_postgres(world, types, table, dimensions);
        let ours = of_clickhouse(world, types, table, dimensions).await;
        for (at, &ty) in types.iter().enumerate() {
            let column = theirs[at].as_array().expect("rows");
            assert_eq!(column.len(), ours.len(), "rows of {table}");
            for (row, pair) in column.iter().enumerate() {
                let (id, printed, kept) = (&pair[0], &pair[1], &ours[row][at]);
                assert!(
                    same::is_same(ty.0, dimensions, printed, kept),
                    "{table} {id}, {}: Postgres has {printed}, ClickHouse {kept}",
                    of_table(ty, dimensions)
                );
            }
        }
    }
}

/// Of each column its rows, `[id, value]`.
fn of_postgres(world: &World, types: &[Type], table: &str, dimensions: usize) -> Vec<Value> {
    let columns = types.iter().enumerate().map(|(at, &(ty, _, _))| {
        let value = same::printed(ty, dimensions, &format!("c{at}"));
        format!(
            "select {at} as n, (select json_agg(json_build_array(id, {value}) order by id) from {table}) as j"
        )
    });
    let columns: Vec<String> = columns.collect();
    let sql = format!(
        "set timezone = 'UTC'; set lc_monetary = 'C';
         select encode(convert_to(json_agg(j order by n)::text, 'UTF8'), 'hex') from ({}) s",
        columns.join(" union all ")
    );
    // As hex: psql leaves out letters that it takes for none.
    let hex = world.sql(&on_path(world, &sql));
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("hex") as u8;
    let bytes = hex.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1]));
    serde_json::from_slice(&bytes.collect::<Vec<u8>>()).expect("JSON")
}

async fn of_clickhouse(
    world: &World,
    types: &[Type],
    table: &str,
    dimensions: usize,
) -> Vec<Vec<Value>> {
    let columns = types.iter().enumerate();
    let columns = columns.map(|(at, &(ty, _, _))| same::kept(ty, dimensions, &format!("c{at}")));
    let columns: Vec<String> = columns.collect();
    let sql = format!(
        "SELECT {} FROM {}.{table} ORDER BY id \
         SETTINGS output_format_json_quote_64bit_integers = 1, output_format_json_quote_decimals = 1, \
         output_format_json_quote_64bit_floats = 1, output_format_json_quote_denormals = 1",
        columns.join(", "),
        world.schema
    );
    let rows = crate::support::home().query(&sql).await.unwrap();
    let value = |field: Option<String>| {
        let Some(text) = field else { return Value::Null };
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    rows.into_iter().map(|row| row.into_iter().map(value).collect()).collect()
}
