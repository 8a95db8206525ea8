//! The graph as it was last found, in dbt's `target/`: for those who have no store to ask, as `lint-migration` in CI.

use super::build::NOT_BUILT;
use super::graph::{Graph, Relation};
use super::manifest::{Manifest, Sql};
use model::{Error, Result};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// In `target/`.
pub const FILE: &str = "millrace-lineage.json";
/// Another form is another number.
const VERSION: u32 = 2;

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
    let folder = path.parent().unwrap_or(project);
    let written = std::fs::create_dir_all(folder).and_then(|()| {
        // Of several that are written at once each is whole.
        let readable = std::fs::Permissions::from_mode(0o644);
        let mut fresh = tempfile::Builder::new().permissions(readable).tempfile_in(folder)?;
        fresh.write_all(&text)?;
        fresh.persist(&path).map(drop).map_err(std::io::Error::from)
    });
    written.map_err(|error| {
        Error::definite(format!("cannot keep the lineage in {}", path.display())).source(error)
    })
}

fn kept(project: &Path) -> Option<Graph> {
    let kept: Kept = serde_json::from_slice(&std::fs::read(place(project)).ok()?).ok()?;
    (kept.version == VERSION).then_some(kept.graph)
}

/// Whether what is kept is of these models. Those that nobody can ask about are.
pub fn is_kept(manifest: &Manifest, project: &Path) -> bool {
    let Some(graph) = kept(project) else { return false };
    manifest.models.iter().filter(|model| matches!(model.sql, Sql::Compiled(_))).all(|model| {
        graph.relations.get(&model.name).is_some_and(|known| {
            known.checksum == model.checksum && known.not_known.as_deref() != Some(NOT_BUILT)
        })
    })
}

/// What the project's files tell: models as the manifest has them, with the columns of those that have not changed
/// since they were kept. `None`: nothing was ever compiled or kept there.
pub fn without_store(project: &Path, targets: &[PathBuf]) -> Option<Graph> {
    let kept = kept(project);
    let Ok(manifest) = Manifest::read(project, targets) else { return kept };
    let mut graph = Graph::of(&manifest);
    for (name, known) in kept.map(|graph| graph.relations).unwrap_or_default() {
        match graph.relations.get_mut(&name) {
            // By its path, where dbt read no file of it.
            Some(now) if now.checksum == known.checksum => {
                let parents = std::mem::take(&mut now.parents);
                *now = Relation { parents, ..known };
            }
            // Only models have one: mirrors, and views that dbt did not make.
            None if known.checksum.is_empty() => drop(graph.relations.insert(name, known)),
            _ => {}
        }
    }
    Some(graph)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineage::Point;

    fn write_manifest(project: &Path, checksum: &str) {
        let text = format!(
            r#"{{"nodes":{{"model.p.a":{{"resource_type":"model","package_name":"p","schema":"marts","alias":"a",
                "original_file_path":"models/a.sql","compiled_code":"select 1","checksum":{{"checksum":"{checksum}"}},
                "depends_on":{{"nodes":["source.p.t"]}}}}}},
                "sources":{{"source.p.t":{{"schema":"public","identifier":"t"}}}}}}"#
        );
        std::fs::create_dir_all(project.join("target")).unwrap();
        std::fs::write(project.join("target/manifest.json"), text).unwrap();
    }

    #[test]
    fn columns_are_those_of_the_file_that_was_asked_about() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path();
        let targets = [project.join("target")];
        assert_eq!(without_store(project, &targets), None);
        write_manifest(project, "one");
        let known = || without_store(project, &targets).unwrap();
        let readers = || known().readers(&[Point::column("public.t", "x")]);
        assert!(!known().has_columns());
        assert_eq!((readers().direct, readers().is_exact), (vec!["marts.a".to_owned()], false));
        let mut asked = known();
        let query = super::super::query::Query::read(
            "QUERY id: 0\n  PROJECTION COLUMNS\n    y Int8\n  PROJECTION\n    LIST id: 1, nodes: 1\n      \
             COLUMN id: 2, column_name: y, result_type: Int8, source_id: 3\n  JOIN TREE\n    \
             TABLE id: 3, alias: __table1, table_name: public.t",
        );
        let model = asked.relations.get_mut("marts.a").unwrap();
        (model.query, model.not_known) = (query, None);
        keep(&asked, project).unwrap();
        assert_eq!(known(), asked);
        assert_eq!((readers().direct, readers().is_exact), (Vec::new(), true));
        // What dbt alone knows of, behind a function or by a model that is none of the store's.
        let mut told = asked.clone();
        told.relations.get_mut("marts.a").unwrap().parents.insert("public.d".into());
        let behind = told.readers(&[Point::column("public.d", "x")]);
        assert_eq!((behind.direct, behind.is_exact), (vec!["marts.a".to_owned()], false));
        assert!(is_kept(&Manifest::read(project, &targets).unwrap(), project));
        // Another file is another query.
        write_manifest(project, "two");
        assert!(!known().has_columns() && !readers().is_exact);
        assert!(!is_kept(&Manifest::read(project, &targets).unwrap(), project));
        // A file that came alone, as an artifact.
        std::fs::remove_file(project.join("target/manifest.json")).unwrap();
        assert_eq!(known(), asked);
    }
}
