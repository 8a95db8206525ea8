//! What dbt has done meanwhile, a line a run.

use crate::talk::{self, Paint};
use model::words::counted;
use std::collections::HashSet;
use store::Store;

const ENDED: &str = "SELECT id, schedule, status, seconds, countIf(kind NOT IN ('test', 'unit_test')), \
       countIf(kind IN ('test', 'unit_test') AND run_nodes.status = 'pass'), countIf(kind IN ('test', 'unit_test')), error \
     FROM (SELECT * FROM millrace.runs FINAL WHERE status != 'running' AND started > now() - INTERVAL 1 HOUR) AS runs \
     LEFT JOIN (SELECT run, kind, status FROM millrace.run_nodes WHERE started > now() - INTERVAL 1 HOUR) AS run_nodes \
       ON run_nodes.run = runs.id \
     GROUP BY id, schedule, runs.status, seconds, error, runs.started ORDER BY runs.started";

/// Those that were told.
#[derive(Default)]
pub(super) struct Told(HashSet<String>);

impl Told {
    pub(super) async fn new_ones(&mut self, store: &dyn Store) -> Vec<String> {
        // Not before there are any tables.
        let rows = store.query(ENDED).await.unwrap_or_default();
        let fields = rows.into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default));
        fields.filter_map(|fields| self.line(&fields.collect::<Vec<_>>())).collect()
    }

    fn line(&mut self, fields: &[String]) -> Option<String> {
        let [id, schedule, status, seconds, models, passed, tests, error] = fields else {
            return None;
        };
        if !self.0.insert(id.clone()) {
            return None;
        }
        let paint = if status == "success" { Paint::Green } else { Paint::Red };
        let name = if schedule.is_empty() { "by hand" } else { schedule };
        let seconds: f64 = seconds.parse().ok()?;
        let mut line = format!(
            "dbt {name}: {} in {seconds:.1} s, {}, {passed} of {} passed",
            talk::words(status, paint),
            counted(models.parse().ok()?, "model"),
            counted(tests.parse().ok()?, "test"),
        );
        if let Some(first) = error.lines().next() {
            line += &format!("\n  {first}");
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_is_told_once() {
        let row = |id: &str, status: &str, error: &str| {
            [id, "fast", status, "5.25", "4", "30", "31", error].map(str::to_owned)
        };
        let mut told = Told::default();
        let first = told.line(&row("a", "success", "")).unwrap();
        assert_eq!(
            talk::plain(&first),
            "dbt fast: success in 5.2 s, 4 models, 30 of 31 tests passed"
        );
        assert_eq!(told.line(&row("a", "success", "")), None);
        let second = told.line(&row("b", "error", "cannot run dbt\nhint: x")).unwrap();
        assert!(second.ends_with("passed\n  cannot run dbt"), "{second}");
    }
}
