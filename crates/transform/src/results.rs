//! What became of each node: dbt's `run_results.json`.

use model::{Error, Result};
use serde::Deserialize;
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

impl Results {
    /// `None`: there are none, or they are those of `before`.
    pub fn read(target: &Path, before: Option<&Results>) -> Result<Option<Results>> {
        let path = target.join("run_results.json");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(
                    Error::definite(format!("cannot read {}", path.display())).source(error)
                );
            }
        };
        let results: Results = serde_json::from_slice(&text).map_err(|error| {
            Error::definite(format!("cannot read {}", path.display()))
                .detail("It is not what this version of dbt writes.")
                .source(error)
        })?;
        let is_old = before.is_some_and(|before| before.metadata == results.metadata);
        Ok((!is_old).then_some(results))
    }

    pub fn failed(&self) -> usize {
        self.nodes.iter().filter(|node| node.is_failed()).count()
    }
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
}
