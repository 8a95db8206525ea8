//! Which projections a SELECT read. ClickHouse tells it in `system.query_log`; this engine has it in the
//! description of a plan, `ReadFromMergeTree (by_day)`, and nowhere afterwards. So where a SELECT names tables
//! that have projections, and only there, its plan is asked for behind it, on its own connection.

use super::run::Work;
use super::sql::{Outline, Token, Tokens};
use super::zones;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use store::Engine;
use store::embedded::Session;

/// What the door lets through makes it look again at once; this is for whatever it does not see.
const KNOWN_FOR: Duration = Duration::from_secs(60);
const READ: &str = "ReadFromMergeTree (";

/// By table, their names.
type OfTables = BTreeMap<String, BTreeSet<String>>;

#[derive(Default)]
pub(super) struct Projections {
    known: Mutex<Option<(Instant, OfTables)>>,
}

impl Projections {
    fn lock(&self) -> MutexGuard<'_, Option<(Instant, OfTables)>> {
        self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A statement has run that may have changed them.
    pub(super) fn follow(&self, verb: &str) {
        const CHANGING: [&str; 9] = [
            "CREATE", "ALTER", "DROP", "RENAME", "EXCHANGE", "ATTACH", "DETACH", "REPLACE",
            "UNDROP",
        ];
        if CHANGING.contains(&verb) {
            *self.lock() = None;
        }
    }

    /// Those of these tables.
    fn of(&self, tables: &BTreeSet<String>, engine: &Engine) -> OfTables {
        let is_old = |known: &Option<(Instant, OfTables)>| {
            known.as_ref().is_none_or(|(since, _)| since.elapsed() >= KNOWN_FOR)
        };
        let mut known = self.lock();
        if is_old(&known) {
            // Nobody waits for a statement of the engine's here.
            drop(known);
            let since = Instant::now();
            let of_tables = all(engine).unwrap_or_default();
            known = self.lock();
            if is_old(&known) {
                *known = Some((since, of_tables));
            }
        }
        let of = known.iter().flat_map(|(_, of)| of);
        let of = of.filter(|(table, _)| tables.contains(*table));
        of.map(|(table, names)| (table.clone(), names.clone())).collect()
    }
}

fn all(engine: &Engine) -> Option<OfTables> {
    let sql = "SELECT concat(database, '.', table), name FROM system.projections";
    let mut session = engine.session().ok()?;
    let answer = session.query(sql, "TSVRaw", &[]).ok()?;
    let mut of_tables = OfTables::new();
    for line in String::from_utf8_lossy(answer.bytes()).lines() {
        let (table, name) = line.split_once('\t')?;
        of_tables.entry(table.to_owned()).or_default().insert(name.to_owned());
    }
    Some(of_tables)
}

/// Those that a plan reads, as `database.table.projection`.
fn read(plan: &str, of_tables: &OfTables) -> BTreeSet<String> {
    let parts = plan.lines().filter_map(|line| {
        let (_, rest) = line.split_once(READ)?;
        rest.split_once(')').map(|(name, _)| name)
    });
    let parts: BTreeSet<&str> = parts.collect();
    let all =
        of_tables.iter().flat_map(|(table, names)| names.iter().map(move |name| (table, name)));
    let used = all.filter(|(_, name)| parts.contains(name.as_str()));
    used.map(|(table, name)| format!("{table}.{name}")).collect()
}

impl Work {
    /// For the log; a plan that cannot be had is nobody's error. Of one SELECT only: the plan of one with
    /// subqueries may run these again.
    pub(super) fn note_projections(&self, session: &mut Session, sql: &str, outline: &Outline) {
        let is_select = |token: &Token| sql[token.start..token.end].eq_ignore_ascii_case("SELECT");
        let selects = Tokens::new(sql.as_bytes()).filter(is_select).count();
        if outline.verb != "SELECT" || selects != 1 || !self.statement.is_wanted() {
            return;
        }
        let Some(text) = self.statement.text() else { return };
        let of_tables = self.door.projections.of(&text.tables, &self.door.engine);
        if of_tables.is_empty() || !session.is_open() {
            return;
        }
        let Some(bare) = zones::query(sql, outline) else { return };
        let plan =
            session.query_and_keep(&format!("EXPLAIN\n{bare}"), "TSVRaw", &self.request.params);
        if let Ok(plan) = plan {
            let plan = String::from_utf8_lossy(plan.bytes());
            self.statement.set_projections(read(&plan, &of_tables));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_what_it_reads() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let of_tables =
            OfTables::from([("a.t".into(), names(&["p", "q"])), ("b.u".into(), names(&["p"]))]);
        let plan = "Aggregating\n└──ReadFromMergeTree (q)\n└──ReadFromMergeTree (b.u)";
        assert_eq!(read(plan, &of_tables), names(&["a.t.q"]));
        assert!(read("ReadFromMergeTree (a.t)", &of_tables).is_empty());
    }
}
