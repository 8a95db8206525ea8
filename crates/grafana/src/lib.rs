//! Grafana's files, and the SQL that stands in them.
//!
//! ```text
//! rawSql ─▶ variables::put_in ─▶ statement::rewrite ─▶ macros::expand ─▶ ClickHouse
//!           values are data      $__columns(…) FROM …  $__timeFilter(…)
//! ```
//!
//! What Grafana does in the browser (variables) and what its ClickHouse data source does on the server
//! (macros) happens here in one place. A value never becomes SQL by itself: in quotes it is escaped,
//! outside of quotes it has to be a number, a name, or what the dashboard's author wrote into the file.

pub mod dashboard;
pub mod export;
mod macros;
mod regions;
mod statement;
mod variables;

pub use variables::{Value, Variables};

use model::{Error, Result};

/// Of a text with everything put in.
const SQL_BYTES_MAX: usize = 4 << 20;

/// When, and how finely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Milliseconds since 1970, both within.
    pub from_ms: i64,
    pub to_ms: i64,
    /// Of one bucket.
    pub interval_ms: u64,
}

impl Range {
    fn interval_seconds(&self) -> u64 {
        (self.interval_ms / 1000).max(1)
    }
}

/// The SQL that ClickHouse gets for what stands in the file.
pub fn expand(raw: &str, range: &Range, variables: &Variables) -> Result<String> {
    let sql = variables::put_in(raw, range, variables)?;
    let sql = statement::rewrite(&sql, range)?;
    let sql = macros::expand(&sql, range)?;
    check_length(sql.len())?;
    Ok(sql)
}

/// While it grows: what is put in may be put in often.
fn check_length(bytes: usize) -> Result<()> {
    match bytes <= SQL_BYTES_MAX {
        true => Ok(()),
        false => Err(Error::definite("cannot run the query: with its variables it is over 4 MiB")
            .hint("choose fewer values")),
    }
}
