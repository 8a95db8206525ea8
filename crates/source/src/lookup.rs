//! Today's values of rows by their key, for values that the stream calls "unchanged" (TOAST) and
//! that neither the batch nor the store has.
//!
//! Today's value may be newer than the change it fills in. That heals itself: the change that made it
//! so is still to come in the stream, with a larger version. A row that is gone will be deleted there.

mod text;

pub(crate) use text::{bytea as bytea_text, civil, of as text_of};

use crate::client::{literal, pg_error};
use crate::copy::binary_form;
use crate::decode::CopyDecoder;
use futures_util::StreamExt;
use model::{Block, Cells, Column, Error, Op, PgType, Reject, Result, Table, Version};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use tokio_postgres::Client;

/// Keys in one statement: its text stays below a few megabytes.
const KEYS_MAX: usize = 5_000;

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// The columns that were asked for, in that order.
    pub columns: Vec<Cells>,
    /// For each row that was asked for, where it is in `columns`. `None`: there is no such row any
    /// more, or it is among the `rejects`.
    pub at: Vec<Option<usize>>,
    /// By the row that was asked for. They hold the wanted columns alone, and no version.
    pub rejects: BTreeMap<usize, Reject>,
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
    let (name, types) = describe(client, table).await.map_err(|error| error.context(&doing))?;
    let narrow = Arc::new(narrowed(table, columns));
    let mut found = Found {
        columns: columns.iter().map(|&at| Cells::new(table.columns[at].pg.kind())).collect(),
        at: vec![None; rows.len()],
        rejects: BTreeMap::new(),
    };
    for (chunk, part) in rows.chunks(KEYS_MAX).enumerate() {
        let sql = statement(&name, &types, &narrow, keys, part)?;
        let answer = read(client, &sql, &narrow, &doing).await?;
        found.take(answer, chunk * KEYS_MAX);
    }
    Ok(found)
}

impl Found {
    /// Column 0 of an answer says which of the chunk's rows it is, from 1.
    fn take(&mut self, answer: Block, first: usize) {
        let base = self.columns.first().map_or(0, Cells::rows);
        for (row, ordinal) in answer.columns[0].bytes().chunks_exact(4).enumerate() {
            // It is among the rejects.
            if answer.ops[row] == Op::Refused {
                continue;
            }
            let ordinal = i32::from_le_bytes(ordinal.try_into().expect("4 bytes"));
            self.at[first + ordinal as usize - 1] = Some(base + row);
        }
        for (mine, theirs) in self.columns.iter_mut().zip(&answer.columns[1..]) {
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

/// Today's name for a FROM clause, and the types that the key's texts are cast to.
pub async fn describe(client: &Client, table: &Table) -> Result<(String, Vec<String>)> {
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
    let row = row.ok_or_else(|| Error::definite("cannot find the table"))?;
    Ok((row.get(0), row.get(1)))
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
fn statement(
    name: &str,
    types: &[String],
    narrow: &Table,
    keys: &Block,
    rows: &[usize],
) -> Result<String> {
    let (mut lists, mut names, mut matches) = (Vec::new(), Vec::new(), Vec::new());
    for ((n, &at), cast) in keys.table.key.iter().enumerate().zip(types) {
        let column = &keys.table.columns[at];
        let cells = &keys.columns[at];
        let value = |&row: &usize| literal(&text::of(&column.pg, cells, row));
        let values: Vec<String> = rows.iter().map(value).collect();
        lists.push(format!("ARRAY[{}]::text[]", values.join(",")));
        names.push(format!("k{n}"));
        matches.push(format!("t.{} = k.k{n}::{cast}", crate::client::quoted(&column.name)));
    }
    let wanted: Vec<String> = narrow.columns[1..]
        .iter()
        .map(|column| format!(", {}", binary_form("t.", column)))
        .collect();
    Ok(format!(
        "COPY (SELECT k.n::int4{} FROM unnest({}) WITH ORDINALITY k({}, n) JOIN {name} t ON {}) \
         TO STDOUT (FORMAT binary)",
        wanted.concat(),
        lists.join(", "),
        names.join(", "),
        matches.join(" AND ")
    ))
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
