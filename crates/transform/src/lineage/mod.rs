//! Where a column comes from and where it goes: from Postgres through mirrors and models to a mart, and back.
//!
//! ```text
//! manifest   dbt's target/: models, what each reads, and its compiled SQL
//! tree       EXPLAIN QUERY TREE of that SQL, as the engine resolves it
//! query      the tree, followed from each column down to columns of tables
//! graph      models, mirrors and columns, up and down
//! kept       the graph in target/, for those who have no store to ask
//! ```
//!
//! Names are resolved by the engine and by nobody else (docs/decisions/0011). What it does not tell is marked as not
//! known.

mod build;
mod graph;
mod kept;
mod manifest;
mod query;
#[cfg(test)]
mod recorded;
mod tree;

pub use build::{Held, build, of_login};
pub use graph::{Graph, Link, Place, Point, Readers};
pub use kept::{FILE, is_kept, keep, without_store};
pub use manifest::Manifest;
