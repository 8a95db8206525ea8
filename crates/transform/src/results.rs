//! What became of each node, and what it reads: dbt's `run_results.json` and `manifest.json`.

use model::{Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Results {
    metadata: Metadata,
    #[serde(rename = "results")]
    pub nodes: Vec<Node>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
struct Metadata {
    invocation_id: String,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Node {
    /// `model.shop.orders_daily`
    pub unique_id: String,
    /// As dbt calls it: `success`, `error`, `skipped`, `pass`, `fail`, `warn`, …
    pub status: String,
    #[serde(rename = "execution_time")]
    pub seconds: f64,
    /// What it said, of one that failed.
    pub message: Option<String>,
    /// Quoted, `` `marts`.`orders_daily` ``.
    pub relation_name: Option<String>,
}

/// Of the manifest.
#[derive(Deserialize)]
struct Written {
    nodes: BTreeMap<String, WrittenNode>,
}

#[derive(Deserialize)]
struct WrittenNode {
    config: WrittenConfig,
    depends_on: DependsOn,
}

#[derive(Deserialize)]
struct WrittenConfig {
    #[serde(default)]
    materialized: Option<String>,
}

#[derive(Deserialize)]
struct DependsOn {
    /// A seed has none.
    #[serde(default)]
    nodes: Vec<String>,
}

impl WrittenNode {
    /// Who reads it reads what it reads.
    fn is_seen_through(&self) -> bool {
        matches!(self.config.materialized.as_deref(), Some("view" | "ephemeral"))
    }
}

impl Results {
    /// `None`: there are none, or they are those of `before`.
    pub fn read(target: &Path, before: Option<&Results>) -> Result<Option<Results>> {
        let Some(results) = read::<Results>(&target.join("run_results.json"))? else {
            return Ok(None);
        };
        let is_old = before.is_some_and(|before| before.metadata == results.metadata);
        Ok((!is_old).then_some(results))
    }

    pub fn failed(&self) -> usize {
        self.nodes.iter().filter(|node| node.is_failed()).count()
    }

    /// What its nodes read, by the manifest of the same run, and what views among that read. `None`: there is none.
    pub fn reads(&self, target: &Path) -> Result<Option<BTreeSet<String>>> {
        let Some(written) = read::<Written>(&target.join("manifest.json"))? else {
            return Ok(None);
        };
        let parents = |id: &str| {
            written.nodes.get(id).map_or(&[][..], |node| &node.depends_on.nodes).iter().cloned()
        };
        let mut reads = BTreeSet::new();
        let mut left: Vec<String> =
            self.nodes.iter().flat_map(|node| parents(&node.unique_id)).collect();
        while let Some(id) = left.pop() {
            if written.nodes.get(&id).is_some_and(WrittenNode::is_seen_through)
                && !reads.contains(&id)
            {
                left.extend(parents(&id));
            }
            reads.insert(id);
        }
        Ok(Some(reads))
    }
}

/// `None`: there is none.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let cannot = || Error::definite(format!("cannot read {}", path.display()));
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot().source(error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        cannot().detail("It is not what this version of dbt writes.").source(error)
    })
}

impl Node {
    pub fn is_failed(&self) -> bool {
        matches!(self.status.as_str(), "error" | "fail" | "runtime error")
    }

    /// `model`, `test`, …
    pub fn kind(&self) -> &str {
        self.unique_id.split('.').next().unwrap_or_default()
    }

    /// Database and name.
    pub fn relation(&self) -> Option<(String, String)> {
        let name = self.relation_name.as_ref()?.trim_matches('`');
        let (database, name) = name.split_once("`.`")?;
        Some((database.to_owned(), name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As dbt 1.11.16 writes it, shortened.
    #[test]
    fn results_are_read_once() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Results::read(folder.path(), None).unwrap(), None);
        let text = r#"{"metadata": {"dbt_version": "1.11.16", "invocation_id": "4e71"}, "elapsed_time": 1.5,
            "results": [{"status": "success", "timing": [], "execution_time": 0.25, "adapter_response": {},
            "message": "OK", "failures": null, "unique_id": "model.shop.orders_daily",
            "relation_name": "`marts`.`orders_daily`"}, {"status": "fail", "execution_time": 0.1,
            "message": "Got 3 results", "unique_id": "test.shop.t.1", "relation_name": null}]}"#;
        std::fs::write(folder.path().join("run_results.json"), text).unwrap();
        let results = Results::read(folder.path(), None).unwrap().unwrap();
        assert_eq!((results.nodes.len(), results.failed()), (2, 1));
        assert_eq!(results.nodes[0].kind(), "model");
        assert_eq!(results.nodes[0].relation(), Some(("marts".into(), "orders_daily".into())));
        assert_eq!(results.nodes[1].relation(), None);
        assert_eq!(Results::read(folder.path(), Some(&results)).unwrap(), None);
        std::fs::write(folder.path().join("run_results.json"), "{").unwrap();
        assert!(Results::read(folder.path(), None).is_err());
    }

    /// As dbt 1.11.16 writes it, shortened: a table over a view over an ephemeral model over a table.
    #[test]
    fn what_is_read_through_views_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let node = |id: &str, kind: &str, parents: &str| {
            format!(
                r#""model.s.{id}": {{"name": "{id}", "config": {{"enabled": true, "materialized": "{kind}"}},
                "depends_on": {{"macros": ["macro.dbt.x"], "nodes": [{parents}]}}}}"#
            )
        };
        let nodes = [
            node("mart", "table", r#""model.s.view""#),
            node("view", "view", r#""model.s.within", "source.s.t""#),
            node("within", "ephemeral", r#""model.s.base""#),
            node("base", "incremental", r#""seed.s.seed""#),
            r#""seed.s.seed": {"config": {"materialized": "seed"}, "depends_on": {"macros": []}}"#
                .into(),
            r#""test.s.t.1": {"config": {"severity": "ERROR", "materialized": "test"},
                "depends_on": {"macros": [], "nodes": ["model.s.base"]}}"#
                .into(),
        ];
        let results = |id: &str| {
            let text = format!(
                r#"{{"metadata": {{"invocation_id": "1"}}, "results": [{{"unique_id": "{id}",
                "status": "success", "execution_time": 0.1}}]}}"#
            );
            serde_json::from_str::<Results>(&text).unwrap()
        };
        assert_eq!(results("model.s.mart").reads(folder.path()).unwrap(), None);
        let text = format!(r#"{{"metadata": {{}}, "nodes": {{{}}}}}"#, nodes.join(", "));
        std::fs::write(folder.path().join("manifest.json"), text).unwrap();
        for (id, reads) in [
            ("model.s.mart", "model.s.base model.s.view model.s.within source.s.t"),
            ("model.s.base", "seed.s.seed"),
            ("seed.s.seed", ""),
            ("test.s.t.1", "model.s.base"),
        ] {
            let found = results(id).reads(folder.path()).unwrap().unwrap();
            assert_eq!(found.into_iter().collect::<Vec<_>>().join(" "), reads, "{id}");
        }
        std::fs::write(folder.path().join("manifest.json"), "{").unwrap();
        assert!(results("model.s.mart").reads(folder.path()).is_err());
    }
}
