//! The models of a dbt project, out of its `target/`: what dbt wrote when it last compiled them.

use model::{Error, Result};
use serde::Deserialize;
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
    /// Of its file.
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
    pub fn read(project: &Path) -> Result<Manifest> {
        let path = project.join("target/manifest.json");
        let bytes = std::fs::read(&path).map_err(|error| {
            Error::definite(format!("cannot read {}", path.display())).source(error).hint(COMPILE)
        })?;
        let written: Written = serde_json::from_slice(&bytes).map_err(|error| {
            Error::definite(format!("cannot read {}: it is no manifest of dbt's", path.display()))
                .source(error)
                .hint(COMPILE)
        })?;
        let compiled_at = changed_at(&path);
        let model = |node: &Node| Model {
            name: node.name(),
            kind: match node.resource_type.as_str() {
                "model" => node.config.materialized.clone().unwrap_or_default(),
                other => other.to_owned(),
            },
            checksum: node.checksum.checksum.clone(),
            parents: parents(node, &written),
            sql: sql(node, project, compiled_at),
        };
        let kept = written.nodes.values().filter(|node| node.is_kept());
        Ok(Manifest { models: kept.map(model).collect() })
    }
}

/// Through what is ephemeral to what is kept.
fn parents(node: &Node, written: &Written) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut left: Vec<&str> = node.depends_on.nodes.iter().map(String::as_str).collect();
    while let Some(id) = left.pop() {
        if !seen.insert(id) {
            continue;
        }
        match (written.nodes.get(id), written.sources.get(id)) {
            (Some(node), _) if node.is_ephemeral() => {
                left.extend(node.depends_on.nodes.iter().map(String::as_str));
            }
            (Some(node), _) => drop(found.insert(node.name())),
            (None, Some(source)) => {
                found.insert(format!("{}.{}", source.schema, source.identifier));
            }
            (None, None) => {}
        }
    }
    found
}

fn sql(node: &Node, project: &Path, compiled_at: Option<SystemTime>) -> Sql {
    if node.resource_type == "seed" {
        return Sql::Rows;
    }
    if node.language.as_deref().is_some_and(|language| language != "sql") {
        return Sql::None("it is not written in SQL");
    }
    // A run of some models leaves the others in their files.
    let path =
        project.join("target/compiled").join(&node.package_name).join(&node.original_file_path);
    let (text, at) = match &node.compiled_code {
        Some(code) => (Some(code.clone()), compiled_at),
        None => (std::fs::read_to_string(&path).ok(), changed_at(&path)),
    };
    let Some(text) = text else {
        return Sql::None("it is not compiled: millrace transform compile");
    };
    let written_at = changed_at(&project.join(&node.original_file_path));
    match written_at > at {
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
        let manifest = Manifest::read(project(&text).path()).unwrap();
        let names: Vec<&str> = manifest.models.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names, ["marts.a", "marts.c"]);
        let a = &manifest.models[0];
        assert_eq!(a.parents, BTreeSet::from(["marts.c".to_owned(), "public.t".to_owned()]));
        assert!(matches!(&a.sql, Sql::Compiled(sql) if sql == "select 1"), "{:?}", a.sql);
    }

    #[test]
    fn a_model_is_as_it_was_compiled_or_not_known() {
        let text = format!(r#"{{"nodes":{{{}}},"sources":{{}}}}"#, node("a", ""));
        let folder = project(&text);
        let sql = || Manifest::read(folder.path()).unwrap().models.remove(0).sql;
        assert!(matches!(sql(), Sql::None(why) if why.contains("not compiled")));
        std::fs::write(folder.path().join("target/compiled/p/models/a.sql"), "select 2").unwrap();
        assert!(matches!(sql(), Sql::Compiled(sql) if sql == "select 2"));
        std::fs::create_dir(folder.path().join("models")).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(folder.path().join("models/a.sql"), "select 3").unwrap();
        assert!(matches!(sql(), Sql::None(why) if why.contains("has changed")));
    }

    #[test]
    fn a_project_that_was_not_compiled_names_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let error = Manifest::read(folder.path()).err().unwrap();
        assert_eq!(error.hint_text(), Some(COMPILE));
    }
}
