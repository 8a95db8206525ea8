//! `$__timeFilter(c)` and its like, as Grafana's ClickHouse data source writes them. Those that it does not
//! know stay as they are; in quotes and comments none is one.

use crate::Range;
use crate::regions::{Region, is_word, regions, unquoted};
use model::{Error, Result};

/// A macro inside of another one's arguments, and so on.
const DEPTH_MAX: usize = 8;

pub(crate) fn expand(sql: &str, range: &Range) -> Result<String> {
    within(sql, range, 0)
}

fn within(sql: &str, range: &Range, depth: usize) -> Result<String> {
    let mut out = String::with_capacity(sql.len() + 128);
    let mut skip_to = 0;
    let mut at = 0;
    for (region, part) in regions(sql) {
        let start = at;
        at += part.len();
        if region != Region::Code {
            if start >= skip_to {
                out.push_str(part);
            }
            continue;
        }
        let mut here = start.max(skip_to);
        while here < at {
            let Some(found) = sql[here..at].find("$__") else { break };
            let mark = here + found;
            out.push_str(&sql[here..mark]);
            let call = Call::at(sql, mark)?;
            crate::check_length(out.len())?;
            match written(&call, range, depth)? {
                Some(text) => out.push_str(&text),
                None => out.push_str(&sql[mark..call.end]),
            }
            here = call.end;
            skip_to = call.end;
        }
        if here < at {
            out.push_str(&sql[here..at]);
        }
    }
    Ok(out)
}

/// `$__name(a, b)`
pub(crate) struct Call<'a> {
    pub(crate) name: &'a str,
    /// `None`: there are no parentheses.
    pub(crate) arguments: Option<Vec<&'a str>>,
    pub(crate) end: usize,
}

impl<'a> Call<'a> {
    /// What it is called, which costs little.
    pub(crate) fn name_at(sql: &'a str, mark: usize) -> &'a str {
        let start = mark + "$__".len();
        let bytes = &sql.as_bytes()[start..];
        &sql[start..start + bytes.iter().take_while(|byte| is_word(**byte)).count()]
    }

    pub(crate) fn at(sql: &'a str, mark: usize) -> Result<Call<'a>> {
        let bytes = sql.as_bytes();
        let name = Call::name_at(sql, mark);
        let end = mark + "$__".len() + name.len();
        if bytes.get(end) != Some(&b'(') {
            return Ok(Call { name, arguments: None, end });
        }
        let Some((arguments, end)) = arguments(sql, end) else {
            return Err(Error::definite(format!("cannot read $__{name}: its parenthesis is open")));
        };
        Ok(Call { name, arguments: Some(arguments), end })
    }

    /// As many as it takes.
    fn take<const N: usize>(&self) -> Result<[&'a str; N]> {
        let given = self.arguments.as_deref().unwrap_or_default();
        <[&str; N]>::try_from(given).map_err(|_| {
            let (name, count) = (self.name, given.len());
            Error::definite(format!(
                "cannot expand $__{name}: it takes {N} argument(s), not {count}"
            ))
        })
    }
}

/// What stands between the parenthesis at `open` and its end, parted at commas, and where that is over.
fn arguments(sql: &str, open: usize) -> Option<(Vec<&str>, usize)> {
    let bytes = sql.as_bytes();
    let (mut depth, mut from) = (0, open + 1);
    let mut found = Vec::new();
    for (at, byte) in unquoted(bytes, open) {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b',' if depth == 1 => {
                found.push(sql[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
        if depth == 0 {
            let last = sql[from..at].trim();
            if !(found.is_empty() && last.is_empty()) {
                found.push(last);
            }
            return Some((found, at + 1));
        }
    }
    None
}

fn written(call: &Call<'_>, range: &Range, depth: usize) -> Result<Option<String>> {
    if depth >= DEPTH_MAX {
        return Err(Error::definite("cannot expand the macros: they stand too deep in each other"));
    }
    let one = || -> Result<String> { within(call.take::<1>()?[0], range, depth + 1) };
    let (from, to) = (seconds(range.from_ms), seconds(range.to_ms));
    let (from_ms, to_ms) = (milliseconds(range.from_ms), milliseconds(range.to_ms));
    let between =
        |column: &str, from: &str, to: &str| format!("{column} >= {from} AND {column} <= {to}");
    Ok(Some(match call.name {
        "fromTime" => from,
        "toTime" => to,
        "fromTime_ms" => from_ms,
        "toTime_ms" => to_ms,
        "timeFilter" => between(&one()?, &from, &to),
        "timeFilter_ms" => between(&one()?, &from_ms, &to_ms),
        "timeFrom" => format!("{} >= {from}", one()?),
        "timeTo" => format!("{} <= {to}", one()?),
        "dateFilter" => between(&one()?, &date(range.from_ms)?, &date(range.to_ms)?),
        "dateTimeFilter" | "dt" => {
            let [day, time] = call.take()?;
            let day = between(day, &date(range.from_ms)?, &date(range.to_ms)?);
            format!("({day}) AND ({})", between(time, &from, &to))
        }
        "timeInterval" => {
            let every = range.interval_seconds();
            format!("toStartOfInterval(toDateTime({}), INTERVAL {every} second)", one()?)
        }
        "timeInterval_ms" => {
            let every = range.interval_ms.max(1);
            format!("toStartOfInterval(toDateTime64({}, 3), INTERVAL {every} millisecond)", one()?)
        }
        "interval_s" => range.interval_seconds().to_string(),
        "timeGroup" => {
            let [column, every] = call.take()?;
            let every = go_duration(every.trim_matches(['\'', '"']))?;
            let column = within(column, range, depth + 1)?;
            format!("toStartOfInterval(toDateTime({column}), INTERVAL {every} second)")
        }
        _ => return Ok(None),
    }))
}

fn seconds(at_ms: i64) -> String {
    format!("toDateTime({})", at_ms.div_euclid(1000))
}

fn milliseconds(at_ms: i64) -> String {
    format!("fromUnixTimestamp64Milli({at_ms})")
}

fn date(at_ms: i64) -> Result<String> {
    let at = jiff::Timestamp::from_millisecond(at_ms)
        .map_err(|error| Error::definite("cannot read the time range").source(error))?;
    Ok(format!("toDate('{}')", at.strftime("%Y-%m-%d")))
}

/// `1h30m` in whole seconds. There are no days in Go's durations.
fn go_duration(text: &str) -> Result<u64> {
    let cannot = || {
        Error::definite(format!("cannot expand $__timeGroup: {text:?} is no interval"))
            .hint("h, m, s and ms are known, as in $__timeGroup(column, 5m)")
    };
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(cannot)?;
        let amount: f64 = rest[..digits].parse().map_err(|_| cannot())?;
        let unit = rest[digits..]
            .find(|c: char| c.is_ascii_digit())
            .map_or(rest.len(), |end| digits + end);
        total += amount
            * match &rest[digits..unit] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 0.001,
                _ => return Err(cannot()),
            };
        rest = &rest[unit..];
    }
    let whole = total.round();
    if (1.0..1e12).contains(&whole) { Ok(whole as u64) } else { Err(cannot()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RANGE: Range =
        Range { from_ms: 1_700_000_000_123, to_ms: 1_700_086_400_456, interval_ms: 15_500 };

    #[test]
    fn each_macro_is_written_as_the_data_source_writes_it() {
        let (from, to) = ("toDateTime(1700000000)", "toDateTime(1700086400)");
        let (from64, to64) =
            ("fromUnixTimestamp64Milli(1700000000123)", "fromUnixTimestamp64Milli(1700086400456)");
        for (given, expected) in [
            ("$__timeFilter(t)", format!("t >= {from} AND t <= {to}")),
            ("$__timeFilter_ms(t)", format!("t >= {from64} AND t <= {to64}")),
            ("$__dateFilter(d)", "d >= toDate('2023-11-14') AND d <= toDate('2023-11-15')".into()),
            (
                "$__dateTimeFilter(d, t)",
                format!(
                    "(d >= toDate('2023-11-14') AND d <= toDate('2023-11-15')) AND (t >= {from} AND t <= {to})"
                ),
            ),
            (
                "$__dt(d,t)",
                format!(
                    "(d >= toDate('2023-11-14') AND d <= toDate('2023-11-15')) AND (t >= {from} AND t <= {to})"
                ),
            ),
            ("$__fromTime, $__toTime", format!("{from}, {to}")),
            ("$__fromTime_ms, $__toTime_ms", format!("{from64}, {to64}")),
            ("$__timeFrom(t) AND $__timeTo(t)", format!("t >= {from} AND t <= {to}")),
            ("$__timeInterval(t)", "toStartOfInterval(toDateTime(t), INTERVAL 15 second)".into()),
            (
                "$__timeInterval_ms(t)",
                "toStartOfInterval(toDateTime64(t, 3), INTERVAL 15500 millisecond)".into(),
            ),
            ("$__interval_s", "15".into()),
            ("$__timeGroup(t, 5m)", "toStartOfInterval(toDateTime(t), INTERVAL 300 second)".into()),
            (
                "$__timeGroup(t, '1h30m')",
                "toStartOfInterval(toDateTime(t), INTERVAL 5400 second)".into(),
            ),
            ("$__timeFilter(toDateTime(f(a, 'x)')))", {
                let column = "toDateTime(f(a, 'x)'))";
                format!("{column} >= {from} AND {column} <= {to}")
            }),
            ("'$__interval_s' -- $__fromTime", "'$__interval_s' -- $__fromTime".into()),
            ("$__unknown(a) $__table", "$__unknown(a) $__table".into()),
            ("$__timeFilter(t)--'\n AND 'x'", format!("t >= {from} AND t <= {to}--'\n AND 'x'")),
        ] {
            assert_eq!(expand(given, &RANGE).unwrap(), expected, "{given}");
        }
    }

    #[test]
    fn wrong_arguments_are_told() {
        for given in [
            "$__timeFilter()",
            "$__timeFilter(a, b)",
            "$__timeGroup(t, 1d)",
            "$__timeGroup(t, 0s)",
            "$__dt(a)",
            "$__timeFilter(a",
        ] {
            assert!(expand(given, &RANGE).is_err(), "{given}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "[$_a-z('\"`),\\-/*\\n]{0,80}") {
            let _ = expand(&text, &RANGE);
        }

        #[test]
        fn without_macros_nothing_changes(text in "[a-z('\"`), \\-/*\\n]{0,80}") {
            prop_assert_eq!(expand(&text, &RANGE).unwrap(), text);
        }
    }
}
