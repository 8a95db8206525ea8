//! A block that may have come before, at a server of its own.
//!
//! ```text
//! write   deduplication_logs/…   the token of the block
//! rename  tmp_insert_… ─▶ …      its part
//! ```
//!
//! A server that is killed in between has a token without rows, and drops the repetition of its block: lost,
//! and answered with 200. A power cut may take the token of a part that stays. So of a repeated block it is asked
//! which partitions have any row of it; rows say which token they came with ([`token`]). A partition is there whole or
//! not at all: where some of its rows are missing, they were deleted since, and stay so.
//!
//! ```text
//! what lacks its partition ─▶ insert, by its token ─▶ what still does ─▶ insert, by another token
//! ```
//!
//! Where a row's partition follows from more than what is sent (a default of the server's), a block of which anything
//! is there is left to its token, as with a replicated table: Keeper has a token and its part at once. (The engine in
//! the process: [`crate::embedded`]'s `tokens`.)
//!
//! With views over the table the first insert has all rows: one that the block did not reach gets it then. But not
//! once the server has restarted: if that lost the token, the table would have the block twice.

use super::Remote;
use super::server::{locked, random};
use crate::{Beside, Insert, Receipt, Rows, Token, ddl, token, tsv};
use model::{Error, Fate, Result, TableName};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// Tokens that were sent and not answered, with their tables.
#[derive(Default)]
pub(super) struct Unanswered(Mutex<HashSet<(TableName, String)>>);

impl Unanswered {
    /// Whether it was among them.
    fn sends(&self, table: &TableName, token: &Token) -> bool {
        !locked(&self.0).insert((table.clone(), token.name.clone()))
    }

    fn is_answered(&self, table: &TableName, token: &Token) {
        locked(&self.0).remove(&(table.clone(), token.name.clone()));
    }
}

impl Remote {
    /// As one block, however often it is sent.
    pub(super) async fn write_once(&self, insert: Insert) -> Result<Receipt> {
        let Some(token) = insert.token.clone() else { return self.write_block(insert).await };
        let (table, unanswered) = (insert.target.rows.clone(), &self.inner.unanswered);
        let is_sent_again = unanswered.sends(&table, &token);
        let written = match is_sent_again || token.again {
            true => self.write_again(insert, &token).await,
            false => self.write_block(insert).await,
        };
        if written.as_ref().err().is_none_or(|error| error.fate() != Fate::Transient) {
            unanswered.is_answered(&table, &token);
        }
        written
    }

    async fn write_again(&self, insert: Insert, token: &Token) -> Result<Receipt> {
        let rows = insert.block.rows() as u64;
        let kept = match rows > 0 && token.is_told_by_rows() {
            true => self.kept_by_itself(&insert, token).await?,
            false => None,
        };
        let Some(kept) = kept else { return self.write_block(insert).await };
        let Some(lacking) = self.lacking(&insert, token, &kept).await? else {
            return self.write_block(insert).await;
        };
        if kept.is_for_views {
            let _ = self.write_block(insert.clone()).await?;
        } else if !lacking.is_empty() {
            let _ = self.write_block(only(&insert, &lacking)).await?;
        }
        let lacking = match lacking.is_empty() {
            true => lacking,
            false => self.lacking(&insert, token, &kept).await?.unwrap_or_default(),
        };
        if !lacking.is_empty() {
            let (table, lost) = (&insert.target.rows, lacking.len());
            tracing::warn!(%table, rows = lost, "the server drops a block that it does not have; it is written under another token");
            let renamed = Some(token.renamed(&random()));
            let _ = self.write_block(Insert { token: renamed, ..only(&insert, &lacking) }).await?;
        }
        Ok(Receipt { rows })
    }

    /// `None`: a replicated table, or one that does not say tokens yet.
    async fn kept_by_itself(&self, insert: &Insert, token: &Token) -> Result<Option<Kept>> {
        if self.inner.layout.cluster().is_some() {
            return Ok(None);
        }
        let table = &insert.target.rows;
        let [database, name] = [&table.schema, &table.table].map(|name| ddl::literal(name));
        let of_it = format!("database = {database} AND table = {name}");
        // By the server's clock, which has written when the batch was recorded. Of others it is not known.
        let sql = format!(
            "SELECT partition_key, \
               notEmpty(dependencies_table) AND (SELECT max(at) FROM millrace.batches WHERE token = {}) \
                 > now64(3) - toIntervalSecond(uptime()), \
               (SELECT toString(groupArray(name)) FROM system.columns WHERE {of_it} AND is_in_partition_key) \
             FROM system.tables WHERE database = {database} AND name = {name} \
               AND NOT match(engine, '^(Replicated|Shared)') \
               AND name IN (SELECT table FROM system.columns WHERE {of_it} AND name = {})",
            ddl::literal(&token.name),
            ddl::literal(token::COLUMN)
        );
        let row = self.rows_of(&sql).await?.into_iter().next();
        Ok(row.map(|row| {
            let mut fields = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || fields.next().unwrap_or_default();
            let (partition_key, is_for_views) = (next(), next() == "1");
            let sent = insert.target.columns.iter().filter(|column| column.default.is_none());
            let sent: Vec<String> = sent.map(|column| ddl::literal(&column.name)).collect();
            let asked = next();
            let asked = asked.trim_matches(['[', ']']).split_terminator(',');
            let is_told_by_what_is_sent =
                asked.into_iter().all(|column| sent.iter().any(|sent| sent == column));
            Kept { partition_key, is_told_by_what_is_sent, is_for_views }
        }))
    }

    /// The rows whose partition has none of the block. `None`: some of it is there, and no more is known.
    async fn lacking(
        &self,
        insert: &Insert,
        token: &Token,
        kept: &Kept,
    ) -> Result<Option<Vec<usize>>> {
        let (table, which) = (ddl::name(&insert.target.rows), token.which());
        let there = format!("SELECT count() > 0 FROM {table} WHERE {which}");
        if numbers(self.rows_of(&there).await?)? != [1] {
            return Ok(Some((0..insert.block.rows()).collect()));
        }
        if kept.partition_key.is_empty() {
            return Ok(Some(Vec::new()));
        }
        if !kept.is_told_by_what_is_sent {
            return Ok(None);
        }
        // NULL is a partition like any other.
        let partition = format!("toString(tuple({}))", kept.partition_key);
        let sql = format!(
            "SELECT millrace_row FROM (SELECT rowNumberInAllBlocks() AS millrace_row, millrace_part \
               FROM (SELECT {partition} AS millrace_part FROM {})) \
             WHERE millrace_part NOT IN (SELECT {partition} FROM {table} WHERE {which}) ORDER BY millrace_row",
            Beside::TABLE
        );
        let beside = Beside { target: insert.target.clone(), block: insert.block.clone() };
        match self.read_beside(&sql, "TabSeparated", &beside).await {
            Ok(Some(rows)) => numbers(tsv::read(&rows)).map(Some),
            Err(error) if error.fate() == Fate::Transient => Err(error),
            // Too many bytes, or a value that is refused: the block itself says so.
            Ok(None) | Err(_) => Ok(None),
        }
    }

    async fn rows_of(&self, sql: &str) -> Result<Rows> {
        Ok(tsv::read(&self.read(sql, "TabSeparated").await?))
    }
}

/// A table whose server alone has it.
struct Kept {
    /// An expression.
    partition_key: String,
    is_told_by_what_is_sent: bool,
    /// There are some, and the server knows the token, if it ever did.
    is_for_views: bool,
}

fn only(insert: &Insert, rows: &[usize]) -> Insert {
    match rows.len() == insert.block.rows() {
        true => insert.clone(),
        false => Insert { block: Arc::new(insert.block.only(rows)), ..insert.clone() },
    }
}

fn numbers(rows: Rows) -> Result<Vec<usize>> {
    let numbers = rows.into_iter().flatten().map(|field| field?.parse().ok());
    numbers.collect::<Option<_>>().ok_or_else(|| Error::bug("a row's number is no number"))
}
