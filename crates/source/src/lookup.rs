//! Today's values of rows by their key, for values that the stream calls "unchanged" (TOAST) and
//! that neither the batch nor the store has.
//!
//! Today's value may be newer than the change it fills in. That heals itself: the change that made it
//! so is still to come in the stream, with a larger version. A row that is gone will be deleted there.
//! The table may be another one by now: its columns are told by their `attnum`.

mod text;

pub(crate) use text::{bytea as bytea_text, civil, of as text_of};

use crate::catalog;
use crate::client::{code_of, literal, pg_error, quoted};
use crate::copy::binary_form;
use crate::decode::CopyDecoder;
use futures_util::StreamExt;
use model::{Block, Cells, Column, Error, Op, PgType, Reject, Result, Table, Version};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use tokio_postgres::{Client, Row};

/// Keys in one statement: its text stays below a few megabytes.
const KEYS_MAX: usize = 5_000;

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// The columns that were asked for, in that order.
    pub columns: Vec<Today>,
    /// For each row that was asked for, where it is in `columns`. `None`: there is no such row any
    /// more, or it is among the `rejects`.
    pub at: Vec<Option<usize>>,
    /// By the row that was asked for. They hold the wanted columns alone, and no version.
    pub rejects: BTreeMap<usize, Reject>,
}

/// A column as the source has it now.
#[derive(Debug)]
pub enum Today {
    Values(Cells),
    /// It is no more.
    Dropped,
    /// Its values are of another type, or nothing tells its rows apart any more.
    Other,
}

/// Looks up `rows` of the block by their key columns and reads the columns with the indexes
/// `columns` of the block's table.
pub async fn rows_by_key(
    client: &Client,
    keys: &Block,
    rows: &[usize],
    columns: &[usize],
) -> Result<Found> {
    let table = &keys.table;
    let doing = format!("look up rows of {}", table.name);
    if !table.has_key() {
        return Err(Error::bug(format!("cannot {doing}: it has no key")));
    }
    let nothing = || Found {
        columns: columns.iter().map(|_| Today::Other).collect(),
        at: vec![None; rows.len()],
        rejects: BTreeMap::new(),
    };
    let Some(now) = Now::look(client, table).await.map_err(|error| error.context(&doing))? else {
        return Ok(nothing());
    };
    let mut found = nothing();
    let (mut names, mut read) = (Vec::new(), Vec::new());
    for (today, &at) in found.columns.iter_mut().zip(columns) {
        let column = &table.columns[at];
        *today = match now.columns.get(&column.attnum) {
            None => Today::Dropped,
            Some(now) if !now.is_read_as(column) => Today::Other,
            Some(now) => {
                names.push(binary_form("t.", &Column { name: now.name.clone(), ..column.clone() }));
                read.push(at);
                Today::Values(Cells::new(column.pg.kind()))
            }
        };
    }
    if read.is_empty() {
        return Ok(found);
    }
    let narrow = Arc::new(narrowed(table, &read));
    for (chunk, part) in rows.chunks(KEYS_MAX).enumerate() {
        let sql = statement(&now, &names, keys, part);
        match self::read(client, &sql, &narrow, &doing).await {
            Ok(answer) => found.take(answer, chunk * KEYS_MAX),
            Err(error) => match code_of(&error) {
                // Its key is of a type that is not compared with the one of before.
                Some("42883") => return Ok(nothing()),
                Some("42703" | "42P01") => {
                    return Err(Error::transient(format!("could not {doing}"))
                        .detail("It was changed at the source meanwhile.")
                        .source(error));
                }
                _ => return Err(error),
            },
        }
    }
    Ok(found)
}

impl Found {
    /// Column 0 of an answer says which of the chunk's rows it is, from 1.
    fn take(&mut self, answer: Block, first: usize) {
        let mut columns: Vec<&mut Cells> =
            self.columns.iter_mut().filter_map(Today::values).collect();
        let base = columns.first().map_or(0, |cells| cells.rows());
        for (row, ordinal) in answer.columns[0].bytes().chunks_exact(4).enumerate() {
            // It is among the rejects.
            if answer.ops[row] == Op::Refused {
                continue;
            }
            let ordinal = i32::from_le_bytes(ordinal.try_into().expect("4 bytes"));
            self.at[first + ordinal as usize - 1] = Some(base + row);
        }
        for (mine, theirs) in columns.iter_mut().zip(&answer.columns[1..]) {
            mine.extend_from(theirs, 0, answer.rows());
        }
        for reject in answer.rejects {
            // The ordinal is its key.
            let ordinal = reject.key.trim_matches(['[', '"', ']']).parse::<usize>();
            if let Ok(ordinal) = ordinal {
                self.rejects.insert(first + ordinal - 1, reject);
            }
        }
    }
}

impl Today {
    fn values(&mut self) -> Option<&mut Cells> {
        match self {
            Today::Values(cells) => Some(cells),
            Today::Dropped | Today::Other => None,
        }
    }
}

/// A table as the source has it now.
struct Now {
    from: String,
    /// Of each part of the key: its name, and the type that its texts are cast to.
    key: Vec<(String, String)>,
    /// By `attnum`.
    columns: BTreeMap<i16, Named>,
}

struct Named {
    name: String,
    type_oid: u32,
    pg: PgType,
}

impl Named {
    /// Whether its values read like the column's: a type may have another name.
    fn is_read_as(&self, column: &Column) -> bool {
        let pg = match &column.pg {
            PgType::AsText(pg) => pg,
            pg => pg,
        };
        self.type_oid == column.type_oid || self.pg == *pg
    }
}

impl Now {
    /// `None`: it is no more, or a part of its key.
    async fn look(client: &Client, table: &Table) -> Result<Option<Now>> {
        let Some((from, types)) = describe(client, table).await? else { return Ok(None) };
        let sql =
            "select attnum, attname::text, atttypid, atttypmod, attndims::int4 from pg_attribute
                    where attrelid = $1 and attnum > 0 and not attisdropped";
        let rows = client.query(sql, &[&table.id.0]).await;
        let rows = rows.map_err(|error| pg_error("find its columns", error))?;
        let dimensions = |row: &Row| row.get::<_, i32>(4).clamp(0, 255) as u8;
        let described: Vec<_> =
            rows.iter().map(|row| (row.get(2), row.get(3), dimensions(row))).collect();
        let resolved = catalog::types_of(client, &described).await?;
        let named = rows
            .iter()
            .zip(resolved)
            .map(|(row, pg)| (row.get(0), Named { name: row.get(1), type_oid: row.get(2), pg }));
        let columns: BTreeMap<i16, Named> = named.collect();
        let name = |&at: &usize| Some(columns.get(&table.columns[at].attnum)?.name.clone());
        let names: Option<Vec<String>> = table.key.iter().map(name).collect();
        let key = names.map(|names| names.into_iter().zip(types).collect());
        Ok(key.map(|key| Now { from, key, columns }))
    }
}

/// Today's name for a FROM clause, and the types that the key's texts are cast to. `None`: it is no
/// more.
pub async fn describe(client: &Client, table: &Table) -> Result<Option<(String, Vec<String>)>> {
    let sql = "
        select case c.relkind when 'r' then 'ONLY ' else '' end || c.oid::regclass::text,
               array(select format_type(k.oid, k.typmod)
                       from unnest($2::oid[], $3::int4[]) with ordinality k(oid, typmod, n)
                      order by k.n)
          from pg_class c where c.oid = $1";
    let key = || table.key.iter().map(|&at| &table.columns[at]);
    let oids: Vec<u32> = key().map(|column| column.type_oid).collect();
    let typmods: Vec<i32> = key().map(|column| column.typmod).collect();
    let row = client.query_opt(sql, &[&table.id.0, &oids, &typmods]).await;
    let row = row.map_err(|error| pg_error("find the table", error))?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

/// The wanted columns behind an ordinal.
fn narrowed(table: &Table, columns: &[usize]) -> Table {
    let ordinal = Column {
        name: "n".into(),
        attnum: 0,
        type_oid: 23,
        typmod: -1,
        pg: PgType::Int4,
        type_name: "integer".into(),
        not_null: true,
    };
    let wanted = columns.iter().map(|&at| table.columns[at].clone());
    // Behind the ordinal.
    let place = |at: usize| columns.iter().position(|&column| column == at).map(|at| at + 1);
    let rules = table.rules.iter().filter_map(|(&at, &rule)| Some((place(at)?, rule)));
    Table {
        id: table.id,
        name: table.name.clone(),
        columns: [ordinal].into_iter().chain(wanted).collect(),
        key: vec![0],
        identity: table.identity,
        objects: Vec::new(),
        // Of no interest in what is set aside.
        excluded: vec![0],
        rules: rules.collect(),
        written: model::Written::default(),
    }
}

/// COPY takes no parameters, so the keys stand in the statement, quoted.
fn statement(now: &Now, wanted: &[String], keys: &Block, rows: &[usize]) -> String {
    let (mut lists, mut names, mut matches) = (Vec::new(), Vec::new(), Vec::new());
    for ((n, &at), (name, cast)) in keys.table.key.iter().enumerate().zip(&now.key) {
        let cells = &keys.columns[at];
        let value = |&row: &usize| literal(&text::of(&keys.table.columns[at].pg, cells, row));
        let values: Vec<String> = rows.iter().map(value).collect();
        lists.push(format!("ARRAY[{}]::text[]", values.join(",")));
        names.push(format!("k{n}"));
        matches.push(format!("t.{} = k.k{n}::{cast}", quoted(name)));
    }
    format!(
        "COPY (SELECT k.n::int4, {} FROM unnest({}) WITH ORDINALITY k({}, n) JOIN {} t ON {}) \
         TO STDOUT (FORMAT binary)",
        wanted.join(", "),
        lists.join(", "),
        names.join(", "),
        now.from,
        matches.join(" AND ")
    )
}

async fn read(client: &Client, sql: &str, narrow: &Arc<Table>, doing: &str) -> Result<Block> {
    let pieces = client.copy_out(sql).await.map_err(|error| pg_error(doing, error))?;
    let mut pieces = pin!(pieces);
    let mut decoder = CopyDecoder::new(narrow.clone(), Version(0));
    while let Some(piece) = pieces.next().await {
        decoder.push(&piece.map_err(|error| pg_error(doing, error))?)?;
    }
    Ok(decoder.take())
}
