//! What is asked of a resync, and what is answered.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResyncOptions {
    pub tables: Vec<String>,
    /// Of each table; 0: as fast as it goes.
    #[serde(default)]
    pub rows_per_second_max: u64,
}

/// A table whose copy has begun.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resynced {
    pub name: String,
    /// Facts of before stay under this name. A mirror goes on serving its rows until the copy is done.
    pub kept_as: Option<String>,
}
