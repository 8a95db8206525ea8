//! A block that may have come before, at a server of its own.
//!
//! ```text
//! write   deduplication_logs/…   the token of the block
//! rename  tmp_insert_… ─▶ …      its part
//! ```
//!
//! A server that is killed in between has a token without rows, and drops the repetition of its block: lost,
//! and answered with 200. A power cut may take the token of a part that stays. So what is there of a repeated
//! block is counted; its rows say which token they came with ([`token`]).
//!
//! ```text
//! count: all ─▶ done
//!   └▶ insert, by its token ─▶ count: all ─▶ done
//!         └▶ delete what is there ─▶ insert, by another token
//! ```
//!
//! Rows may be missing for another reason: they were replaced by key, or their time was over (TTL). Those come
//! again and go again, as they did. A replicated table needs none of this: Keeper has a token and its part at once.
//! (The engine in the process: [`crate::embedded`]'s `tokens`.)

use super::Remote;
use super::server::{locked, random};
use crate::{Insert, Receipt, Token, ddl, token, tsv};
use model::{Error, Fate, Result, TableName};
use std::collections::HashSet;
use std::sync::Mutex;

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
        let (table, rows) = (insert.target.rows.clone(), insert.block.rows() as u64);
        if rows == 0 || !self.may_lose_parts(&table).await? {
            return self.write_block(insert).await;
        }
        let which = token.which();
        if self.rows_where(&table, &which).await? < rows {
            let _ = self.write_block(insert.clone()).await?;
            let there = self.rows_where(&table, &which).await?;
            if there < rows {
                tracing::warn!(%table, rows, there, "the server dropped a block that it does not have; it is written anew");
                if there > 0 {
                    let gone = self.inner.layout.delete_some(&table, &which);
                    self.mutate_and_wait(&table, &gone).await?;
                }
                let renamed = Some(token.renamed(&random()));
                return self.write_block(Insert { token: renamed, ..insert }).await;
            }
        }
        Ok(Receipt { rows })
    }

    async fn may_lose_parts(&self, table: &TableName) -> Result<bool> {
        if self.inner.layout.cluster().is_some() {
            return Ok(false);
        }
        let [database, name] = [&table.schema, &table.table].map(|name| ddl::literal(name));
        // A table of before may lack the column until it is looked at.
        let sql = format!(
            "SELECT count() FROM system.tables WHERE database = {database} AND name = {name} \
             AND NOT match(engine, '^(Replicated|Shared)') AND name IN \
             (SELECT table FROM system.columns WHERE database = {database} AND table = {name} \
             AND name = {})",
            ddl::literal(token::COLUMN)
        );
        Ok(self.number(&sql).await? > 0)
    }

    async fn rows_where(&self, table: &TableName, which: &str) -> Result<u64> {
        self.number(&format!("SELECT count() FROM {} WHERE {which}", ddl::name(table))).await
    }

    async fn number(&self, sql: &str) -> Result<u64> {
        let rows = tsv::read(&self.read(sql, "TabSeparated").await?);
        let number = rows.into_iter().flatten().next().flatten();
        number.and_then(|text| text.parse().ok()).ok_or_else(|| Error::bug("a count is no number"))
    }
}
