//! Macros that are a whole statement: `$__columns(time, key, value) FROM …` and its like. What they write has
//! ordinary macros in it.

use crate::Range;
use crate::macros::Call;
use crate::regions::{Region, is_word, regions, unquoted};
use model::{Error, Result};

const NAMES: [&str; 5] = ["columns", "rateColumns", "perSecondColumns", "increaseColumns", "lttb"];
/// Seconds since the bucket before of the same series; 0 for the first one.
const SINCE: &str = "t - lagInFrame(t, 1, t) OVER w";
/// In the order in which ClickHouse wants them.
const CLAUSES: [&[&str]; 6] =
    [&["WHERE"], &["GROUP", "BY"], &["HAVING"], &["ORDER", "BY"], &["LIMIT"], &["SETTINGS"]];
const WHERE: usize = 0;
const GROUP_BY: usize = 1;
const HAVING: usize = 2;
const ORDER_BY: usize = 3;
const LIMIT: usize = 4;
const SETTINGS: usize = 5;

pub(crate) fn rewrite(sql: &str, range: &Range) -> Result<String> {
    let Some((mark, call)) = find(sql)? else { return Ok(sql.to_owned()) };
    let name = format!("$__{}", call.name);
    let cannot = |why: &str| Error::definite(format!("cannot expand {name}: {why}"));
    if find(&sql[call.end..])?.is_some() {
        return Err(cannot("there is another one like it in the statement"));
    }
    let given = call.arguments.unwrap_or_default();
    let [first, second, third] = <[&str; 3]>::try_from(given.as_slice())
        .map_err(|_| cannot(&format!("it takes 3 arguments, not {}", given.len())))?;
    let before = sql[..mark].trim();
    let tail = Tail::read(&sql[call.end..]).map_err(|why| cannot(&why))?;
    let body = match call.name {
        "lttb" => lttb(range, [first, second, third], &tail).map_err(|why| cannot(&why))?,
        kind => columns(kind, [first, second, third], &tail).map_err(|why| cannot(&why))?,
    };
    Ok(if before.is_empty() { body } else { format!("{before} {body}") })
}

/// The first one that is code, and where it stands.
fn find(sql: &str) -> Result<Option<(usize, Call<'_>)>> {
    let mut at = 0;
    for (region, part) in regions(sql) {
        if region == Region::Code {
            for (found, _) in part.match_indices("$__") {
                if NAMES.contains(&Call::name_at(sql, at + found)) {
                    return Ok(Some((at + found, Call::at(sql, at + found)?)));
                }
            }
        }
        at += part.len();
    }
    Ok(None)
}

/// `FROM … WHERE … ORDER BY …`: FROM as it stands, of WHERE the condition, the others with their words.
struct Tail<'a> {
    from: &'a str,
    clauses: [Option<&'a str>; 6],
}

impl<'a> Tail<'a> {
    fn read(text: &'a str) -> std::result::Result<Tail<'a>, String> {
        let text = text.trim();
        let text = text.strip_suffix(';').unwrap_or(text).trim();
        if words(text, 0, &["FROM"]).is_none() {
            return Err("FROM must follow it".into());
        }
        let found = Tail::starts(text);
        let mut present: Vec<usize> =
            (0..CLAUSES.len()).filter(|at| found[*at].is_some()).collect();
        if !present.is_sorted_by_key(|clause| found[*clause]) {
            return Err("its clauses are not in ClickHouse's order".into());
        }
        let mut clauses = [None; 6];
        let mut end = text.len();
        while let Some(clause) = present.pop() {
            let (start, behind) = found[clause].unwrap_or_default();
            let start_of_text = if clause == WHERE { behind } else { start };
            clauses[clause] = Some(text[start_of_text..end].trim());
            end = start;
        }
        Ok(Tail { from: text[..end].trim(), clauses })
    }

    /// Where each clause begins, and its words end.
    fn starts(text: &str) -> [Option<(usize, usize)>; 6] {
        let (mut found, mut done) = ([None; 6], 0);
        for at in word_starts(text) {
            let here = |(clause, of): (usize, &&[&str])| Some((clause, words(text, at, of)?));
            let clause = CLAUSES.iter().enumerate().find_map(here);
            if let Some((clause, end)) = clause
                && at >= done
                && found[clause].is_none()
            {
                found[clause] = Some((at, end));
                done = end;
            }
        }
        found
    }

    fn joined(&self, clauses: &[usize]) -> String {
        clauses
            .iter()
            .filter_map(|clause| self.clauses[*clause])
            .map(|text| format!(" {text}"))
            .collect()
    }

    fn filter(&self, time: &str) -> String {
        let own = self.clauses[WHERE].map_or(String::new(), |own| format!(" AND ({own})"));
        format!("WHERE $__timeFilter({time}){own}")
    }
}

/// Where words may begin that are in no quotes and no parenthesis.
fn word_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let (mut found, mut depth) = (Vec::new(), 0usize);
    for (at, byte) in unquoted(bytes, 0) {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ if depth == 0 && (at == 0 || !is_word(bytes[at - 1])) => found.push(at),
            _ => {}
        }
    }
    found
}

/// Behind these words, if they stand here.
fn words(text: &str, at: usize, words: &[&str]) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut end = at;
    for (number, word) in words.iter().enumerate() {
        let blanks = bytes[end..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if number > 0 && blanks == 0 || number == 0 && blanks > 0 {
            return None;
        }
        let start = end + blanks;
        end = start + word.len();
        let here = bytes.get(start..end)?;
        let is_longer = bytes.get(end).is_some_and(|byte| is_word(*byte));
        if is_longer || !here.eq_ignore_ascii_case(word.as_bytes()) {
            return None;
        }
    }
    Some(end)
}

/// `expression AS name`: the last AS that is in no parenthesis.
fn alias(argument: &str) -> (&str, Option<&str>) {
    let starts = word_starts(argument).into_iter().filter(|at| *at > 0);
    let last = starts.filter_map(|at| Some((at, words(argument, at, &["AS"])?))).next_back();
    match last {
        None => (argument.trim(), None),
        Some((start, end)) => (argument[..start].trim(), Some(argument[end..].trim())),
    }
}

fn columns(
    kind: &str,
    [time, key, value]: [&str; 3],
    tail: &Tail<'_>,
) -> std::result::Result<String, String> {
    if tail.clauses[GROUP_BY].is_some() {
        return Err("it groups by itself; take GROUP BY away".into());
    }
    let (key, key_name) = alias(key);
    let (value, value_name) = alias(value);
    let (key_name, value_name) = (key_name.unwrap_or("metric"), value_name.unwrap_or("value"));
    let grown = format!("max({value}) - lagInFrame(max({value}), 1, max({value})) OVER w");
    let number = match kind {
        "columns" => value.to_owned(),
        "rateColumns" => format!("if(({SINCE}) = 0, nan, {value} / ({SINCE}))"),
        "perSecondColumns" => {
            format!("if(({SINCE}) = 0 OR ({grown}) < 0, nan, ({grown}) / ({SINCE}))")
        }
        _ => format!("if(({SINCE}) = 0 OR ({grown}) < 0, nan, toFloat64({grown}))"),
    };
    let window = match kind {
        "columns" => String::new(),
        _ => format!(
            " WINDOW w AS (PARTITION BY {key_name} ORDER BY t ASC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"
        ),
    };
    let order = tail.clauses[ORDER_BY].map_or(format!("ORDER BY t, {key_name}"), str::to_owned);
    Ok(format!(
        "SELECT $__timeInterval({time}) AS t, toString({key}) AS {key_name}, {number} AS {value_name} {} {} \
         GROUP BY t, {key_name}{}{window} {order}{}",
        tail.from,
        tail.filter(time),
        tail.joined(&[HAVING]),
        tail.joined(&[LIMIT, SETTINGS]),
    ))
}

fn lttb(
    range: &Range,
    [buckets, x, y]: [&str; 3],
    tail: &Tail<'_>,
) -> std::result::Result<String, String> {
    let buckets = match buckets {
        auto if auto.eq_ignore_ascii_case("auto") => {
            let seconds = (range.to_ms - range.from_ms).max(0) as u64 / 1000;
            (seconds / range.interval_seconds()).max(1)
        }
        count => {
            let count = count.parse().ok().filter(|count| *count > 0);
            count.ok_or("how many points there are to be is a number above 0, or auto")?
        }
    };
    let named = |argument, otherwise| {
        let (expression, name) = alias(argument);
        let is_name = expression.bytes().all(is_word)
            && !expression.starts_with(|c: char| c.is_ascii_digit());
        let name = name.unwrap_or(if is_name { expression } else { otherwise });
        (expression, name)
    };
    let ((x_of, x_name), (y_of, y_name)) = (named(x, "x"), named(y, "y"));
    let filter = tail.filter(x_of);
    let from = tail.from;
    let points = match tail.clauses[GROUP_BY] {
        None => format!(
            "SELECT arrayJoin(lttb({buckets})({x}, {y})) AS point {from} {filter}{}",
            tail.joined(&[HAVING, ORDER_BY, LIMIT, SETTINGS])
        ),
        Some(group) => {
            let column = |of: &str, name: &str| {
                if of == name { of.to_owned() } else { format!("{of} AS {name}") }
            };
            let order = tail.clauses[ORDER_BY].map_or(format!("ORDER BY {x_name}"), str::to_owned);
            format!(
                "SELECT arrayJoin(lttb({buckets})({x_name}, {y_name})) AS point FROM (SELECT {}, {} {from} {filter} \
                 {group}{} {order}{})",
                column(x_of, x_name),
                column(y_of, y_name),
                tail.joined(&[HAVING]),
                tail.joined(&[LIMIT, SETTINGS]),
            )
        }
    };
    Ok(format!("SELECT point.1 AS {x_name}, point.2 AS {y_name} FROM ({points}) ORDER BY {x_name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RANGE: Range = Range { from_ms: 0, to_ms: 3_600_000, interval_ms: 60_000 };

    #[test]
    fn whole_statements_are_written() {
        for (given, expected) in [
            (
                "$__columns(ts, host, avg(load) AS l) FROM m WHERE a = 'WHERE' LIMIT 5",
                "SELECT $__timeInterval(ts) AS t, toString(host) AS metric, avg(load) AS l FROM m \
                 WHERE $__timeFilter(ts) AND (a = 'WHERE') GROUP BY t, metric ORDER BY t, metric LIMIT 5",
            ),
            (
                "$__rateColumns(ts, host AS h, sum(n)) FROM m",
                "SELECT $__timeInterval(ts) AS t, toString(host) AS h, if((t - lagInFrame(t, 1, t) OVER w) = 0, nan, \
                 sum(n) / (t - lagInFrame(t, 1, t) OVER w)) AS value FROM m WHERE $__timeFilter(ts) GROUP BY t, h \
                 WINDOW w AS (PARTITION BY h ORDER BY t ASC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) ORDER BY t, h",
            ),
            (
                "$__lttb(auto, ts, v) FROM m",
                "SELECT point.1 AS ts, point.2 AS v FROM (SELECT arrayJoin(lttb(60)(ts, v)) AS point FROM m \
                 WHERE $__timeFilter(ts)) ORDER BY ts",
            ),
            (
                "$__lttb(10, ts, avg(v) AS a) FROM m GROUP BY ts",
                "SELECT point.1 AS ts, point.2 AS a FROM (SELECT arrayJoin(lttb(10)(ts, a)) AS point FROM (SELECT ts, \
                 avg(v) AS a FROM m WHERE $__timeFilter(ts) GROUP BY ts ORDER BY ts)) ORDER BY ts",
            ),
            ("SELECT '$__columns(a)' FROM x", "SELECT '$__columns(a)' FROM x"),
        ] {
            assert_eq!(rewrite(given, &RANGE).unwrap(), expected, "{given}");
        }
    }

    #[test]
    fn what_cannot_be_one_is_told() {
        for given in [
            "$__columns(a, b) FROM t",
            "$__columns(a, b, c)",
            "$__columns(a, b, c) FROM t GROUP BY a",
            "$__columns(a, b, c) FROM t LIMIT 1 WHERE x",
            "$__lttb(0, a, b) FROM t",
            "$__columns(a, b, c) FROM t UNION ALL SELECT $__columns(a, b, c) FROM t",
        ] {
            assert!(rewrite(given, &RANGE).is_err(), "{given}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "(\\$__columns\\(|\\$__lttb\\(|FROM |WHERE |GROUP BY |LIMIT |[a-z,'\"()ä ]){0,20}") {
            let _ = rewrite(&text, &RANGE);
        }
    }
}
