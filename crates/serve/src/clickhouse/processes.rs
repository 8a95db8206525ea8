//! Who runs: the statements at the door by number, and `system.processes` with the client's names.
//!
//! The engine gives its statements ids of its own and runs them all as one user, so names are kept
//! here. They also travel in the connection's `log_comment` ([`super::statement`]); from there the view
//! `millrace.processes` reads them back beside what the engine counts live. The engine's own list cannot be
//! replaced, because its KILL reads it by that name, so a statement that asks for `system.processes` is
//! given the view's name ([`with_our_names`]).
//!
//! Statements that share a connection one after the other ([`super::spare`]) are listed under its number. So who
//! asks for the list brings along, in a comment of its own, what runs where:
//!
//! ```text
//! door.17.ann.                       a connection
//! door.23.ann.list.17=report;18=…    whoever asks: in number 17 runs `report`
//! ```

use super::error::Failure;
use super::kill;
use super::sql::{Kind, Token, Tokens};
use super::statement::Statement;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use store::Engine;

const NAMES_BYTES_MAX: usize = 64 << 10;
/// How often who waits for the end of another one looks whether it is wanted itself.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// `replace_running_query` waits so long for the other one, as at ClickHouse.
const REPLACE_TIMEOUT: Duration = Duration::from_secs(5);

/// With the names of the door's, and without what it put into a text ([`super::document`]).
pub(super) const VIEW: &str = "CREATE OR REPLACE VIEW millrace.processes AS
WITH p.Settings['log_comment'] AS c, startsWith(c, 'door.') AS is_ours,
  splitByChar('.', splitByChar('|', c)[1]) AS parts,
  splitByChar(';', splitByChar('.', splitByChar('|', getSetting('log_comment'))[1])[5]) AS names,
  arrayFirst(name -> startsWith(name, concat(parts[2], '=')), names) AS there,
  if(there = '', parts[4], substring(there, position(there, '=') + 1)) AS id,
  if(is_ours, decodeURLComponent(parts[3]), p.user) AS client_user,
  if(is_ours, decodeURLComponent(id), p.query_id) AS client_query_id,
  if(NOT is_ours, c, if(position(c, '|') = 0, '', substring(c, position(c, '|') + 1))) AS comment,
  CAST(map('log_comment', comment), 'Map(LowCardinality(String), LowCardinality(String))') AS own
SELECT p.* REPLACE (
  client_user AS user, client_query_id AS query_id,
  client_user AS initial_user, client_query_id AS initial_query_id,
  if(is_ours, 2, p.interface) AS interface,
  if(is_ours, replaceRegexpOne(p.query, '\\nINTO OUTFILE \\'[^\\']+\\' APPEND', ''), p.query) AS query,
  CAST(mapFilter((k, v) -> k != 'log_comment' OR v != '', mapUpdate(p.Settings, own)),
    'Map(LowCardinality(String), LowCardinality(String))') AS Settings)
FROM system.processes AS p";

#[derive(Default)]
pub(super) struct Processes {
    statements: Mutex<BTreeMap<u64, Arc<Statement>>>,
    ended: Condvar,
}

/// A place among those that run, until it is dropped.
pub(super) struct Place {
    processes: Arc<Processes>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.processes.lock().remove(&self.number);
        self.processes.ended.notify_all();
    }
}

impl Processes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Statement>>> {
        self.statements.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn all(&self) -> Vec<Arc<Statement>> {
        self.lock().values().cloned().collect()
    }

    /// Of a user's, or of all, those in shared connections.
    pub(super) fn names(&self, of: Option<&str>) -> String {
        let statements = self.lock();
        let theirs = statements.values().filter(|s| of.is_none_or(|user| s.user == user));
        let mut names = String::new();
        for (number, id) in theirs.filter_map(|statement| statement.name_there()) {
            // They are set as a setting. What has no room has no name, and is listed all the same.
            if names.len() + id.len() > NAMES_BYTES_MAX {
                break;
            }
            names.push_str(&format!("{number}={id};"));
        }
        names
    }

    /// Two statements of one `query_id` do not run at once. With `replace` the one that runs is ended
    /// and waited for, if it is the same user's.
    pub(super) fn enter(
        self: &Arc<Processes>,
        statement: &Arc<Statement>,
        replace: bool,
        engine: &Engine,
    ) -> Result<Place, Failure> {
        let mut until = None;
        let mut statements = self.lock();
        loop {
            let same = statements.values().find(|other| other.query_id == statement.query_id);
            let Some(other) = same.cloned() else { break };
            let id = &statement.query_id;
            let refused = |more: &str| {
                let text = format!("Query with id = {id} is already running{more}");
                Failure::new(216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING", text)
            };
            if !replace || other.user != statement.user {
                return Err(refused(""));
            }
            let until = *until.get_or_insert_with(|| {
                kill::cancel_later(engine, &other);
                Instant::now() + REPLACE_TIMEOUT
            });
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(refused(" and can't be stopped"));
            }
            let waited = self.ended.wait_timeout(statements, left);
            statements = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        statements.insert(statement.number, statement.clone());
        Ok(Place { processes: self.clone(), number: statement.number })
    }

    /// Waits until none of these is there any more; `false`: one still was at the end of the time, or
    /// when nobody wanted to know it any more.
    pub(super) fn wait_for_end(
        &self,
        of: &[Arc<Statement>],
        own: &Statement,
        most: Duration,
    ) -> bool {
        let until = Instant::now() + most;
        let mut statements = self.lock();
        while of.iter().any(|statement| statements.contains_key(&statement.number)) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !own.is_wanted() {
                return false;
            }
            let waited = self.ended.wait_timeout(statements, left.min(LOOK_INTERVAL));
            statements = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        true
    }
}

/// The text with our view in the place of the engine's list; `None`: it does not ask for it.
pub(super) fn with_our_names(sql: &str) -> Option<String> {
    if !sql.contains("processes") {
        return None;
    }
    let tokens: Vec<Token> = Tokens::new(sql.as_bytes()).collect();
    let at = |index: usize| tokens.get(index).map_or("", |token| &sql[token.start..token.end]);
    let named = |index: usize, name: &str| at(index).trim_matches(['`', '"']) == name;
    let is_dot = |index: usize| tokens.get(index).is_some_and(|t| t.kind == Kind::Mark(b'.'));
    let mut out = String::with_capacity(sql.len() + 16);
    let mut copied = 0;
    for index in 0..tokens.len().saturating_sub(2) {
        let is_whole = (index == 0 || !is_dot(index - 1)) && !is_dot(index + 3);
        if named(index, "system") && is_dot(index + 1) && named(index + 2, "processes") && is_whole
        {
            out.push_str(&sql[copied..tokens[index].start]);
            out.push_str("millrace.processes");
            copied = tokens[index + 2].end;
        }
    }
    out.push_str(&sql[copied..]);
    (copied > 0).then_some(out)
}

/// `SHOW PROCESSLIST`, as the engine itself reads it; nothing but a format may be behind it.
pub(super) fn list_instead_of_show(sql: &str) -> Option<String> {
    let text = |token: Token| &sql[token.start..token.end];
    let mut words: Vec<&str> = Tokens::new(sql.as_bytes()).map(text).collect();
    words.pop_if(|word| *word == ";");
    let is = |index: usize, word: &str| words[index].eq_ignore_ascii_case(word);
    let format = match words.len() {
        2 => String::new(),
        4 if is(2, "FORMAT") => format!(" FORMAT {}", words[3]),
        _ => return None,
    };
    (is(0, "SHOW") && is(1, "PROCESSLIST"))
        .then(|| format!("SELECT * FROM millrace.processes ORDER BY elapsed DESC{format}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_found_by_its_whole_name() {
        let ours = |sql| with_our_names(sql);
        assert_eq!(
            ours("SELECT 'system.processes' FROM `system`.processes p, system.\"processes\"")
                .unwrap(),
            "SELECT 'system.processes' FROM millrace.processes p, millrace.processes"
        );
        assert_eq!(
            list_instead_of_show("show processlist FORMAT JSON").unwrap(),
            "SELECT * FROM millrace.processes ORDER BY elapsed DESC FORMAT JSON"
        );
        for other in
            ["SHOW TABLES", "SHOW PROCESSLIST, numbers(9)", "SHOW", "SHOW PROCESSLIST LIMIT 1"]
        {
            assert_eq!(list_instead_of_show(other), None, "{other}");
        }
        for other in [
            "SELECT * FROM system.user_processes",
            "SELECT x.system.processes, system.processes.query FROM t",
            "SELECT processes FROM t",
            "processes",
        ] {
            assert_eq!(ours(other), None, "{other}");
        }
    }
}
