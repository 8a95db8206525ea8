//! COPY of one range, decoded as it arrives.

use super::range::Range;
use crate::client::{pg_error, quoted};
use crate::decode::CopyDecoder;
use futures_util::StreamExt;
use model::{Block, Column, Error, Result, Table, TableId, Version};
use std::fmt::Write;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;
use tokio_postgres::Client;

/// A block of long values is cut before it has all the rows that it may have.
const BLOCK_BYTES_MAX: usize = 64 << 20;

/// Copies a range of a heap, or with `None` the whole table, into blocks of at most `rows_max` rows.
/// `client` stands in a snapshot and `version` is that snapshot's. `extra_predicate` is SQL over the
/// table's columns. Returns the rows sent, rejected ones included.
pub async fn copy_range(
    client: &Client,
    table: &Arc<Table>,
    range: Option<Range>,
    version: Version,
    extra_predicate: Option<&str>,
    rows_max: usize,
    out: &Sender<Block>,
) -> Result<u64> {
    let doing = format!("copy {}", table.name);
    let from = hold(client, table.id).await.map_err(|error| error.context(&doing))?;
    let sql = statement(table, &from, range, extra_predicate);
    let pieces = client.copy_out(&sql).await.map_err(|error| pg_error(&doing, error))?;
    let mut pieces = pin!(pieces);
    let mut decoder = CopyDecoder::new(table.clone(), version);
    let (mut rows, mut bytes) = (0, 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| pg_error(&doing, error))?;
        bytes += piece.len();
        decoder.push(&piece)?;
        if decoder.rows() >= rows_max || bytes >= BLOCK_BYTES_MAX {
            rows += send(decoder.take(), out).await?;
            bytes = 0;
        }
    }
    Ok(rows + send(decoder.take(), out).await?)
}

async fn send(block: Block, out: &Sender<Block>) -> Result<u64> {
    let rows = block.rows() + block.rejects.len();
    if rows > 0 {
        out.send(block).await.map_err(|_| Error::transient("could not hand over copied rows"))?;
    }
    Ok(rows as u64)
}

/// Locks the table against a rewrite and makes sure that none came between the snapshot and now: a
/// rewritten table looks empty to an older snapshot, and its pages are not those that were counted.
/// Returns it as a FROM clause names it.
pub async fn hold(client: &Client, table: TableId) -> Result<String> {
    // `regclass` prints today's name and `pg_relation_filenode` today's file, whereas a query over
    // `pg_class` sees those of the snapshot.
    let sql = "select c.oid::regclass::text, c.relkind::text from pg_class c where c.oid = $1";
    let row = client.query_opt(sql, &[&table.0]).await;
    let row = row.map_err(|error| pg_error("find the table", error))?;
    let row = row.ok_or_else(|| Error::definite("cannot find the table in the snapshot"))?;
    let (name, kind): (&str, &str) = (row.get(0), row.get(1));
    let from = match kind {
        "r" => format!("ONLY {name}"),
        _ => name.to_owned(),
    };
    let lock = client.batch_execute(&format!("LOCK TABLE {from} IN ACCESS SHARE MODE")).await;
    lock.map_err(|error| pg_error("lock the table", error))?;
    let sql = "
        select exists (
            select from pg_class c
             where (c.oid = $1 or c.oid in (select relid from pg_partition_tree($1)))
               and c.relkind = 'r' and c.relfilenode is distinct from pg_relation_filenode(c.oid))";
    let row = client.query_one(sql, &[&table.0]).await;
    if row.map_err(|error| pg_error("look at the table's file", error))?.get(0) {
        return Err(Error::transient("could not use the snapshot")
            .detail("The table was rewritten or truncated after the snapshot was taken."));
    }
    Ok(from)
}

fn statement(table: &Table, from: &str, range: Option<Range>, extra: Option<&str>) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| binary_form("", column)).collect();
    let mut sql = format!("COPY (SELECT {} FROM {from}", columns.join(", "));
    let mut glue = " WHERE ";
    let mut and = |condition: std::fmt::Arguments<'_>| {
        let _ = write!(sql, "{glue}{condition}");
        glue = " AND ";
    };
    if let Some(Range { from_page, to_page }) = range {
        if from_page > 0 {
            and(format_args!("ctid >= '({from_page},0)'"));
        }
        if let Some(to_page) = to_page {
            and(format_args!("ctid < '({to_page},0)'"));
        }
    }
    if let Some(extra) = extra {
        and(format_args!("({extra})"));
    }
    sql.push_str(") TO STDOUT (FORMAT binary)");
    sql
}

/// The column as [`CopyDecoder`] reads it: as text where we do not know the binary form. The text is
/// what the stream sends, which a cast is not always: `inet` gets its netmask there. `IS DISTINCT
/// FROM NULL`, because a row whose fields are NULL "is null" and yet is none.
pub(crate) fn binary_form(prefix: &str, column: &Column) -> String {
    let name = format!("{prefix}{}", quoted(&column.name));
    match column.pg.has_binary() {
        true => name,
        false => {
            format!(
                "CASE WHEN {name} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {name}) END"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{PgType, ReplicaIdentity, TableName};

    #[test]
    fn the_statement_names_columns_pages_and_the_predicate() {
        let column = |name: &str, pg| Column {
            name: name.into(),
            attnum: 1,
            type_oid: 0,
            typmod: -1,
            pg,
            type_name: String::new(),
            not_null: false,
        };
        let table = Table {
            id: TableId(1),
            name: TableName::new("public", "t"),
            columns: vec![column("id", PgType::Int8), column("a\"b", PgType::Other)],
            key: vec![0],
            identity: ReplicaIdentity::Default,
        };
        let range = |from_page, to_page| Some(Range { from_page, to_page });
        let sql = |range, extra| statement(&table, "ONLY public.t", range, extra);
        let text = "pg_catalog.format('%s', \"a\"\"b\")";
        let text = format!("CASE WHEN \"a\"\"b\" IS DISTINCT FROM NULL THEN {text} END");
        let head = format!("COPY (SELECT \"id\", {text} FROM ONLY public.t");
        let tail = ") TO STDOUT (FORMAT binary)";
        assert_eq!(sql(None, None), format!("{head}{tail}"));
        assert_eq!(sql(range(0, None), None), format!("{head}{tail}"));
        assert_eq!(
            sql(range(8, Some(16)), Some("x or y")),
            format!("{head} WHERE ctid >= '(8,0)' AND ctid < '(16,0)' AND (x or y){tail}")
        );
    }
}
