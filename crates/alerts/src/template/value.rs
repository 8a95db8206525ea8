//! What templates compute with.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::go;
use crate::Labels;

/// `args` puts values into each other; this deep and no deeper, since they are printed and freed by recursion.
pub(super) const DEPTH_MAX: usize = 8;

#[derive(Clone, Debug)]
pub enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    List(Arc<Vec<Value>>),
    /// Labels and their like, with the methods of Alertmanager's KV.
    Map(Arc<BTreeMap<String, Value>>),
    Struct(Arc<Struct>),
    Time(Timestamp, TimeZone),
}

/// Fields by name; some print as one of them.
#[derive(Debug)]
pub struct Struct {
    pub fields: Vec<(&'static str, Value)>,
    pub shown: Option<Value>,
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text.into())
    }
}

impl From<&Labels> for Value {
    fn from(labels: &Labels) -> Value {
        Value::map(labels.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))))
    }
}

impl Value {
    pub fn list(all: Vec<Value>) -> Value {
        Value::List(Arc::new(all))
    }

    pub fn map(all: impl IntoIterator<Item = (String, Value)>) -> Value {
        Value::Map(Arc::new(all.into_iter().collect()))
    }

    pub fn of_fields(fields: Vec<(&'static str, Value)>) -> Value {
        Value::Struct(Arc::new(Struct { fields, shown: None }))
    }

    /// None and times before 1970 are Go's zero time.
    pub fn time(ms: Option<i64>) -> Value {
        let zero = || "0001-01-01T00:00:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH);
        let at = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_else(zero);
        Value::Time(at, TimeZone::UTC)
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(flag) => *flag,
            Value::Int(number) => *number != 0,
            Value::Float(number) => *number != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::List(all) => !all.is_empty(),
            Value::Map(all) => !all.is_empty(),
            Value::Struct(_) | Value::Time(..) => true,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Struct(_) => "an object",
            Value::Time(..) => "a time",
        }
    }

    /// Whether it is nested so deep at most. Values share parts, so how many are `left` to be looked at is counted, too.
    pub(super) fn is_shallow(&self, depth: usize, left: &mut usize) -> bool {
        if *left == 0 {
            return false;
        }
        *left -= 1;
        let mut is_shallow = |value: &Value| depth > 0 && value.is_shallow(depth - 1, left);
        match self {
            Value::List(all) => all.iter().all(&mut is_shallow),
            Value::Map(all) => all.values().all(&mut is_shallow),
            Value::Struct(all) => {
                let parts = all.fields.iter().map(|(_, value)| value).chain(&all.shown);
                parts.into_iter().all(&mut is_shallow)
            }
            _ => true,
        }
    }

    /// As Go prints it, up to so many bytes more.
    pub(super) fn print(&self, out: &mut String, most: usize) -> Result<(), String> {
        if out.len() > most {
            return Err(format!("it makes more than {most} bytes"));
        }
        match self {
            Value::Nil => out.push_str("<no value>"),
            Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Value::Int(number) => out.push_str(&number.to_string()),
            Value::Float(number) => out.push_str(&go::float(*number)),
            Value::Text(text) => out.push_str(text),
            Value::Time(at, zone) => {
                out.push_str(&go::time(at, zone, "2006-01-02 15:04:05.999999999 -0700 MST"))
            }
            Value::List(all) => {
                out.push('[');
                for (index, value) in all.iter().enumerate() {
                    out.push_str(if index > 0 { " " } else { "" });
                    value.print(out, most)?;
                }
                out.push(']');
            }
            Value::Map(all) => {
                for (index, (name, value)) in all.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    out.push_str(name);
                    out.push('=');
                    value.print(out, most)?;
                }
            }
            Value::Struct(all) => match &all.shown {
                Some(value) => value.print(out, most)?,
                None => {
                    out.push('{');
                    for (index, (_, value)) in all.fields.iter().enumerate() {
                        out.push_str(if index > 0 { " " } else { "" });
                        value.print(out, most)?;
                    }
                    out.push('}');
                }
            },
        }
        if out.len() > most { Err(format!("it makes more than {most} bytes")) } else { Ok(()) }
    }

    /// A field, a key or a method without arguments.
    pub(super) fn field(&self, name: &str) -> Result<Value, String> {
        match self {
            Value::Struct(all) => {
                let found = all.fields.iter().find(|(field, _)| *field == name);
                found
                    .map(|(_, value)| value.clone())
                    .ok_or_else(|| format!("there is no field .{name} here"))
            }
            Value::Map(all) => Ok(match name {
                "SortedPairs" => pairs(all),
                "Names" => Value::list(all.keys().map(|name| Value::from(name.as_str())).collect()),
                "Values" => Value::list(all.values().cloned().collect()),
                _ => all.get(name).cloned().unwrap_or_else(|| missing(all)),
            }),
            Value::List(all) => match name {
                "Firing" | "Resolved" => {
                    let wanted = name.to_lowercase();
                    let has = |value: &&Value| matches!(value.field("Status"), Ok(Value::Text(is)) if *is == *wanted);
                    Ok(Value::list(all.iter().filter(has).cloned().collect()))
                }
                "Names" | "Values" => {
                    let part = if name == "Names" { "Name" } else { "Value" };
                    all.iter()
                        .map(|pair| pair.field(part))
                        .collect::<Result<_, _>>()
                        .map(Value::list)
                }
                _ => Err(format!("a list has no .{name}")),
            },
            Value::Time(at, zone) => match name {
                "Unix" => Ok(Value::Int(at.as_second())),
                "UnixMilli" => Ok(Value::Int(at.as_millisecond())),
                "UTC" => Ok(Value::Time(*at, TimeZone::UTC)),
                "IsZero" => {
                    Ok(Value::Bool(zone == &TimeZone::UTC && at.as_second() < -62_000_000_000))
                }
                _ => Err(format!("a time has no .{name}")),
            },
            Value::Nil => Err(format!("nil has no .{name}")),
            other => Err(format!("{} has no .{name}", other.kind())),
        }
    }
}

/// A map of texts has an empty one for what is not in it; of others, nothing is there.
pub(super) fn missing(all: &BTreeMap<String, Value>) -> Value {
    if all.values().all(|value| matches!(value, Value::Text(_))) {
        Value::from("")
    } else {
        Value::Nil
    }
}

/// `alertname` comes first, as Alertmanager sorts them.
fn pairs(all: &BTreeMap<String, Value>) -> Value {
    let pair = |(name, value): (&String, &Value)| {
        Value::of_fields(vec![("Name", Value::from(name.as_str())), ("Value", value.clone())])
    };
    let (first, rest): (Vec<_>, Vec<_>) = all.iter().partition(|(name, _)| *name == "alertname");
    Value::list(first.into_iter().chain(rest).map(pair).collect())
}
