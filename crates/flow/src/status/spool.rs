//! What is shown of the spool.

use serde::Serialize;
use source::spool::{Held, Spool};

/// The log on our own disk, for the time that the store is away.
#[derive(Clone, Debug, Serialize)]
pub struct SpoolReport {
    pub bytes: u64,
    pub max_bytes: u64,
    /// What it holds began to come then, in seconds since 1970. `None`: it is empty.
    pub since: Option<i64>,
    /// The log goes there, because the store does not take it.
    pub is_filled: bool,
    /// Nothing more is taken, and the source keeps the rest; for what the disk says, if it is not for the limit.
    pub is_full: bool,
    pub full_for: Option<String>,
}

impl SpoolReport {
    pub(super) fn of(spool: &Spool, held: Held) -> SpoolReport {
        let Held { bytes, since, is_filled, is_full, full_for, .. } = held;
        let max_bytes = spool.limit_bytes();
        SpoolReport { bytes, max_bytes, since, is_filled, is_full, full_for }
    }
}
