//! Keeps rows. Upstream of here everything moves; here it rests.
//!
//! ```text
//! Insert ─▶ Store::insert ─▶ Receipt ─▶ flow::checkpoint ─▶ Control::confirm ─▶ source
//! ```
//!
//! # Contract
//! - **Durability.** `insert` returns only once the rows would survive `kill -9`, and a power cut too
//!   (`fsync_after_insert`). Only then is there a [`Receipt`], and only receipts move the slot.
//! - **Duplicates.** A mirror batch may arrive twice: rows carry their version, so a copy replaces
//!   itself. A batch of an append table or a history carries a token: the second arrival of a token is dropped.
//! - **Atomicity.** A batch is one block. A crash inside `insert` may leave some of its partitions;
//!   the same block with the same token then adds exactly the missing ones.
//! - **Ordering.** The caller sends batches of one append table in log order, one at a time. Mirror
//!   batches may overtake each other. Different tables may be written at once.
//! - **Writers.** One process at a time. Where a store is reached by several, it is the one that has the slot:
//!   [`Store::begin`], [`Store::claim`].
//! - **Shutdown.** Dropping a store between calls loses nothing that has a receipt.
//! - **Errors** have a fate: see [`model::Fate`]. A full disk is transient. Values that their column
//!   cannot hold are refused, and then nothing of the block is there.

mod alias;
mod back;
mod cluster;
pub mod ddl;
pub mod embedded;
mod exception;
mod fit;
pub mod history;
mod insert;
mod layout;
mod lock;
mod native;
pub mod remote;
mod target;
mod token;
pub mod topics;
mod tsv;
mod types;

pub use ddl::Step;
pub use embedded::{Engine, EngineOptions};
pub use fit::{Texts, Way, says, way};
pub use layout::Layout;
pub use lock::DataDir;
pub use target::{
    Fallback, Target, TargetColumn, nullable, rows_of, takes_null, without_low_cardinality,
};
pub use token::Token;
pub use types::Type;

use model::{Block, Cells, Error, Kind, Result, TableName};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::watch;

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Proof that rows are on disk. Only this crate can make one.
#[must_use = "an unused receipt keeps the slot from advancing"]
#[derive(Debug)]
pub struct Receipt {
    rows: u64,
}

impl Receipt {
    pub fn rows(&self) -> u64 {
        self.rows
    }
}

/// One block for one target.
#[derive(Clone)]
pub struct Insert {
    pub target: Arc<Target>,
    pub block: Arc<Block>,
    /// Of append tables and histories.
    pub token: Option<Token>,
}

/// Rows that go with a question: a table of this name, there for as long as it is answered. Whoever answers
/// has them, whichever replica that is.
#[derive(Clone)]
pub struct Beside {
    pub target: Arc<Target>,
    pub block: Arc<Block>,
}

impl Beside {
    pub const TABLE: &str = "millrace_keys";
}

/// Who has claimed the slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claimed {
    /// A process and its machine, for a person.
    pub holder: String,
    /// As it was given to [`Store::claim`].
    pub source: String,
}

/// An answer as text fields; NULL is `None`.
pub type Rows = Vec<Vec<Option<String>>>;

/// What people and dashboards ask. Nothing is changed, however it is asked.
pub trait Reader: Send + Sync + 'static {
    /// The answer in a format of ClickHouse's that is a document. An answer that is too large is an error.
    fn document<'a>(
        &'a self,
        sql: &'a str,
        format: &'static str,
        settings: Vec<(&'static str, String)>,
    ) -> BoxFuture<'a, Result<Vec<u8>>>;
}

pub trait Store: Send + Sync + 'static {
    /// How what is wanted of tables is said to it.
    fn layout(&self) -> &Layout {
        &Layout::EMBEDDED
    }

    /// Runs one statement that answers nothing (DDL, `INSERT … SELECT`, `ALTER`).
    fn execute<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Runs a statement that deletes rows of a table in the background there, and returns once they are gone.
    /// What comes later stays, whatever it says.
    fn mutate<'a>(&'a self, table: &'a TableName, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        let _ = table;
        Box::pin(async move {
            let waits = "mutations_sync = 2, lightweight_deletes_sync = 2";
            self.execute(&format!("{sql} SETTINGS {waits}")).await
        })
    }

    /// Writes one block durably.
    fn insert(&self, insert: Insert) -> BoxFuture<'_, Result<Receipt>>;

    /// Writes rows of our own `millrace.*` tables durably, as TabSeparated through the insert
    /// stream; `into` is `millrace.batches (target, seq, …)`, fields are unescaped text.
    fn record<'a>(&'a self, into: &'a str, rows: Rows) -> BoxFuture<'a, Result<()>>;

    /// A small answer (TabSeparated read back, unescaped).
    fn query<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Rows>>;

    /// The columns of a SELECT, which are of these kinds and called by the types that they have by
    /// themselves.
    fn cells<'a>(&'a self, sql: &'a str, kinds: Vec<Kind>) -> BoxFuture<'a, Result<Vec<Cells>>>;

    /// The answer to a SELECT that is asked about rows, in a format of ClickHouse's. `None`: it is larger than an
    /// answer may be.
    fn answer_beside<'a>(
        &'a self,
        sql: &'a str,
        format: &'static str,
        beside: Beside,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>>>;

    /// [`Store::query`] about rows.
    fn query_beside<'a>(&'a self, sql: &'a str, beside: Beside) -> BoxFuture<'a, Result<Rows>> {
        Box::pin(async move {
            let answer = self.answer_beside(sql, "TabSeparated", beside).await?;
            let too_large = || Error::bug("a small answer is larger than an answer may be");
            Ok(tsv::read(&answer.ok_or_else(too_large)?))
        })
    }

    /// [`Store::cells`] about rows. `None`: fewer have to be asked about.
    fn cells_beside<'a>(
        &'a self,
        sql: &'a str,
        kinds: Vec<Kind>,
        beside: Beside,
    ) -> BoxFuture<'a, Result<Option<Vec<Cells>>>> {
        Box::pin(async move {
            let answer = self.answer_beside(sql, "Native", beside).await?;
            answer.map(|answer| native::cells(&answer, &kinds)).transpose()
        })
    }

    /// Before anything is read of what is kept: from here on only the process writes that has the slot. Returns
    /// another one that may still do so: then nothing is written before [`Store::claim`], and this is asked again.
    fn begin(&self) -> BoxFuture<'_, Result<Option<Claimed>>> {
        // A folder is one process's.
        Box::pin(async { Ok(None) })
    }

    /// The slot of that source is ours: nobody writes any more who had it before. `held`: whether it still is.
    fn claim<'a>(
        &'a self,
        source: &'a str,
        held: watch::Receiver<bool>,
    ) -> BoxFuture<'a, Result<()>> {
        let _ = (source, held);
        Box::pin(async { Ok(()) })
    }

    /// The process ends, and nothing of it is on its way: nobody has to wait for it.
    fn leave(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    /// Whether another process has claimed the slot since: every write fails.
    fn is_taken_over(&self) -> bool {
        false
    }

    /// Whether writes wait for room on the disk now: they neither fail nor end meanwhile.
    fn is_out_of_room(&self) -> bool {
        false
    }
}
