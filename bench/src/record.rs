//! A measure's result, as DESIGN section 11 lays down its form.

use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// What the bar is held against.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BarOn {
    /// Ours by theirs, at least the bar.
    Ratio,
    /// Our median: at least the bar when higher is better, under it when lower is.
    Ours,
}

/// A second figure of the same runs.
pub(crate) struct Also {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) ours: Vec<f64>,
    /// Under this; `None`: shown only.
    pub(crate) below: Option<f64>,
}

pub(crate) struct Record {
    pub(crate) measure: &'static str,
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) higher_is_better: bool,
    pub(crate) ours: Vec<f64>,
    pub(crate) peer: Option<&'static str>,
    pub(crate) theirs: Vec<f64>,
    pub(crate) bar: f64,
    pub(crate) bar_on: BarOn,
    /// What the figures are of, where their names do not say it.
    pub(crate) notes: Vec<String>,
    pub(crate) rows: u64,
    pub(crate) also: Vec<Also>,
}

impl Record {
    fn ratio(&self) -> Option<f64> {
        let (ours, theirs) = (median(&self.ours)?, median(&self.theirs)?);
        Some(if self.higher_is_better { ours / theirs } else { theirs / ours })
    }

    fn holds(&self) -> bool {
        let own = match self.bar_on {
            BarOn::Ratio => self.ratio().is_some_and(|ratio| ratio >= self.bar),
            BarOn::Ours => median(&self.ours).is_some_and(|ours| {
                if self.higher_is_better { ours >= self.bar } else { ours < self.bar }
            }),
        };
        own && self.also.iter().all(Also::holds)
    }

    pub(crate) fn json(&self) -> Value {
        let also: Vec<Value> = self
            .also
            .iter()
            .map(|a| {
                json!({ "name": a.name, "unit": a.unit, "ours": rounded(&a.ours),
                        "bar": a.below, "holds": a.holds() })
            })
            .collect();
        json!({
            "measure": self.measure,
            "what": self.what,
            "unit": self.unit,
            "better": if self.higher_is_better { "higher" } else { "lower" },
            "ours": rounded(&self.ours),
            "peer": self.peer,
            "theirs": rounded(&self.theirs),
            "ratio": self.ratio().map(round),
            "bar": self.bar,
            "bar_on": if self.bar_on == BarOn::Ratio { "ratio" } else { "ours" },
            "holds": self.holds(),
            "also": also,
            "notes": self.notes,
            "rows": self.rows,
            "commit": commit(),
            "date": jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            "cpu": cpu(),
        })
    }

    pub(crate) fn write(&self) -> Result<(), String> {
        let folder = results();
        std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let path = folder.join(format!("{}.json", self.measure));
        let text = serde_json::to_string_pretty(&self.json()).expect("it is JSON");
        std::fs::write(&path, text + "\n").map_err(|e| format!("{}: {e}", path.display()))
    }

    pub(crate) fn line(&self) -> String {
        let ours = median(&self.ours).unwrap_or(f64::NAN);
        let mut line = format!("{:<18} {ours:>12.1} {}", self.measure, self.unit);
        if let (Some(ratio), Some(theirs)) = (self.ratio(), median(&self.theirs)) {
            line += &format!("  theirs {theirs:.1}  ratio {ratio:.2}");
        }
        for also in &self.also {
            let figure = median(&also.ours).unwrap_or(f64::NAN);
            line += &format!("  {} {figure:.2} {}", also.name, also.unit);
        }
        line + &format!("  bar {} {}", self.bar, if self.holds() { "holds" } else { "MISSED" })
    }
}

impl Also {
    fn holds(&self) -> bool {
        match (self.below, median(&self.ours)) {
            (Some(bar), Some(figure)) => figure < bar,
            (Some(_), None) => false,
            (None, _) => true,
        }
    }
}

/// `None` of nothing.
pub(crate) fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// The figure below which so many percent lie.
pub(crate) fn percentile(figures: &mut [f64], percent: usize) -> f64 {
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => f64::NAN,
        n => figures[(n - 1) * percent / 100],
    }
}

fn round(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

fn rounded(figures: &[f64]) -> Vec<f64> {
    figures.iter().copied().map(round).collect()
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

pub(crate) fn results() -> PathBuf {
    root().join("bench/results")
}

/// The commit that was measured; `+`: with changes that are in none.
fn commit() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(root()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else {
        return "unknown".to_owned();
    };
    // Our own results are no change of what was measured.
    let changed =
        git(&["status", "--porcelain", "--", "crates", "Cargo.lock", "bench/src", "examples/shop"]);
    if changed.is_some_and(|list| !list.is_empty()) { commit + "+" } else { commit }
}

fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{}, {cores} cores", model.map_or("unknown", |(_, name)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_bars() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(percentile(&mut (1..=101).map(f64::from).collect::<Vec<_>>(), 99), 100.0);
        let mut record = Record {
            measure: "x",
            what: "",
            unit: "rows/s",
            higher_is_better: true,
            ours: vec![200.0, 180.0],
            peer: Some("p"),
            theirs: vec![100.0],
            bar: 1.8,
            bar_on: BarOn::Ratio,
            notes: Vec::new(),
            rows: 1,
            also: Vec::new(),
        };
        assert_eq!(record.json()["ratio"], 1.9);
        assert!(record.holds());
        record.also.push(Also { name: "p50", unit: "ms", ours: vec![80.0], below: Some(80.0) });
        assert!(!record.holds());
    }
}
