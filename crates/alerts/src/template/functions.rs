//! The functions that templates call: Go's own, Grafana's for texts and times, Prometheus's for numbers. Methods that take
//! arguments are here too, with a dot before their name and their owner as first argument.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::run::OUTPUT_BYTES_MAX;
use super::value::{Value, missing};
use super::{Set, go, humanize};
use crate::file::duration;

const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Of one run: each takes its time to make.
const PATTERNS_MAX: usize = 100;

type Result<T = Value> = std::result::Result<T, String>;

pub(super) fn call(set: &Set, patterns: &mut Patterns, name: &str, arguments: &[Value]) -> Result {
    let value = match name {
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "not" => compare(name, arguments)?,
        "len" | "index" | "slice" => collections(name, arguments)?,
        "printf" => {
            let (format, rest) = arguments.split_first().ok_or("printf lacks its format")?;
            go::printf(text(Some(format))?, rest, OUTPUT_BYTES_MAX)?.into()
        }
        "print" | "println" => print(arguments, name == "println")?.into(),
        "match" | "reReplaceAll" => by_pattern(patterns, name, arguments)?,
        "title" | "toUpper" | "toLower" | "trimSpace" | "join" | "safeHtml" | "safeUrl"
        | "urlUnescape" | "stringSlice" | "html" | "js" | "urlquery" | "stripPort"
        | "stripDomain" => texts(name, arguments)?,
        "humanize" | "humanize1024" | "humanizeDuration" | "humanizePercentage"
        | "humanizeTimestamp" | "toTime" | "parseDuration" => numbers(name, arguments)?,
        "date" | "tz" | "since" | ".Format" | ".UTC" | ".In" => times(name, arguments)?,
        "args" => {
            let named = arguments
                .iter()
                .enumerate()
                .map(|(index, value)| (format!("arg{index}"), value.clone()));
            Value::map(named)
        }
        "dict" => {
            let pairs = arguments
                .chunks_exact(2)
                .map(|pair| Ok((text(pair.first())?.to_owned(), pair[1].clone())));
            Value::map(pairs.collect::<Result<Vec<_>>>()?)
        }
        "list" => Value::list(arguments.to_vec()),
        "append" => {
            let (list, rest) = arguments.split_first().ok_or("append lacks its list")?;
            Value::list(items(list)?.iter().chain(rest).cloned().collect())
        }
        "externalURL" => set.external_url.as_str().into(),
        "pathPrefix" => path_of(&set.external_url).into(),
        "graphLink" | "tableLink" => "".into(),
        ".Remove" => remove(arguments)?,
        ".SortedPairs" | ".Names" | ".Values" | ".Firing" | ".Resolved" => {
            arguments.first().ok_or("a method lacks its owner")?.field(&name[1..])?
        }
        other => return Err(format!("{} is not known here", other.trim_start_matches('.'))),
    };
    match &value {
        Value::Text(text) if text.len() > OUTPUT_BYTES_MAX => {
            Err(format!("{name} makes more than {OUTPUT_BYTES_MAX} bytes"))
        }
        _ => Ok(value),
    }
}

fn text(value: Option<&Value>) -> Result<&str> {
    match value {
        Some(Value::Text(text)) => Ok(text),
        Some(other) => Err(format!("a text is wanted, and there is {}", other.kind())),
        None => Err("an argument is missing".to_owned()),
    }
}

fn items(value: &Value) -> Result<&[Value]> {
    match value {
        Value::List(all) => Ok(all),
        other => Err(format!("a list is wanted, and there is {}", other.kind())),
    }
}

/// Numbers, their texts, and what prints as one.
pub(super) fn number(value: Option<&Value>) -> Result<f64> {
    match value {
        Some(Value::Int(number)) => Ok(*number as f64),
        Some(Value::Float(number)) => Ok(*number),
        Some(Value::Text(text)) => go::parse_float(text)
            .ok_or_else(|| "a number is wanted, and the text is none".to_owned()),
        Some(Value::Struct(all)) if all.shown.is_some() => number(all.shown.as_ref()),
        Some(other) => Err(format!("a number is wanted, and there is {}", other.kind())),
        None => Err("an argument is missing".to_owned()),
    }
}

fn whole(value: Option<&Value>) -> Result<usize> {
    match value {
        Some(Value::Int(number)) => {
            usize::try_from(*number).map_err(|_| "an index is not negative".to_owned())
        }
        _ => Err("an index is a whole number".to_owned()),
    }
}

fn order(a: &Value, b: &Value) -> Result<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Ok(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Ok(a.cmp(b)),
        (Value::Time(a, _), Value::Time(b, _)) => Ok(a.cmp(b)),
        (
            Value::Int(_) | Value::Float(_) | Value::Struct(_),
            Value::Int(_) | Value::Float(_) | Value::Struct(_),
        ) => {
            let (a, b) = (number(Some(a))?, number(Some(b))?);
            a.partial_cmp(&b).ok_or_else(|| "NaN is neither more nor less".to_owned())
        }
        (Value::Nil, Value::Nil) => Ok(Ordering::Equal),
        _ => Err(format!("{} and {} cannot be compared", a.kind(), b.kind())),
    }
}

fn compare(name: &str, arguments: &[Value]) -> Result {
    let [first, rest @ ..] = arguments else { return Err(format!("{name} lacks its arguments")) };
    if name == "not" {
        return Ok(Value::Bool(!first.is_true()));
    }
    let second = rest.first().ok_or_else(|| format!("{name} compares two values"))?;
    // nil and NaN equal nothing else, which is no error.
    let same = |other: &Value| {
        matches!((first, other), (Value::Nil, _) | (_, Value::Nil))
            || is_nan(first)
            || is_nan(other)
    };
    let equal = |other: &Value| {
        if same(other) {
            Ok(matches!((first, other), (Value::Nil, Value::Nil)))
        } else {
            order(first, other).map(Ordering::is_eq)
        }
    };
    Ok(Value::Bool(match name {
        "eq" => {
            for other in rest {
                if equal(other)? {
                    return Ok(Value::Bool(true));
                }
            }
            false
        }
        "ne" => !equal(second)?,
        _ if is_nan(first) || is_nan(second) => false,
        "lt" => order(first, second)?.is_lt(),
        "le" => order(first, second)?.is_le(),
        "gt" => order(first, second)?.is_gt(),
        _ => order(first, second)?.is_ge(),
    }))
}

fn is_nan(value: &Value) -> bool {
    matches!(value, Value::Float(_) | Value::Struct(_))
        && number(Some(value)).is_ok_and(f64::is_nan)
}

fn collections(name: &str, arguments: &[Value]) -> Result {
    let [first, keys @ ..] = arguments else { return Err(format!("{name} lacks its argument")) };
    if name == "len" {
        let length = match first {
            Value::Text(text) => text.len(),
            Value::List(all) => all.len(),
            Value::Map(all) => all.len(),
            other => return Err(format!("{} has no length", other.kind())),
        };
        return Ok(Value::Int(length as i64));
    }
    if name == "slice" {
        let ends = [
            whole(keys.first().or(Some(&Value::Int(0))))?,
            keys.get(1).map_or(Ok(usize::MAX), |to| whole(Some(to)))?,
        ];
        let out = || "slice goes out of its bounds".to_owned();
        return match first {
            Value::Text(text) => {
                text.get(ends[0]..ends[1].min(text.len())).map(Value::from).ok_or_else(out)
            }
            Value::List(all) => all
                .get(ends[0]..ends[1].min(all.len()))
                .map(|part| Value::list(part.to_vec()))
                .ok_or_else(out),
            other => Err(format!("{} has no parts", other.kind())),
        };
    }
    keys.iter().try_fold(first.clone(), |value, key| match &value {
        Value::List(all) => all
            .get(whole(Some(key))?)
            .cloned()
            .ok_or_else(|| "the index is out of the list".to_owned()),
        Value::Map(all) => Ok(all.get(text(Some(key))?).cloned().unwrap_or_else(|| missing(all))),
        Value::Text(text) => {
            let byte = text.as_bytes().get(whole(Some(key))?);
            byte.map(|byte| Value::Int(i64::from(*byte)))
                .ok_or_else(|| "the index is out of the text".to_owned())
        }
        other => Err(format!("{} has no index", other.kind())),
    })
}

/// Go puts a space between two operands that are both no texts.
fn print(arguments: &[Value], line: bool) -> Result<String> {
    let mut out = String::new();
    for (index, value) in arguments.iter().enumerate() {
        let both = index > 0
            && !matches!(value, Value::Text(_))
            && !matches!(arguments[index - 1], Value::Text(_));
        if index > 0 && (line || both) {
            out.push(' ');
        }
        value.print(&mut out, OUTPUT_BYTES_MAX)?;
    }
    out.push_str(if line { "\n" } else { "" });
    Ok(out)
}

fn texts(name: &str, arguments: &[Value]) -> Result {
    let first = arguments.first();
    Ok(match name {
        "toUpper" => text(first)?.to_uppercase().into(),
        "toLower" => text(first)?.to_lowercase().into(),
        "title" => title(text(first)?).into(),
        "trimSpace" => text(first)?.trim().into(),
        "safeHtml" | "safeUrl" => text(first)?.into(),
        "html" => escape_html(&shown(arguments)?).into(),
        "js" => escape_js(&shown(arguments)?).into(),
        "urlquery" => escape_url(&shown(arguments)?).into(),
        "urlUnescape" => text(first)?.into(),
        "join" => {
            let (between, list) =
                (text(first)?, items(arguments.get(1).ok_or("join lacks its list")?)?);
            let mut out = String::new();
            for (index, value) in list.iter().enumerate() {
                out.push_str(if index > 0 { between } else { "" });
                value.print(&mut out, OUTPUT_BYTES_MAX)?;
            }
            out.into()
        }
        "stringSlice" => arguments
            .iter()
            .map(|value| text(Some(value)).map(Value::from))
            .collect::<Result<Vec<_>>>()
            .map(Value::list)?,
        "stripPort" => {
            let text = text(first)?;
            let host = text
                .rsplit_once(':')
                .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
            host.map_or(text, |(host, _)| host.trim_start_matches('[').trim_end_matches(']')).into()
        }
        _ => {
            let text = text(first)?;
            text.split_once('.').map_or(text, |(host, _)| host).into()
        }
    })
}

fn shown(arguments: &[Value]) -> Result<String> {
    print(arguments, false)
}

fn by_pattern(patterns: &mut Patterns, name: &str, arguments: &[Value]) -> Result {
    let pattern = patterns.get(text(arguments.first())?)?;
    Ok(match name {
        "match" => Value::Bool(pattern.is_match(text(arguments.get(1))?)),
        _ => {
            let (with, on) = (text(arguments.get(1))?, text(arguments.get(2))?);
            if on.len().saturating_add(1).saturating_mul(with.len().max(1)) > OUTPUT_BYTES_MAX * 8 {
                return Err("reReplaceAll makes too much".to_owned());
            }
            // Each `$1` may be as long as the text.
            let most = pattern
                .find_iter(on)
                .count()
                .saturating_mul(with.matches('$').count())
                .saturating_mul(on.len());
            if most > OUTPUT_BYTES_MAX * 64 {
                return Err("reReplaceAll makes too much".to_owned());
            }
            pattern.replace_all(on, with).as_ref().into()
        }
    })
}

/// Those of one run of a template, each made once.
#[derive(Default)]
pub(super) struct Patterns(HashMap<String, regex::Regex>);

impl Patterns {
    fn get(&mut self, text: &str) -> Result<&regex::Regex> {
        if !self.0.contains_key(text) {
            if self.0.len() >= PATTERNS_MAX {
                return Err(format!("it has more than {PATTERNS_MAX} patterns"));
            }
            let built = regex::RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build();
            let built = built.map_err(|_| "the pattern is no regular expression".to_owned())?;
            self.0.insert(text.to_owned(), built);
        }
        self.0.get(text).ok_or_else(|| "the pattern is no regular expression".to_owned())
    }
}

fn title(text: &str) -> String {
    let mut begins = true;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if begins {
            out.extend(c.to_uppercase())
        } else {
            out.push(c)
        }
        begins = !c.is_alphanumeric() && c != '\'' && c != '_';
    }
    out
}

pub(crate) fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn escape_js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '\'' | '"' => out.extend(['\\', c]),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if c < ' ' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            other => out.push(other),
        }
    }
    out
}

pub(crate) fn escape_url(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte))
            }
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn path_of(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    after.find('/').map_or("", |at| after[at..].trim_end_matches('/'))
}

fn numbers(name: &str, arguments: &[Value]) -> Result {
    let first = arguments.first();
    if name == "parseDuration" {
        let ms = duration::parse(text(first)?).ok_or("parseDuration takes a duration, as 1h30m")?;
        return Ok(Value::Float(ms as f64 / 1000.0));
    }
    let number = number(first)?;
    Ok(match name {
        "humanize" => humanize::decimal(number).into(),
        "humanize1024" => humanize::binary(number).into(),
        "humanizeDuration" => humanize::duration(number).into(),
        "humanizePercentage" => format!("{}%", go::general(number * 100.0, 4)).into(),
        _ => {
            let ms = (number * 1000.0).round();
            if !ms.is_finite() {
                return Ok(go::float(number).into());
            }
            let at = Timestamp::from_millisecond(ms as i64)
                .map_err(|_| "the time is out of range".to_owned())?;
            let value = Value::Time(at, TimeZone::UTC);
            if name == "toTime" {
                return Ok(value);
            }
            let mut out = String::new();
            value.print(&mut out, OUTPUT_BYTES_MAX)?;
            out.into()
        }
    })
}

/// The time comes last, as it does in a pipe; of a method it comes first.
fn times(name: &str, arguments: &[Value]) -> Result {
    let time = if name.starts_with('.') { arguments.first() } else { arguments.last() };
    let Some(Value::Time(at, zone)) = time else {
        return Err(format!("{} takes a time", name.trim_start_matches('.')));
    };
    let other = if name.starts_with('.') { arguments.get(1) } else { arguments.first() };
    Ok(match name {
        "date" | ".Format" => go::time(at, zone, text(other)?).into(),
        "tz" | ".In" => {
            let zone = TimeZone::get(text(other)?)
                .map_err(|_| "tz takes the name of a time zone, as Europe/Berlin".to_owned())?;
            Value::Time(*at, zone)
        }
        "since" => humanize::duration(
            (Timestamp::now().as_millisecond() - at.as_millisecond()) as f64 / 1000.0,
        )
        .into(),
        _ => Value::Time(*at, TimeZone::UTC),
    })
}

fn remove(arguments: &[Value]) -> Result {
    let [Value::Map(all), names] = arguments else {
        return Err("Remove takes the names to be left out".to_owned());
    };
    let mut left = (**all).clone();
    for name in items(names)? {
        left.remove(text(Some(name))?);
    }
    Ok(Value::Map(Arc::new(left)))
}
