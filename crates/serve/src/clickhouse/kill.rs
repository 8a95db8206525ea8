//! `KILL QUERY`, answered by the door: the engine neither knows the ids that clients give their
//! statements, nor ends a SYNC that waits for one that has failed.
//!
//! ```text
//! KILL QUERY WHERE query_id = 'a' AND user IN ('x', 'y') [SYNC | ASYNC | TEST] [FORMAT …]
//! ```
//!
//! A condition is made of `query_id` and `user`, which say enough and can be told without the engine.
//! A statement that is being cancelled before it is at the engine is not found there, so cancelling is
//! repeated until it has ended.

use super::Door;
use super::error::Failure;
use super::sql::{Kind, Token, Tokens};
use super::statement::Statement;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Engine, ddl};

/// `SYNC` waits so long at most; what still runs then is told as `waiting`.
const SYNC_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two tries, and how long it is tried.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);
/// Of all texts in an answer, which becomes a statement itself.
const TEXTS_BYTES_MAX: usize = 64 << 10;

const DEPTH_MAX: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    Async,
    Sync,
    Test,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    QueryId,
    User,
}

/// One of these is meant by all conditions together.
#[derive(PartialEq, Eq, Debug)]
struct Kill {
    conditions: Vec<(Field, Vec<String>)>,
    how: How,
}

/// Ends what is asked for, also `of_others` or of the own user alone; the answer is a SELECT of what was
/// done.
pub(super) fn run(
    sql: &str,
    params: &[(String, String)],
    own: &Statement,
    of_others: bool,
    door: &Door,
) -> Result<String, Failure> {
    let (processes, engine) = (&door.processes, &door.engine);
    let kill = parse(sql, params)?;
    let mut meant = processes.all();
    // Nothing else stands before the statements of others: the engine asks for no right.
    meant.retain(|other| {
        let may_end = of_others || other.user == own.user;
        other.number != own.number && may_end && kill.means(other)
    });
    let status = match kill.how {
        How::Test => "unknown_status",
        How::Async => {
            meant.iter().for_each(|statement| cancel_later(engine, statement));
            "waiting"
        }
        How::Sync => {
            meant.iter().for_each(|statement| cancel_later(engine, statement));
            match processes.wait_for_end(&meant, own, SYNC_TIMEOUT) {
                true => "finished",
                false => "waiting",
            }
        }
    };
    Ok(answer(status, &meant))
}

/// Whether a text is for us: mutations and the rest are the engine's to kill.
pub(super) fn is_asked(sql: &str) -> bool {
    let mut words = Tokens::new(sql.as_bytes()).map(|token| &sql[token.start..token.end]);
    ["KILL", "QUERY"]
        .iter()
        .all(|wanted| words.next().is_some_and(|word| word.eq_ignore_ascii_case(wanted)))
}

/// Ends a statement without waiting for it.
pub(super) fn cancel_later(engine: &Engine, statement: &Arc<Statement>) {
    statement.cancel();
    let (engine, statement) = (engine.clone(), statement.clone());
    let work = move || {
        let until = Instant::now() + CANCEL_TIMEOUT;
        while let Some(comment) = statement.to_kill()
            && !statement.has_ended()
            && Instant::now() < until
        {
            if let Err(error) = engine.kill(&comment) {
                tracing::warn!(error = error.report(), "could not cancel a statement");
                return;
            }
            std::thread::sleep(AGAIN_AFTER);
        }
    };
    let thread = std::thread::Builder::new().name("cancel".into());
    if let Err(error) = thread.spawn(work) {
        tracing::warn!(%error, "could not cancel a statement");
    }
}

impl Kill {
    fn means(&self, statement: &Statement) -> bool {
        self.conditions.iter().all(|(field, values)| {
            let found = match field {
                Field::QueryId => &statement.query_id,
                Field::User => &statement.user,
            };
            values.contains(found)
        })
    }
}

fn answer(status: &str, meant: &[Arc<Statement>]) -> String {
    const COLUMNS: &str = "r.1 AS kill_status, r.2 AS query_id, r.3 AS user, r.4 AS query";
    if meant.is_empty() {
        return format!("SELECT {COLUMNS} FROM (SELECT ('', '', '', '') AS r) WHERE 0");
    }
    let bytes_max = TEXTS_BYTES_MAX / meant.len();
    let rows = meant.iter().map(|statement| {
        let text = statement.text().map_or(String::new(), |text| text.shown);
        let text = super::client::cut(&text, bytes_max);
        let fields = [status, &statement.query_id, &statement.user, text].map(ddl::literal);
        format!("({})", fields.join(", "))
    });
    let rows: Vec<String> = rows.collect();
    format!("SELECT {COLUMNS} FROM (SELECT arrayJoin([{}]) AS r)", rows.join(", "))
}

/// Reads the statement's tokens from left to right.
struct Reader<'a> {
    sql: &'a str,
    tokens: std::iter::Peekable<Tokens<'a>>,
    params: &'a [(String, String)],
}

fn parse(sql: &str, params: &[(String, String)]) -> Result<Kill, Failure> {
    let tokens = Tokens::new(sql.as_bytes()).peekable();
    let mut reader = Reader { sql, tokens, params };
    reader.kill().ok_or_else(|| {
        Failure::not_implemented(
            "KILL QUERY takes WHERE query_id = '…' or user = '…' here, also with IN and AND, and then \
             SYNC, ASYNC or TEST: find the query_id in system.processes",
        )
    })
}

impl<'a> Reader<'a> {
    fn text(&self, token: Token) -> &'a str {
        &self.sql[token.start..token.end]
    }

    fn takes(&mut self, word: &str) -> bool {
        let Some(token) = self.tokens.peek().copied() else { return false };
        let found = self.text(token).eq_ignore_ascii_case(word);
        if found {
            self.tokens.next();
        }
        found
    }

    fn expects(&mut self, word: &str) -> Option<()> {
        self.takes(word).then_some(())
    }

    /// `None`: it is more than is understood here.
    fn kill(&mut self) -> Option<Kill> {
        self.expects("KILL")?;
        self.expects("QUERY")?;
        self.expects("WHERE")?;
        let mut conditions = vec![self.condition(0)?];
        while self.takes("AND") {
            conditions.push(self.condition(0)?);
        }
        let how = match () {
            () if self.takes("SYNC") => How::Sync,
            () if self.takes("TEST") => How::Test,
            () => {
                self.takes("ASYNC");
                How::Async
            }
        };
        if self.takes("FORMAT") {
            self.tokens.next()?;
        }
        self.takes(";");
        self.tokens.next().is_none().then_some(Kill { conditions, how })
    }

    /// So many brackets around it: each takes of the stack, and anybody may send a text of brackets.
    fn condition(&mut self, depth: usize) -> Option<(Field, Vec<String>)> {
        if depth < DEPTH_MAX && self.takes("(") {
            let condition = self.condition(depth + 1)?;
            self.expects(")")?;
            return Some(condition);
        }
        let name = self.tokens.next()?;
        let field = match self.text(name).trim_matches(['`', '"']) {
            "query_id" | "initial_query_id" => Field::QueryId,
            "user" | "initial_user" => Field::User,
            _ => return None,
        };
        if self.takes("=") {
            self.takes("=");
            return Some((field, vec![self.value()?]));
        }
        self.expects("IN")?;
        self.expects("(")?;
        let mut values = vec![self.value()?];
        while self.takes(",") {
            values.push(self.value()?);
        }
        self.expects(")")?;
        Some((field, values))
    }

    /// A literal, or `{name:String}`.
    fn value(&mut self) -> Option<String> {
        let token = self.tokens.next()?;
        let text = self.text(token);
        match token.kind {
            Kind::Literal => {
                let inside = text.strip_prefix('\'')?.strip_suffix('\'')?;
                Some(unescape(&inside.replace("''", "'")))
            }
            Kind::Mark(b'{') => {
                let name = self.tokens.next()?;
                let name = self.text(name);
                self.expects(":")?;
                self.expects("String")?;
                self.expects("}")?;
                let (_, value) = self.params.iter().rev().find(|(param, _)| param == name)?;
                Some(unescape(value))
            }
            _ => None,
        }
    }
}

/// Backslashes as in literals and in values of parameters.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                other => out.extend(other),
            },
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> Option<Kill> {
        parse(sql, &[("id".into(), "a\\tb".into())]).ok()
    }

    fn kill(conditions: &[(Field, &[&str])], how: How) -> Option<Kill> {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let conditions = conditions.iter().map(|(field, values)| (*field, owned(values)));
        Some(Kill { conditions: conditions.collect(), how })
    }

    #[test]
    fn conditions_of_clients_are_read() {
        use Field::{QueryId, User};
        let cases = [
            ("KILL QUERY WHERE query_id = 'a'", kill(&[(QueryId, &["a"])], How::Async)),
            (
                "kill query where query_id='it''s \\'' sync;",
                kill(&[(QueryId, &["it's '"])], How::Sync),
            ),
            (
                "KILL QUERY WHERE (`query_id` IN ('a', 'b')) AND user = 'x' TEST FORMAT JSON",
                kill(&[(QueryId, &["a", "b"]), (User, &["x"])], How::Test),
            ),
            (
                "KILL QUERY WHERE query_id == {id:String} ASYNC",
                kill(&[(QueryId, &["a\tb"])], How::Async),
            ),
            ("KILL QUERY WHERE ((query_id = 'a'))", kill(&[(QueryId, &["a"])], How::Async)),
            (&format!("KILL QUERY WHERE {}", "(".repeat(1 << 20)), None),
            ("KILL QUERY WHERE 1", None),
            ("KILL QUERY WHERE query_id = 'a' OR user = 'b'", None),
            ("KILL QUERY WHERE query_id = 'a'; DROP TABLE t", None),
            ("KILL QUERY ON CLUSTER c WHERE query_id = 'a'", None),
            ("KILL QUERY WHERE query_id = {other:String}", None),
            ("KILL QUERY", None),
        ];
        for (sql, expected) in cases {
            assert_eq!(read(sql), expected, "{sql}");
        }
        assert!(is_asked("-- now\n kill Query WHERE x"));
        assert!(!is_asked("KILL MUTATION WHERE x"));
    }
}
