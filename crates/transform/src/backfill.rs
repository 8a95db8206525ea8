//! An incremental model made anew for a span of time, an interval after the other. Each interval is a run of dbt with
//! the variables `millrace_from` and `millrace_to`, which the model's own SQL reads.
//!
//! What is done is kept in dbt's `target/`, so the same command goes on where it stopped.

use crate::results::Results;
use model::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The variable that a model's SQL reads.
const FROM: &str = "millrace_from";
/// Days are enough for years.
const BATCHES_MAX: i64 = 100_000;
const DAY: i64 = 86_400;

/// Seconds since 1970, the end not in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    pub from: i64,
    pub to: i64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Backfill {
    pub model: String,
    pub from: i64,
    pub to: i64,
    /// Seconds of an interval.
    pub batch: i64,
}

/// What is kept between two runs.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    backfill: Backfill,
    done_to: i64,
}

impl Backfill {
    pub fn new(model: String, from: i64, to: i64, batch: i64) -> Result<Backfill> {
        if from >= to {
            return Err(Error::definite("cannot backfill: --from is not before --to"));
        }
        if batch <= 0 || (to - from) / batch > BATCHES_MAX {
            return Err(Error::definite("cannot backfill in such batches")
                .detail(format!("There may be {BATCHES_MAX} at most."))
                .hint("--batch 1d"));
        }
        Ok(Backfill { model, from, to, batch })
    }

    /// What is left to do, oldest first.
    pub fn left(&self, project: &Path) -> Vec<Interval> {
        let done_to = self.kept(project).map_or(self.from, |kept| kept.done_to);
        let starts = (self.from..self.to).step_by(self.batch as usize);
        let interval = |from: i64| Interval { from, to: (from + self.batch).min(self.to) };
        starts.map(interval).filter(|interval| interval.to > done_to).collect()
    }

    /// Whole, or not at all.
    pub fn done(&self, interval: Interval, project: &Path) -> Result<()> {
        let path = self.place(project);
        if interval.to >= self.to {
            // Nothing is left; the next one of the kind begins anew.
            return match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(cannot(&path, error))
                }
                _ => Ok(()),
            };
        }
        let kept = Kept { backfill: self.clone(), done_to: interval.to };
        let text = serde_json::to_vec(&kept)
            .map_err(|error| Error::bug("cannot write what was done").source(error))?;
        let fresh = path.with_extension("new");
        std::fs::create_dir_all(path.parent().unwrap_or(project))
            .and_then(|()| std::fs::write(&fresh, text))
            .and_then(|()| std::fs::rename(&fresh, &path))
            .map_err(|error| cannot(&path, error))
    }

    fn kept(&self, project: &Path) -> Option<Kept> {
        let kept = std::fs::read(self.place(project)).ok()?;
        let kept: Kept = serde_json::from_slice(&kept).ok()?;
        // Of another span it says nothing.
        (kept.backfill == *self).then_some(kept)
    }

    fn place(&self, project: &Path) -> PathBuf {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
        let name: String = self.model.chars().map(plain).collect();
        project.join("target").join(format!("millrace-backfill-{name}.json"))
    }

    /// For dbt. `at`: a time as the model's SQL reads it, in UTC.
    pub fn words(&self, interval: Interval, at: impl Fn(i64) -> String) -> Vec<OsString> {
        let vars = serde_json::json!({
            (FROM): at(interval.from),
            "millrace_to": at(interval.to),
        });
        ["run", "--select", &self.model, "--vars", &vars.to_string()].map(OsString::from).to_vec()
    }
}

#[derive(Deserialize)]
struct Manifest {
    nodes: HashMap<String, Node>,
    macros: HashMap<String, Macro>,
}

#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    raw_code: String,
    #[serde(default)]
    config: Materialized,
    #[serde(default)]
    depends_on: DependsOn,
}

#[derive(Deserialize, Default)]
struct Materialized {
    #[serde(default)]
    materialized: Option<String>,
}

#[derive(Deserialize)]
struct Macro {
    macro_sql: String,
    #[serde(default)]
    depends_on: DependsOn,
}

#[derive(Deserialize, Default)]
struct DependsOn {
    #[serde(default)]
    macros: Vec<String>,
}

impl Manifest {
    fn takes_intervals(&self, node: &Node) -> bool {
        let is_incremental = node.config.materialized.as_deref() == Some("incremental");
        let (mut left, mut seen) = (node.depends_on.macros.clone(), HashSet::new());
        let mut reads = node.raw_code.contains(FROM);
        while let Some(id) = left.pop().filter(|_| !reads) {
            let Some(found) = self.macros.get(&id) else { continue };
            if seen.insert(id) {
                reads = found.macro_sql.contains(FROM);
                left.extend(found.depends_on.macros.iter().cloned());
            }
        }
        is_incremental && reads
    }
}

/// Whether one of the models that dbt has just built there makes an interval anew. Others are built as ever.
pub fn took_intervals(target: &Path) -> Result<bool> {
    let path = target.join("manifest.json");
    let cannot = || Error::definite(format!("cannot read {}", path.display()));
    let text = std::fs::read(&path).map_err(|error| cannot().source(error))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| cannot().source(error))?;
    let built = Results::read(target, None)?.map_or(Vec::new(), |results| results.nodes);
    let mut nodes = built.iter().filter_map(|node| manifest.nodes.get(&node.unique_id));
    Ok(nodes.any(|node| manifest.takes_intervals(node)))
}

/// `30m`, `6h`, `1d`, `2w`, in seconds.
pub fn seconds(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(unit).filter(|seconds| *seconds > 0)
}

fn cannot(path: &Path, error: std::io::Error) -> Error {
    Error::definite(format!("cannot keep what was done in {}", path.display())).source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path();
        let backfill = Backfill::new("m+".into(), 0, 5 * DAY / 2, DAY).unwrap();
        let spans = |backfill: &Backfill| -> Vec<(i64, i64)> {
            backfill
                .left(project)
                .into_iter()
                .map(|interval| (interval.from, interval.to))
                .collect()
        };
        let all = [(0, DAY), (DAY, 2 * DAY), (2 * DAY, 5 * DAY / 2)];
        assert_eq!(spans(&backfill), all);
        backfill.done(Interval { from: 0, to: DAY }, project).unwrap();
        assert_eq!(spans(&backfill), all[1..]);
        // Another span of the same model begins at its own beginning.
        let other = Backfill::new("m+".into(), 0, 3 * DAY, DAY).unwrap();
        assert_eq!(spans(&other).len(), 3);
        for interval in backfill.left(project) {
            backfill.done(interval, project).unwrap();
        }
        assert_eq!(spans(&backfill), all, "when all is done it is a new one");
    }

    #[test]
    fn spans_and_durations_are_checked() {
        assert!(Backfill::new("m".into(), 7, 7, DAY).is_err());
        assert!(Backfill::new("m".into(), 0, 1 << 40, 1).is_err());
        for (text, expected) in
            [("30m", Some(1_800)), ("6h", Some(21_600)), ("1d", Some(DAY)), ("2w", Some(14 * DAY))]
        {
            assert_eq!(seconds(text), expected, "{text}");
        }
        for text in ["", "d", "0d", "-1d", "1", "1y", "9999999999999999d", "1dd", "ä"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
