//! Tables of ours in the store that live for one question.

use model::{Result, TableName};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use store::{Store, ddl};

/// Until [`Scratch::drop_table`].
pub(crate) struct Scratch {
    pub(crate) place: TableName,
}

/// A name that nobody else has.
pub(crate) fn place() -> TableName {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    TableName::new("millrace", format!("{}{number}", prefix()))
}

/// Of this process: in a container every process has the same number, so its start counts too.
fn prefix() -> &'static str {
    static PREFIX: LazyLock<String> =
        LazyLock::new(|| format!("scratch_{}_{}_", std::process::id(), crate::status::now_us()));
    &PREFIX
}

impl Scratch {
    /// `what` is the rest of the statement: columns and engine.
    pub(crate) async fn create(store: &dyn Store, place: TableName, what: &str) -> Result<Scratch> {
        store.execute(&format!("CREATE OR REPLACE TABLE {} {what}", ddl::name(&place))).await?;
        Ok(Scratch { place })
    }

    /// A table that stays behind costs memory until the next start, which clears it.
    pub(crate) async fn drop_table(self, store: &dyn Store) {
        if let Err(error) = drop_table(store, &self.place).await {
            tracing::warn!(error = %error.report(), "a table of ours stays behind");
        }
    }
}

async fn drop_table(store: &dyn Store, place: &TableName) -> Result<()> {
    store.execute(&format!("DROP TABLE IF EXISTS {} SYNC", ddl::name(place))).await
}

/// Clears what an earlier process left behind.
pub(crate) async fn clear(store: &dyn Store) -> Result<()> {
    let own = prefix();
    let sql = "SELECT name FROM system.tables WHERE database = 'millrace' \
               AND startsWith(name, 'scratch_')";
    for row in store.query(sql).await? {
        let Some(Some(name)) = row.first() else { continue };
        if !name.starts_with(own) {
            drop_table(store, &TableName::new("millrace", name)).await?;
        }
    }
    Ok(())
}
