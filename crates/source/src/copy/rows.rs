//! COPY of one range, decoded as it arrives, on a thread of its own.

use super::range::Range;
use super::spare::Spare;
use crate::client::{code_of, literal, pg_error, quoted};
use crate::decode::CopyDecoder;
use crate::wire::Session;
use model::{Block, Column, Error, Result, Table, TableId, Version};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio_postgres::Client;

/// A block of long values is cut before it has all the rows that it may have.
const BLOCK_BYTES_MAX: usize = 32 << 20;
/// How often a reader that waits for the server looks whether anybody still wants its rows.
pub(super) const LOOK_UP: Duration = Duration::from_secs(1);

/// What to copy.
#[derive(Clone, Debug)]
pub struct Piece {
    pub table: Arc<Table>,
    /// `None`: the whole table.
    pub range: Option<Range>,
    /// The snapshot's.
    pub version: Version,
    /// SQL over the table's columns.
    pub predicate: Option<String>,
    /// The most rows in a block.
    pub rows_max: usize,
}

/// A connection inside a snapshot. An error ends it.
pub struct Reader {
    pub(super) session: Session,
    spare: Spare,
}

impl Reader {
    pub(super) fn new(session: Session) -> Reader {
        Reader { session, spare: Spare::default() }
    }

    /// Takes back blocks of this reader's.
    pub fn spare(&self) -> Spare {
        self.spare.clone()
    }

    /// Sends the piece's rows as blocks. Returns how many there were, rejected ones included, and
    /// the reader for the next piece.
    pub async fn read(self, piece: Piece, out: Sender<Block>) -> Result<(Reader, u64)> {
        let mut reader = self;
        let doing = format!("copy {}", piece.table.name);
        let work = move || reader.copy(&piece, &doing, &out).map(|rows| (reader, rows));
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Error::bug("a copying thread ended early").source(error))?
    }

    fn copy(&mut self, piece: &Piece, doing: &str, out: &Sender<Block>) -> Result<u64> {
        let Piece { table, range, version, predicate, rows_max } = piece;
        // The lock goes with the savepoint, not with the snapshot: an ALTER TABLE waits for a piece.
        self.session.simple_query("SAVEPOINT piece", doing)?;
        let from = self.hold(table.id).map_err(|error| error.context(doing))?;
        let sql = statement(table, &from, *range, predicate.as_deref());
        self.session.start_copy(&sql, doing)?;
        self.session.set_read_timeout(Some(LOOK_UP))?;
        let mut decoder = CopyDecoder::new(table.clone(), *version);
        decoder.exchange(self.spare.take(table));
        let (mut rows, mut bytes) = (0, 0);
        loop {
            while let Some(frame) = self.session.next_frame()? {
                let body = self.session.body(&frame);
                match frame.tag {
                    b'd' => {
                        bytes += body.len();
                        decoder.push(body).map_err(|error| error.context(doing))?;
                    }
                    b'E' => return Err(self.session.refusal(doing, body)),
                    b'Z' => {
                        self.session.set_read_timeout(None)?;
                        self.session.simple_query("ROLLBACK TO piece", doing)?;
                        decoder.end().map_err(|error| error.context(doing))?;
                        return Ok(rows + send(decoder.take(), out)?);
                    }
                    _ => {}
                }
                if decoder.rows() >= *rows_max || bytes >= BLOCK_BYTES_MAX || decoder.is_large() {
                    rows += send(decoder.exchange(self.spare.take(table)), out)?;
                    bytes = 0;
                }
            }
            self.session.fill(doing)?;
            if out.is_closed() {
                return Err(unwanted());
            }
        }
    }

    /// [`hold`] in this session.
    pub(super) fn hold(&mut self, table: TableId) -> Result<String> {
        const DOING: &str = "lock the table";
        let found = self.session.simple_query(&find_sql(table), DOING)?;
        let field = |at: usize| found.first()?.get(at)?.as_deref();
        let from = from_clause(field(0), field(1))?;
        self.session.simple_query(&lock_sql(&from), DOING).map_err(not_locked)?;
        let same = self.session.simple_query(&is_same_sql(table, field(0)), DOING)?;
        check_same(same.first().and_then(|row| row.first()?.as_deref()))?;
        Ok(from)
    }
}

fn send(block: Block, out: &Sender<Block>) -> Result<u64> {
    let rows = block.rows() + block.rejects.len();
    if rows > 0 {
        out.blocking_send(block).map_err(|_| unwanted())?;
    }
    Ok(rows as u64)
}

pub(super) fn unwanted() -> Error {
    Error::transient("could not hand over copied rows")
}

/// Locks the table against a rewrite and makes sure that none came between the snapshot and now: a
/// rewritten table looks empty to an older snapshot, and its pages are not those that were counted.
/// Returns it as a FROM clause names it.
pub async fn hold(client: &Client, table: TableId) -> Result<String> {
    let failed = |error| pg_error("lock the table", error);
    let found = client.query_opt(&find_sql(table), &[]).await.map_err(failed)?;
    let field = |at: usize| found.as_ref().map(|row| row.get(at));
    let from = from_clause(field(0), field(1))?;
    let locked = client.batch_execute(&lock_sql(&from)).await.map_err(failed);
    locked.map_err(not_locked)?;
    let same = client.query_one(&is_same_sql(table, field(0)), &[]).await.map_err(failed)?;
    check_same(same.get(0))?;
    Ok(from)
}

/// `regclass` prints today's name and `pg_relation_filenode` today's file, whereas a query over
/// `pg_class` sees those of the snapshot.
fn find_sql(table: TableId) -> String {
    format!("select oid::regclass::text, relkind::text from pg_class where oid = {}", table.0)
}

fn from_clause(name: Option<&str>, kind: Option<&str>) -> Result<String> {
    let gone = || Error::definite("cannot find the table in the snapshot");
    let name = name.ok_or_else(gone)?;
    Ok(if kind == Some("r") { format!("ONLY {name}") } else { name.to_owned() })
}

fn lock_sql(from: &str) -> String {
    format!("LOCK TABLE {from} IN ACCESS SHARE MODE")
}

/// Only names can be locked, and this one may be another table's by now.
fn not_locked(error: Error) -> Error {
    match code_of(&error) {
        Some("42P01" | "3F000") => Error::transient("could not lock the table")
            .detail("It got another name at this moment.")
            .source(error),
        _ => error,
    }
}

fn is_same_sql(table: TableId, name: Option<&str>) -> String {
    let (id, name) = (table.0, literal(name.unwrap_or_default()));
    format!(
        "select ({id}::oid::regclass::text = {name} and not exists (
            select from pg_class c
             where (c.oid = {id} or c.oid in (select relid from pg_partition_tree({id})))
               and c.relkind = 'r'
               and c.relfilenode is distinct from pg_relation_filenode(c.oid)))::text"
    )
}

fn check_same(is_same: Option<&str>) -> Result<()> {
    match is_same {
        Some("true") => Ok(()),
        _ => Err(Error::transient("could not use the snapshot")
            .detail("The table was rewritten, truncated or renamed after the snapshot was taken.")),
    }
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
    use model::{PgType, TableName};

    #[test]
    fn the_statement_names_columns_pages_and_the_predicate() {
        let column = |name: &str, pg| Column::new(name, pg);
        let table = Table {
            key: vec![0],
            ..Table::new(
                TableId(1),
                TableName::new("public", "t"),
                vec![column("id", PgType::Int8), column("a\"b", PgType::Other)],
            )
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
