//! `name = value` and its three kin. A label that is not there is an empty one, as in Prometheus.

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::Labels;

/// A pattern is compiled to this much at most.
const PATTERN_BYTES_MAX: usize = 1 << 20;

#[derive(Clone, Debug, Serialize)]
#[serde(into = "Plain")]
pub struct Matcher {
    name: String,
    op: &'static str,
    value: String,
    pattern: Option<Regex>,
}

#[derive(Serialize, Deserialize)]
struct Plain {
    name: String,
    op: String,
    value: String,
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Matcher, D::Error> {
        let plain = Plain::deserialize(from)?;
        Matcher::new(&plain.name, &plain.op, &plain.value).map_err(serde::de::Error::custom)
    }
}

impl From<Matcher> for Plain {
    fn from(matcher: Matcher) -> Plain {
        Plain { name: matcher.name, op: matcher.op.to_owned(), value: matcher.value }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Matcher) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Matcher {
    pub fn new(name: &str, op: &str, value: &str) -> Result<Matcher, String> {
        let ops = ["=", "!=", "=~", "!~"];
        let op = ops.into_iter().find(|known| *known == op);
        let op = op.ok_or("one of = != =~ !~ is wanted between name and value")?;
        if name.is_empty() {
            return Err("a matcher names a label".to_owned());
        }
        let pattern = if op.ends_with('~') {
            let built = regex::RegexBuilder::new(&format!("^(?:{value})$"))
                .size_limit(PATTERN_BYTES_MAX)
                .build();
            Some(built.map_err(|_| format!("the pattern for {name} is no regular expression"))?)
        } else {
            None
        };
        Ok(Matcher { name: name.to_owned(), op, value: value.to_owned(), pattern })
    }

    /// `severity =~ "warning|critical"`, quotes as wished.
    pub fn parse(text: &str) -> Result<Matcher, String> {
        let wanted = || format!("{text} is no matcher, as severity = \"critical\"");
        let at = text.find(['=', '!']).ok_or_else(wanted)?;
        let (name, rest) = text.split_at(at);
        let op = ["!=", "=~", "!~", "="]
            .into_iter()
            .find(|op| rest.starts_with(op))
            .ok_or_else(wanted)?;
        let name = unquoted(name.trim()).ok_or_else(wanted)?;
        let value = unquoted(rest[op.len()..].trim()).ok_or_else(wanted)?;
        Matcher::new(&name, op, &value)
    }

    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.name).map_or("", String::as_str);
        let same = self.pattern.as_ref().map_or_else(|| self.value == value, |p| p.is_match(value));
        same != self.op.starts_with('!')
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.op, self.value)
    }
}

fn unquoted(text: &str) -> Option<String> {
    let Some(inner) = text.strip_prefix('"') else {
        return (!text.contains('"')).then(|| text.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                'n' => out.push('\n'),
                other => out.push(other),
            },
            '"' => return None,
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::of;

    #[test]
    fn matchers_match_as_prometheus_says() {
        let labels = of(&[("severity", "warning"), ("team", "shop")]);
        for (text, matches) in [
            ("severity = warning", true),
            ("severity=\"warning\"", true),
            ("severity != warning", false),
            ("severity =~ \"warning|critical\"", true),
            ("severity =~ \"warn\"", false),
            ("severity !~ \"crit.*\"", true),
            ("absent = \"\"", true),
            ("absent != x", true),
            ("absent =~ .*", true),
            ("absent =~ .+", false),
            ("\"team\" = \"sh\\op\"", true),
        ] {
            assert_eq!(Matcher::parse(text).unwrap().matches(&labels), matches, "{text}");
        }
    }

    #[test]
    fn what_is_no_matcher_is_said() {
        for text in
            ["", "severity", "= x", "a ! b", "a =~ (", "a = \"b", "a = b\"", "a =~ (?:x{999}){999}"]
        {
            assert!(Matcher::parse(text).is_err(), "{text}");
        }
        assert!(Matcher::new("a", "==", "b").is_err());
    }

    #[test]
    fn matchers_are_kept_as_text() {
        let matcher = Matcher::new("a", "=~", "b|c").unwrap();
        let text = serde_json::to_string(&matcher).unwrap();
        assert_eq!(text, r#"{"name":"a","op":"=~","value":"b|c"}"#);
        assert_eq!(serde_json::from_str::<Matcher>(&text).unwrap(), matcher);
    }
}
