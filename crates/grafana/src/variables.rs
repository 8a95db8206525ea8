//! `$name`, `${name:format}` and `[[name]]`: values of a dashboard's variables in its SQL.
//!
//! | where it stands | what a value becomes |
//! | --- | --- |
//! | in single quotes | the value, escaped for there |
//! | in double quotes or backticks | the value, escaped for there |
//! | outside of quotes, several values, or `:singlequote`, `:sqlstring`, `:doublequote` | quoted and escaped |
//! | outside of quotes, one value, or any other format | a number, a name, or what the author of the file wrote down for it; else an error |
//! | in a comment | nothing is put there |
//!
//! So who chooses a value, in the page or by a link, chooses data.

use crate::Range;
use crate::macros::Call;
use crate::regions::{Region, regions};
use model::{Error, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is chosen for one variable.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Value {
    pub value: OneOrMany,
    pub text: OneOrMany,
    /// "All" is chosen: `value` has every value.
    pub all: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    Many(Vec<String>),
    One(String),
}

impl Default for OneOrMany {
    fn default() -> OneOrMany {
        OneOrMany::One(String::new())
    }
}

impl OneOrMany {
    fn all(&self) -> &[String] {
        match self {
            OneOrMany::Many(values) => values,
            OneOrMany::One(value) => std::slice::from_ref(value),
        }
    }

    fn is_empty(&self) -> bool {
        self.all().iter().all(String::is_empty)
    }
}

impl Value {
    pub fn one(value: &str) -> Value {
        Value { value: OneOrMany::One(value.to_owned()), ..Value::default() }
    }
}

/// What is known while a query is written.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    pub chosen: BTreeMap<String, Value>,
    /// Values that stand in the dashboard's own file: these may be SQL.
    pub authored: BTreeMap<String, BTreeSet<String>>,
}

/// Of `${name:format}`.
const PLACE_BYTES_MAX: usize = 512;
/// Values one after the other in lists are that long at most.
const LIST_BYTES_MAX: usize = 1 << 20;

pub(crate) fn put_in(sql: &str, range: &Range, variables: &Variables) -> Result<String> {
    let sql = conditions(sql, variables)?;
    let mut out = String::with_capacity(sql.len() + 128);
    let mut parts = regions(&sql).into_iter().peekable();
    while let Some((region, part)) = parts.next() {
        if region == Region::Comment {
            out.push_str(part);
            continue;
        }
        let before_comment = parts.peek().is_some_and(|(next, _)| *next == Region::Comment);
        let mut rest = part;
        while let Some((start, place)) = Place::find(rest) {
            let (before, behind) = (&rest[..start], &rest[place.end..]);
            out.push_str(before);
            crate::check_length(out.len())?;
            match place.written(region, part, before, range, variables)? {
                Some(text) => {
                    out.push_str(&text);
                    // A number right before a comment is read in two ways.
                    if region == Region::Code && behind.is_empty() && before_comment {
                        out.push(' ');
                    }
                }
                None => out.push_str(&rest[start..place.end]),
            }
            rest = behind;
        }
        out.push_str(rest);
    }
    Ok(out)
}

/// `$__conditionalAll(condition, $variable)` holds where nothing or all is chosen. There are no ad hoc filters.
fn conditions(sql: &str, variables: &Variables) -> Result<String> {
    let (mut out, mut from, mut at) = (String::new(), 0, 0);
    for (region, part) in regions(sql) {
        let start = at;
        at += part.len();
        if region != Region::Code {
            continue;
        }
        for (found, _) in part.match_indices("$__") {
            let mark = start + found;
            if mark < from {
                continue;
            }
            if !["conditionalAll", "adHocFilters"].contains(&Call::name_at(sql, mark)) {
                continue;
            }
            let call = Call::at(sql, mark)?;
            let given = call.arguments.unwrap_or_default();
            out.push_str(&sql[from..mark]);
            from = call.end;
            if call.name == "adHocFilters" {
                // A setting that changes nothing, and that anybody may set.
                out.push_str("max_block_size = 65409");
                continue;
            }
            let [.., last] = given.as_slice() else { continue };
            let known = Place::find(last).and_then(|(_, place)| variables.chosen.get(place.name));
            if given.len() < 2 {
                return Err(Error::definite(
                    "cannot expand $__conditionalAll: it takes 2 arguments",
                )
                .hint("$__conditionalAll(column IN (${name:singlequote}), $name)"));
            }
            if known.is_none_or(|value| value.all || value.value.is_empty()) {
                out.push_str("1=1");
            } else {
                out.push_str(&given[..given.len() - 1].join(", "));
            }
        }
    }
    out.push_str(&sql[from..]);
    Ok(out)
}

/// Where a value is to be put.
struct Place<'a> {
    name: &'a str,
    path: Option<&'a str>,
    format: Option<&'a str>,
    end: usize,
}

impl<'a> Place<'a> {
    fn find(text: &'a str) -> Option<(usize, Place<'a>)> {
        let bytes = text.as_bytes();
        (0..bytes.len()).find_map(|at| {
            let place = match (bytes[at], bytes.get(at + 1)) {
                (b'$', Some(b'{')) => Place::between(text, at + 2, "}"),
                (b'[', Some(b'[')) => Place::between(text, at + 2, "]]"),
                (b'$', Some(next)) if *next == b'_' || next.is_ascii_alphanumeric() => {
                    let name = word(&text[at + 1..]);
                    Some(Place { name, path: None, format: None, end: at + 1 + name.len() })
                }
                _ => None,
            }?;
            Some((at, place))
        })
    }

    fn between(text: &'a str, start: usize, close: &str) -> Option<Place<'a>> {
        let near = text[start..].char_indices().take_while(|(at, _)| *at < PLACE_BYTES_MAX);
        let end = near.last().map_or(start, |(at, last)| start + at + last.len_utf8());
        let length = text[start..end].find(close)?;
        let inside = &text[start..start + length];
        let name = word(inside);
        let rest = &inside[name.len()..];
        let (path, format) = match rest.split_once(':') {
            Some((path, format)) => (path, Some(format)),
            None => (rest, None),
        };
        let path = match path {
            "" => None,
            path => Some(path.strip_prefix('.')?),
        };
        (!name.is_empty()).then_some(Place {
            name,
            path,
            format,
            end: start + length + close.len(),
        })
    }

    /// `None`: nobody knows it, and it stays.
    fn written(
        &self,
        region: Region,
        whole: &str,
        before: &str,
        range: &Range,
        variables: &Variables,
    ) -> Result<Option<String>> {
        if let Some(own) = self.built_in(range)? {
            return Ok(Some(own));
        }
        let Some(value) = variables.chosen.get(self.name) else { return Ok(None) };
        let chosen = if self.path == Some("text") { &value.text } else { &value.value };
        let authored = variables.authored.get(self.name);
        let is_authored = |value: &str| authored.is_some_and(|own| own.contains(value));
        let text = match region {
            Region::Text | Region::Name => {
                let slashes = before.bytes().rev().take_while(|byte| *byte == b'\\').count();
                if slashes % 2 == 1 {
                    return Err(self.cannot("behind a backslash"));
                }
                escaped(&formatted(chosen, self.format.unwrap_or("csv")), whole.as_bytes()[0])
            }
            Region::Code => match (self.format, chosen) {
                (None, OneOrMany::Many(values)) => list(values, '\''),
                (Some("singlequote" | "sqlstring"), chosen) => list(chosen.all(), '\''),
                (Some("doublequote"), chosen) => list(chosen.all(), '"'),
                (None | Some("raw" | "text"), OneOrMany::One(value)) if is_authored(value) => {
                    value.clone()
                }
                (_, chosen) => {
                    let text = formatted(chosen, self.format.unwrap_or("csv"));
                    if text.split(',').all(is_harmless) {
                        text
                    } else if text.parse::<f64>().is_ok_and(f64::is_finite) {
                        format!("({text})")
                    } else {
                        return Err(self.cannot("outside of quotes"));
                    }
                }
            },
            Region::Other | Region::Comment => {
                return Err(self.cannot("in a heredoc, x'…' or quotes of typography"));
            }
        };
        if text.len() > LIST_BYTES_MAX {
            return Err(Error::definite(format!(
                "cannot run the query: what is chosen for ${} is over 1 MiB",
                self.name
            ))
            .hint("choose fewer values"));
        }
        Ok(Some(text))
    }

    fn cannot(&self, place: &str) -> Error {
        let name = self.name;
        Error::definite(format!("cannot put the value of ${name} {place}"))
            .detail("It is neither a number nor a name, and would be read as SQL.")
            .hint(format!("write ${{{name}:singlequote}} in the query, or put it into quotes"))
    }

    fn built_in(&self, range: &Range) -> Result<Option<String>> {
        let length_ms = (range.to_ms - range.from_ms).max(0) as u64;
        Ok(Some(match self.name {
            "__from" => time(range.from_ms, self.format)?,
            "__to" => time(range.to_ms, self.format)?,
            "__interval" => interval(range.interval_ms),
            "__interval_ms" => range.interval_ms.to_string(),
            "__range" => format!("{}s", length_ms / 1000),
            "__range_s" => (length_ms / 1000).to_string(),
            "__range_ms" => length_ms.to_string(),
            _ => return Ok(None),
        }))
    }
}

fn word(text: &str) -> &str {
    let end = text.bytes().take_while(|byte| *byte == b'_' || byte.is_ascii_alphanumeric()).count();
    &text[..end]
}

/// A number, a name or an interval (`15s`), as it can stand anywhere in SQL.
fn is_harmless(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    match number.is_empty() {
        true => {
            let mut bytes = rest.bytes();
            bytes.next().is_some_and(|byte| byte == b'_' || byte.is_ascii_alphabetic())
                && bytes.all(|byte| byte == b'_' || byte == b'.' || byte.is_ascii_alphanumeric())
        }
        false => {
            let fraction = rest.strip_prefix('.');
            let is_fraction = |digits: &str| {
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            };
            ["", "ms", "s", "m", "h", "d", "w", "M", "y"].contains(&rest)
                || fraction.is_some_and(is_fraction)
        }
    }
}

fn list(values: &[String], quote: char) -> String {
    let quoted =
        values.iter().map(|value| format!("{quote}{}{quote}", escaped(value, quote as u8)));
    quoted.collect::<Vec<_>>().join(",")
}

fn escaped(text: &str, quote: u8) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c == '\\' || c == char::from(quote) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// As Grafana joins several values, in so far as it is text.
fn formatted(chosen: &OneOrMany, format: &str) -> String {
    let values = chosen.all();
    let joined = |by: &str| values.join(by);
    match format {
        "pipe" => joined("|"),
        "regex" => {
            let parts: Vec<String> = values.iter().map(|value| for_regex(value)).collect();
            if parts.len() == 1 { parts.concat() } else { format!("({})", parts.join("|")) }
        }
        "glob" if values.len() > 1 => format!("{{{}}}", joined(",")),
        "json" => serde_json::to_string(values).unwrap_or_default(),
        "singlequote" | "sqlstring" => list(values, '\''),
        "doublequote" => list(values, '"'),
        "text" => joined(" + "),
        _ => joined(","),
    }
}

fn for_regex(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\^$.*+?()[]{}|/".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn time(at_ms: i64, format: Option<&str>) -> Result<String> {
    match format {
        None | Some("raw") => Ok(at_ms.to_string()),
        Some("date:seconds") => Ok(at_ms.div_euclid(1000).to_string()),
        Some("date" | "date:iso") => {
            let at = jiff::Timestamp::from_millisecond(at_ms)
                .map_err(|error| Error::definite("cannot read the time range").source(error))?;
            Ok(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        }
        Some(other) => Err(Error::definite(format!("cannot write a time as {other:?}")).hint(
            "${__from}, ${__from:date}, ${__from:date:iso} and ${__from:date:seconds} are known",
        )),
    }
}

/// `15s`, `5m`: in the largest unit that it is whole in.
fn interval(ms: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let whole = units.into_iter().find(|(unit, _)| ms >= *unit && ms.is_multiple_of(*unit));
    whole.map_or(format!("{ms}ms"), |(unit, name)| format!("{}{name}", ms / unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RANGE: Range =
        Range { from_ms: 1_700_000_000_000, to_ms: 1_700_000_060_000, interval_ms: 15_000 };

    fn many(values: &[&str]) -> Value {
        let value = OneOrMany::Many(values.iter().map(|value| (*value).to_owned()).collect());
        Value { value, ..Value::default() }
    }

    fn known() -> Variables {
        let chosen = [
            ("n", Value::one("12")),
            ("minus", Value::one("-5")),
            ("name", Value::one("api")),
            ("evil", Value::one("x') OR 1=1 --")),
            ("many", many(&["a", "it's", "b\\"])),
            ("all", Value { all: true, ..many(&["a", "b"]) }),
            ("none", Value::one("")),
            ("odd", Value::one("1e")),
            ("every", Value::one("15s")),
            ("half", Value::one("0.5")),
            ("sql", Value::one("toStartOfHour(t)")),
        ];
        let authored =
            BTreeMap::from([("sql".to_owned(), BTreeSet::from(["toStartOfHour(t)".to_owned()]))]);
        Variables { chosen: chosen.map(|(n, v)| (n.to_owned(), v)).into(), authored }
    }

    #[test]
    fn values_are_data_wherever_they_stand() {
        for (given, expected) in [
            ("a = $n AND b = ${n} AND [[n]]", "a = 12 AND b = 12 AND 12"),
            ("a = '$evil'", r"a = 'x\') OR 1=1 --'"),
            ("a = '%${evil:raw}%'", r"a = '%x\') OR 1=1 --%'"),
            ("a = ${evil:singlequote}", r"a = 'x\') OR 1=1 --'"),
            ("a IN ($many)", r"a IN ('a','it\'s','b\\')"),
            ("a IN (${many:sqlstring})", r"a IN ('a','it\'s','b\\')"),
            ("match(a, '${many:regex}')", r"match(a, '(a|it\'s|b\\\\)')"),
            ("a = `$evil`", "a = `x') OR 1=1 --`"),
            ("a = \"${many:csv}\"", r#"a = "a,it's,b\\""#),
            ("f($name)", "f(api)"),
            ("1 -$minus", "1 -(-5)"),
            ("GROUP BY $sql", "GROUP BY toStartOfHour(t)"),
            ("$__conditionalAll(a IN ($many), $many)", r"a IN ('a','it\'s','b\\')"),
            ("$__conditionalAll(a IN ($all), $all) AND 1", "1=1 AND 1"),
            ("$__conditionalAll(a = '$none', $none)", "1=1"),
            ("$__conditionalAll(f(a, 'x,y') = 1, ${n:raw})", "f(a, 'x,y') = 1"),
            (
                "$__from ${__to:date:seconds} $__interval $__interval_ms $__range_s",
                "1700000000000 1700000060 15s 15000 60",
            ),
            ("$__interval_s $__timeFilter(t) $unknown", "$__interval_s $__timeFilter(t) $unknown"),
            ("1 -- $evil\n", "1 -- $evil\n"),
            ("$n--$n", "12 --$n"),
            ("INTERVAL $every, $half", "INTERVAL 15s, 0.5"),
        ] {
            assert_eq!(put_in(given, &RANGE, &known()).unwrap(), expected, "{given}");
        }
    }

    #[test]
    fn what_would_become_sql_is_refused() {
        for given in [
            "a = $evil",
            "a = ${evil:raw}",
            "${many:csv}",
            "'\\$evil'",
            "$k$ $evil $k$",
            "${evil:json}",
        ] {
            let error = put_in(given, &RANGE, &known()).unwrap_err();
            assert!(error.report().contains("cannot put the value"), "{given}: {}", error.report());
        }
    }

    #[test]
    fn what_grows_too_large_is_refused_as_it_grows() {
        let chosen = [("v".to_owned(), Value::one(&"x".repeat(1 << 20)))].into();
        let variables = Variables { chosen, ..Variables::default() };
        let sql = format!("'{}'", "$v".repeat(50_000));
        assert!(put_in(&sql, &RANGE, &variables).unwrap_err().report().contains("4 MiB"));
        for open in ["${a", "[[", "$__a(", "$__conditionalAll("] {
            let _ = crate::expand(&open.repeat(20_000), &RANGE, &variables);
        }
    }

    proptest! {
        /// Whatever is chosen, the parts of the text that are code stay the same.
        #[test]
        fn no_value_gets_out_of_its_quotes(value in "[ -~\\n\\\\'\"`äß]{0,30}", form in 0usize..6) {
            let sql = [
                "SELECT '$v' , 1", "SELECT '${v:raw}x' , 1", "SELECT \"$v\" , 1", "SELECT `a$v` , 1",
                "SELECT ${v:singlequote} , 1", "SELECT 'a\\\\$v' , 1",
            ][form];
            let chosen = [("v".to_owned(), Value::one(&value))].into();
            let out = put_in(sql, &RANGE, &Variables { chosen, ..Variables::default() }).unwrap();
            let code: Vec<&str> = regions(&out).into_iter().filter(|(r, _)| *r == Region::Code).map(|(_, t)| t).collect();
            prop_assert_eq!(code, ["SELECT ", " , 1"], "{}", out);
        }

        #[test]
        fn no_text_is_too_odd(text in "[$a-z{}\\[\\]:.'(),_ä ]{0,60}") {
            let _ = put_in(&text, &RANGE, &known());
        }
    }
}
