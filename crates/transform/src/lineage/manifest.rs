//! The models of a dbt project, out of its `target/`: what dbt wrote when it last compiled them.

use model::{Error, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const COMPILE: &str = "millrace transform compile";

pub struct Manifest {
    pub models: Vec<Model>,
}

/// What dbt keeps in the store: a model, a seed, a snapshot.
#[derive(Clone, Debug)]
pub struct Model {
    /// `marts.orders_daily`.
    pub name: String,
    /// As dbt calls it: `view`, `table`, `incremental`, `seed`, `snapshot`, …
    pub kind: String,
    /// Of what its SQL is made of: its file, those of the ephemeral models that stand in it, and macros.
    pub checksum: String,
    /// What it reads, by its `ref` and `source`.
    pub parents: BTreeSet<String>,
    pub sql: Sql,
}

/// What was sent to the store.
#[derive(Clone, Debug)]
pub enum Sql {
    Compiled(String),
    /// Rows that are not made by a query.
    Rows,
    /// Why there is none.
    None(&'static str),
}

#[derive(Deserialize)]
struct Written {
    nodes: BTreeMap<String, Node>,
    sources: BTreeMap<String, Source>,
    #[serde(default)]
    macros: BTreeMap<String, Macro>,
}

#[derive(Deserialize)]
struct Macro {
    macro_sql: String,
    #[serde(default)]
    depends_on: DependsOn,
}

#[derive(Deserialize)]
struct Source {
    schema: String,
    identifier: String,
}

#[derive(Deserialize)]
struct Node {
    resource_type: String,
    package_name: String,
    original_file_path: PathBuf,
    schema: String,
    alias: String,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    config: Config,
    #[serde(default)]
    checksum: Checksum,
    #[serde(default)]
    depends_on: DependsOn,
    #[serde(default)]
    compiled_code: Option<String>,
}

#[derive(Deserialize, Default)]
struct Config {
    #[serde(default)]
    materialized: Option<String>,
}

#[derive(Deserialize, Default)]
struct Checksum {
    #[serde(default)]
    checksum: String,
}

#[derive(Deserialize, Default)]
struct DependsOn {
    #[serde(default)]
    nodes: Vec<String>,
    #[serde(default)]
    macros: Vec<String>,
}

impl Node {
    fn name(&self) -> String {
        format!("{}.{}", self.schema, self.alias)
    }

    fn is_kept(&self) -> bool {
        matches!(self.resource_type.as_str(), "model" | "seed" | "snapshot") && !self.is_ephemeral()
    }

    /// It stands in the SQL of those that read it.
    fn is_ephemeral(&self) -> bool {
        self.config.materialized.as_deref() == Some("ephemeral")
    }
}

impl Manifest {
    /// The newest of those in `targets`, which are folders that dbt writes to: `target/` of the project, and of
    /// each schedule one.
    pub fn read(project: &Path, targets: &[PathBuf]) -> Result<Manifest> {
        let paths = targets.iter().map(|target| target.join("manifest.json"));
        let newest = paths.filter_map(|path| Some((changed_at(&path)?, path))).max();
        let path = newest.map_or_else(|| project.join("target/manifest.json"), |(_, path)| path);
        let bytes = std::fs::read(&path).map_err(|error| {
            Error::definite(format!("cannot read {}", path.display())).source(error).hint(COMPILE)
        })?;
        let written: Written = serde_json::from_slice(&bytes).map_err(|error| {
            Error::definite(format!("cannot read {}: it is no manifest of dbt's", path.display()))
                .source(error)
                .hint(COMPILE)
        })?;
        let compiled_at = changed_at(&path);
        let model = |node: &Node| {
            let read = Read::of(node, &written);
            Model {
                name: node.name(),
                kind: match node.resource_type.as_str() {
                    "model" => node.config.materialized.clone().unwrap_or_default(),
                    other => other.to_owned(),
                },
                checksum: checksum(node, &read, &written),
                sql: sql(node, &read, project, (targets, compiled_at)),
                parents: read.parents,
            }
        };
        let kept = written.nodes.values().filter(|node| node.is_kept());
        Ok(Manifest { models: kept.map(model).collect() })
    }
}

/// What a model reads.
struct Read<'a> {
    /// What is kept.
    parents: BTreeSet<String>,
    /// What stands in its SQL, by its id.
    ephemeral: BTreeMap<&'a str, &'a Node>,
}

impl<'a> Read<'a> {
    /// Through what is ephemeral to what is kept.
    fn of(node: &'a Node, written: &'a Written) -> Read<'a> {
        let mut read = Read { parents: BTreeSet::new(), ephemeral: BTreeMap::new() };
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut left: Vec<&str> = node.depends_on.nodes.iter().map(String::as_str).collect();
        while let Some(id) = left.pop() {
            if !seen.insert(id) {
                continue;
            }
            match (written.nodes.get(id), written.sources.get(id)) {
                (Some(node), _) if node.is_ephemeral() => {
                    read.ephemeral.insert(id, node);
                    left.extend(node.depends_on.nodes.iter().map(String::as_str));
                }
                (Some(node), _) => drop(read.parents.insert(node.name())),
                (None, Some(source)) => {
                    read.parents.insert(format!("{}.{}", source.schema, source.identifier));
                }
                (None, None) => {}
            }
        }
        read
    }
}

/// Empty where dbt tells none: of a seed that is too large to be read.
fn checksum(node: &Node, read: &Read, written: &Written) -> String {
    let own = &node.checksum.checksum;
    let mut hash = Sha256::new();
    let mut left: Vec<&str> = Vec::new();
    for node in [node].into_iter().chain(read.ephemeral.values().copied()) {
        hash.update(&node.checksum.checksum);
        left.extend(node.depends_on.macros.iter().map(String::as_str));
    }
    let mut macros = BTreeMap::new();
    while let Some(id) = left.pop() {
        let Some(found) = written.macros.get(id) else { continue };
        if macros.insert(id, &found.macro_sql).is_none() {
            left.extend(found.depends_on.macros.iter().map(String::as_str));
        }
    }
    macros.values().for_each(|text| hash.update(text));
    match own.is_empty() {
        true => String::new(),
        false => hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

fn sql(
    node: &Node,
    read: &Read,
    project: &Path,
    (targets, compiled_at): (&[PathBuf], Option<SystemTime>),
) -> Sql {
    if node.resource_type == "seed" {
        return Sql::Rows;
    }
    if node.language.as_deref().is_some_and(|language| language != "sql") {
        return Sql::None("it is not written in SQL");
    }
    // A run of some models leaves the others in their files.
    let file = Path::new("compiled").join(&node.package_name).join(&node.original_file_path);
    let files = targets.iter().map(|target| target.join(&file));
    let newest = || files.filter_map(|path| Some((changed_at(&path)?, path))).max();
    let (text, at) = match &node.compiled_code {
        Some(code) => (Some(code.clone()), compiled_at),
        None => newest()
            .map_or((None, None), |(at, path)| (std::fs::read_to_string(&path).ok(), Some(at))),
    };
    let Some(text) = text else {
        return Sql::None("it is not compiled: millrace transform compile");
    };
    let files = [node].into_iter().chain(read.ephemeral.values().copied());
    let written_at = files.map(|node| changed_at(&project.join(&node.original_file_path))).max();
    match written_at.flatten() > at {
        true => Sql::None("its file has changed since it was compiled: millrace transform compile"),
        false => Sql::Compiled(text),
    }
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|about| about.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(manifest: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("target/compiled/p/models")).unwrap();
        std::fs::write(folder.path().join("target/manifest.json"), manifest).unwrap();
        folder
    }

    fn read(project: &Path) -> Result<Manifest> {
        Manifest::read(project, &[project.join("target")])
    }

    fn node(name: &str, more: &str) -> String {
        format!(
            r#""model.p.{name}": {{"resource_type":"model","package_name":"p","schema":"marts","alias":"{name}",
                "original_file_path":"models/{name}.sql","language":"sql"{more}}}"#
        )
    }

    #[test]
    fn what_is_ephemeral_is_seen_through() {
        let text = format!(
            r#"{{"nodes":{{{},{},{}}},"sources":{{"source.p.public.t":{{"schema":"public","identifier":"t"}}}}}}"#,
            node(
                "a",
                r#","config":{"materialized":"view"},"depends_on":{"nodes":["model.p.b"]},"compiled_code":"select 1""#
            ),
            node(
                "b",
                r#","config":{"materialized":"ephemeral"},"depends_on":{"nodes":["source.p.public.t","model.p.c"]}"#
            ),
            node("c", ""),
        );
        let manifest = read(project(&text).path()).unwrap();
        let names: Vec<&str> = manifest.models.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names, ["marts.a", "marts.c"]);
        let a = &manifest.models[0];
        assert_eq!(a.parents, BTreeSet::from(["marts.c".to_owned(), "public.t".to_owned()]));
        assert!(matches!(&a.sql, Sql::Compiled(sql) if sql == "select 1"), "{:?}", a.sql);
    }

    #[test]
    fn another_ephemeral_model_or_macro_is_another_query() {
        let written = |of_b: &str, macro_sql: &str| {
            let text = format!(
                r#"{{"nodes":{{{},{},{}}},"sources":{{}},"macros":{{"macro.p.m":{{"macro_sql":"{macro_sql}"}},
                    "macro.p.n":{{"macro_sql":"n","depends_on":{{"macros":["macro.p.m"]}}}}}}}}"#,
                node("a", r#","checksum":{"checksum":"1"},"depends_on":{"nodes":["model.p.b"]}"#),
                node(
                    "b",
                    &format!(
                        r#","config":{{"materialized":"ephemeral"}},"checksum":{{"checksum":"{of_b}"}},
                           "depends_on":{{"macros":["macro.p.n"]}}"#
                    )
                ),
                node("c", r#","checksum":{"checksum":"1"}"#),
            );
            let models = read(project(&text).path()).unwrap().models;
            models.into_iter().map(|model| model.checksum).collect::<Vec<_>>()
        };
        let (first, other, called) = (written("2", "m"), written("3", "m"), written("2", "o"));
        assert_eq!(first, written("2", "m"));
        assert!(first[0] != other[0] && first[0] != called[0] && other[0] != called[0]);
        assert!(first[1] == other[1] && first[1] == called[1]);
    }

    #[test]
    fn a_file_that_stands_in_a_model_is_one_of_its_files() {
        let text = format!(
            r#"{{"nodes":{{{},{}}},"sources":{{}}}}"#,
            node("a", r#","compiled_code":"select 1","depends_on":{"nodes":["model.p.b"]}"#),
            node("b", r#","config":{"materialized":"ephemeral"}"#),
        );
        let folder = project(&text);
        let sql = || read(folder.path()).unwrap().models.remove(0).sql;
        assert!(matches!(sql(), Sql::Compiled(_)));
        std::fs::create_dir(folder.path().join("models")).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(folder.path().join("models/b.sql"), "select 3").unwrap();
        assert!(matches!(sql(), Sql::None(why) if why.contains("has changed")));
    }

    #[test]
    fn a_model_is_as_it_was_compiled_or_not_known() {
        let text = format!(r#"{{"nodes":{{{}}},"sources":{{}}}}"#, node("a", ""));
        let folder = project(&text);
        let sql = || read(folder.path()).unwrap().models.remove(0).sql;
        assert!(matches!(sql(), Sql::None(why) if why.contains("not compiled")));
        std::fs::write(folder.path().join("target/compiled/p/models/a.sql"), "select 2").unwrap();
        assert!(matches!(sql(), Sql::Compiled(sql) if sql == "select 2"));
        std::fs::create_dir(folder.path().join("models")).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(folder.path().join("models/a.sql"), "select 3").unwrap();
        assert!(matches!(sql(), Sql::None(why) if why.contains("has changed")));
    }

    #[test]
    fn what_a_schedule_compiled_counts_where_it_is_newer() {
        let here = project(&format!(r#"{{"nodes":{{{}}},"sources":{{}}}}"#, node("a", "")));
        let path = |name: &str| here.path().join(name);
        std::fs::write(path("target/compiled/p/models/a.sql"), "select 1").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        let nodes = format!("{},{}", node("a", ""), node("b", ""));
        let of_schedule = project(&format!(r#"{{"nodes":{{{nodes}}},"sources":{{}}}}"#));
        let target = of_schedule.path().join("target");
        std::fs::write(target.join("compiled/p/models/b.sql"), "select 2").unwrap();
        let read = || Manifest::read(here.path(), &[path("target"), target.clone()]).unwrap();
        let sql = |at: usize| match &read().models[at].sql {
            Sql::Compiled(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!([sql(0), sql(1)], ["select 1", "select 2"]);
        std::fs::write(target.join("compiled/p/models/a.sql"), "select 3").unwrap();
        assert_eq!(sql(0), "select 3");
    }

    #[test]
    fn a_project_that_was_not_compiled_names_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(folder.path()).err().unwrap();
        assert_eq!(error.hint_text(), Some(COMPILE));
    }
}
