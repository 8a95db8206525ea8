//! Settings that a statement has for itself, where the door has to know them: the engine says nothing of them.

use super::error::Failure;
use super::lane::Lane;
use super::run::{EXTREMES, Work, is_select};
use super::sql::{Kind, Outline, Token, Tokens};
use super::text::Text;
use std::ops::Range;

/// Makes one document of a format of rows.
pub(super) const ARRAY_OF_ROWS: &str = "output_format_json_array_of_rows";
const ZONE: &str = "session_timezone";
/// Once set in a session they hold for its other statements, and change how those are answered.
pub(super) const REMEMBERED: [&str; 3] = [EXTREMES, ARRAY_OF_ROWS, ZONE];

impl Work {
    /// The zone that the answer is in, if that is not the request's.
    pub(super) fn zone(&self, lane: &mut Lane, text: &Text) -> Result<Option<String>, Failure> {
        if let Text::Statement(sql) = text
            && let Some(range) = last_clause(sql).into_iter().rev().find(|pair| pair.is(sql, ZONE))
        {
            let value = sql[range.value].trim_matches('\'').to_owned();
            return Ok(Some(value).filter(|zone| !zone.is_empty()));
        }
        if !lane.kept.has_set.contains(ZONE) {
            return Ok(None);
        }
        let answer = lane.kept.session.query_and_keep("SELECT timezone()", "TSVRaw", &[])?;
        Ok(Some(String::from_utf8_lossy(answer.bytes()).trim_end().to_owned()))
    }

    /// To somebody who only reads, the engine is read-only and refuses a `SETTINGS` clause, but for settings that
    /// have their value already. So those of a SELECT, or of one that is explained, which the gate has let through, are set before. (Those
    /// of a part of it would be set for the whole, and stay refused.)
    pub(super) fn set_before(
        &self,
        lane: &mut Lane,
        sql: &str,
        outline: &Outline,
    ) -> Result<(), Failure> {
        let pairs = self.settings_before(sql, outline);
        if !pairs.is_empty() {
            let set = format!("SET {}", pairs.join(", "));
            lane.kept.session.query_and_keep(&set, "Null", &[])?;
        }
        Ok(())
    }

    /// `max_threads = 2`
    pub(super) fn settings_before(&self, sql: &str, outline: &Outline) -> Vec<String> {
        let takes_them = is_select(outline) || outline.verb == "EXPLAIN";
        if !self.caller.only_reads() || !takes_them {
            return Vec::new();
        }
        let pairs = last_clause(sql).into_iter();
        pairs.map(|pair| format!("{} = {}", &sql[pair.name], &sql[pair.value])).collect()
    }
}

struct Pair {
    name: Range<usize>,
    value: Range<usize>,
}

impl Pair {
    fn is(&self, sql: &str, name: &str) -> bool {
        sql[self.name.clone()].trim_matches(['`', '"']) == name
    }
}

/// `SETTINGS a = 1, b = 'x'` at the end of a statement, outside of brackets; values that are more than a literal are
/// not read, nor what stands beside them.
fn last_clause(sql: &str) -> Vec<Pair> {
    if !sql.as_bytes().windows(8).any(|word| word.eq_ignore_ascii_case(b"SETTINGS")) {
        return Vec::new();
    }
    let tokens: Vec<Token> = Tokens::new(sql.as_bytes()).collect();
    let mut depth = 0;
    let mut start = None;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Mark(b'(' | b'[' | b'{') => depth += 1,
            Kind::Mark(b')' | b']' | b'}') => depth -= 1,
            Kind::Word if depth == 0 && is(sql, token, "SETTINGS") => start = Some(at + 1),
            _ => {}
        }
    }
    start.and_then(|start| pairs(sql, &tokens[start..])).unwrap_or_default()
}

fn is(sql: &str, token: &Token, word: &str) -> bool {
    sql[token.start..token.end].eq_ignore_ascii_case(word)
}

/// `None`: there is something else.
fn pairs(sql: &str, mut tokens: &[Token]) -> Option<Vec<Pair>> {
    let mut pairs = Vec::new();
    loop {
        let [name, equals, rest @ ..] = tokens else { return None };
        let is_name = matches!(name.kind, Kind::Word | Kind::Quoted);
        if !is_name || equals.kind != Kind::Mark(b'=') {
            return None;
        }
        let of_value = |token: &Token| {
            matches!(token.kind, Kind::Word | Kind::Literal | Kind::Mark(b'.' | b'-' | b'+'))
                && !is(sql, token, "FORMAT")
        };
        // `-1.5` is several tokens; what stands apart is none of it.
        let is_next = |at: usize| at == 0 || rest[at - 1].end == rest[at].start;
        let is_of_value = |&(at, token): &(usize, &Token)| of_value(token) && is_next(at);
        let count = rest.iter().enumerate().take_while(is_of_value).count();
        let (value, rest) = rest.split_at(count);
        let value = value.first()?.start..value.last()?.end;
        pairs.push(Pair { name: name.start..name.end, value });
        tokens = match rest {
            [comma, rest @ ..] if comma.kind == Kind::Mark(b',') => rest,
            [format, name, rest @ ..] if is(sql, format, "FORMAT") && name.kind == Kind::Word => {
                return rest.iter().all(|token| token.kind == Kind::Mark(b';')).then_some(pairs);
            }
            rest => {
                return rest.iter().all(|token| token.kind == Kind::Mark(b';')).then_some(pairs);
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clause_at_the_end_is_read() {
        let read = |sql: &str| -> String {
            let pairs = last_clause(sql).into_iter();
            let pairs = pairs.map(|pair| format!("{}={};", &sql[pair.name], &sql[pair.value]));
            pairs.collect()
        };
        for (sql, expected) in [
            ("SELECT 1", ""),
            ("SELECT 1 settings a = 1, `b`='x, y' FORMAT JSON;", "a=1;`b`='x, y';"),
            ("SELECT 1 FORMAT JSON SETTINGS a = -1.5", "a=-1.5;"),
            ("SELECT (SELECT 1 SETTINGS a = 1)", ""),
            ("SELECT (SELECT 1 SETTINGS a = 1) SETTINGS b = auto(1)", ""),
            ("SELECT 1 SETTINGS a = 1 UNION ALL SELECT 2", ""),
            ("SELECT 1 SETTINGS a = 1 UNION ALL SELECT 2 SETTINGS b = 2", "b=2;"),
            ("SELECT 1 SETTINGS a = {'x': 1}", ""),
            ("SELECT settings FROM t", ""),
            ("SELECT 'SETTINGS a = 1'", ""),
        ] {
            assert_eq!(read(sql), expected, "{sql}");
        }
    }
}
