//! What is known of a schedule, on disk.

use ::transform::{Results, TARGET};
use model::Result;
use serde::{Deserialize, Serialize};
use serve::ops::Run;
use std::collections::BTreeSet;
use std::path::Path;

#[derive(Default, Serialize, Deserialize)]
pub(super) struct State {
    /// When the last run began, in milliseconds since 1970.
    pub(super) started: Option<i64>,
    /// See [`State::work_of`].
    pub(super) work: Option<Work>,
    /// What `up` has not heard of the last run.
    pub(super) untold: Option<Run>,
}

/// What the nodes of the last whole run touch in the store.
#[derive(Serialize, Deserialize)]
pub(super) struct Work {
    /// What dbt was told: told otherwise, it does something else.
    words: Vec<String>,
    builds: BTreeSet<String>,
    reads: BTreeSet<String>,
}

impl Work {
    /// Two that build the same would take each other's tables away, and who reads what is being built may find half
    /// of it: an incremental model is deleted from before it is inserted into.
    pub(super) fn is_apart(&self, other: &Work) -> bool {
        self.builds.is_disjoint(&other.builds)
            && self.builds.is_disjoint(&other.reads)
            && self.reads.is_disjoint(&other.builds)
    }
}

impl State {
    const FILE: &str = "last.json";

    /// What does not read is as if it had never run.
    pub(super) fn read(folder: &Path) -> State {
        let text = std::fs::read(folder.join(State::FILE)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Whole, or not at all.
    pub(super) fn write(&self, folder: &Path) {
        let fresh = folder.join("last.new");
        let written = serde_json::to_vec(self).map_err(std::io::Error::other).and_then(|text| {
            std::fs::create_dir_all(folder)?;
            std::fs::write(&fresh, text)?;
            std::fs::rename(&fresh, folder.join(State::FILE))
        });
        if let Err(error) = written {
            tracing::warn!(folder = %folder.display(), %error, "cannot keep when a schedule ran");
        }
    }

    /// Of those words. `None`: it is not known.
    pub(super) fn work_of(&self, words: &[String]) -> Option<&Work> {
        self.work.as_ref().filter(|work| work.words == words)
    }

    /// Of a run that ended by itself: dbt that is told to stop tells only of what it had finished.
    pub(super) fn learn(
        &mut self,
        words: Vec<String>,
        status: &str,
        results: Option<&Results>,
        folder: &Path,
    ) -> Result<()> {
        let ended_by_itself = matches!(status, "success" | "failed");
        let results = results.filter(|results| ended_by_itself && !results.nodes.is_empty());
        let Some(results) = results else { return Ok(()) };
        self.work = None;
        let builds = results.nodes.iter().map(|node| node.unique_id.clone()).collect();
        let reads = results.reads(&folder.join(TARGET))?;
        self.work = reads.map(|reads| Work { words, builds, reads });
        Ok(())
    }
}
