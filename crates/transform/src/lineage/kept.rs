//! The graph as it was last found, in dbt's `target/`: for those who have no store to ask, as `lint-migration` in CI.

use super::graph::Graph;
use super::manifest::Manifest;
use model::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// In `target/`.
pub const FILE: &str = "millrace-lineage.json";
/// Another form is another number.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    #[serde(flatten)]
    graph: Graph,
}

fn place(project: &Path) -> PathBuf {
    project.join("target").join(FILE)
}

/// Whole, or not at all.
pub fn keep(graph: &Graph, project: &Path) -> Result<()> {
    let path = place(project);
    let kept = Kept { version: VERSION, graph: graph.clone() };
    let text = serde_json::to_vec(&kept)
        .map_err(|error| Error::bug("cannot write the lineage").source(error))?;
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, &path)).map_err(|error| {
        Error::definite(format!("cannot keep the lineage in {}", path.display())).source(error)
    })
}

fn kept(project: &Path) -> Option<Graph> {
    let kept: Kept = serde_json::from_slice(&std::fs::read(place(project)).ok()?).ok()?;
    (kept.version == VERSION).then_some(kept.graph)
}

/// What the project's files tell: models as the manifest has them, with the columns of those that have not changed
/// since they were kept. `None`: nothing was ever compiled or kept there.
pub fn without_store(project: &Path) -> Option<Graph> {
    let kept = kept(project);
    let Ok(manifest) = Manifest::read(project) else { return kept };
    let mut graph = Graph::of(&manifest);
    for (name, known) in kept.map(|graph| graph.relations).unwrap_or_default() {
        match graph.relations.get_mut(&name) {
            Some(now) if now.checksum == known.checksum => *now = known,
            // Only models have one: mirrors, and views that dbt did not make.
            None if known.checksum.is_empty() => drop(graph.relations.insert(name, known)),
            _ => {}
        }
    }
    Some(graph)
}
