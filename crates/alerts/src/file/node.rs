//! A place in a document: it knows its file and its path, so that every error can say where, and which keys nobody asked for.

use std::cell::RefCell;
use std::collections::BTreeSet;

use model::{Error, Result};
use serde_json::{Map, Value};

use super::duration;
use super::env::{Forms, Surroundings, expand};

/// What a reading has around it.
pub(crate) struct Reading<'a> {
    pub(crate) file: &'a str,
    pub(crate) around: &'a Surroundings<'a>,
    pub(crate) notes: &'a RefCell<Vec<String>>,
}

impl Reading<'_> {
    pub(crate) fn note(&self, path: &str, text: impl std::fmt::Display) {
        self.notes.borrow_mut().push(format!("{}: {path}: {text}", self.file));
    }

    pub(crate) fn wrong(&self, path: &str, text: impl Into<String>) -> Error {
        Error::definite(format!("cannot read {}: {path}", self.file)).detail(text)
    }
}

/// A mapping, asked key by key.
pub(crate) struct Node<'a> {
    pub(crate) reading: &'a Reading<'a>,
    pub(crate) path: String,
    entries: &'a Map<String, Value>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Node<'a> {
    pub(crate) fn new(
        reading: &'a Reading<'a>,
        path: String,
        value: &'a Value,
    ) -> Result<Node<'a>> {
        let Value::Object(entries) = value else {
            return Err(reading.wrong(&path, "a mapping is wanted here"));
        };
        Ok(Node { reading, path, entries, asked: RefCell::default() })
    }

    pub(crate) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(crate) fn wrong(&self, key: &str, text: impl Into<String>) -> Error {
        self.reading.wrong(&self.at(key), text)
    }

    /// As it stands there, nothing replaced.
    pub(crate) fn raw(&self, key: &'static str) -> Option<&'a Value> {
        self.asked.borrow_mut().insert(key);
        self.entries.get(key).filter(|value| !value.is_null())
    }

    fn expanded(&self, path: &str, text: &str, forms: Forms) -> Result<String> {
        expand(text, forms, self.reading.around).map_err(|error| self.reading.wrong(path, error))
    }

    /// Numbers and booleans are taken as their text, as Grafana's reader does.
    pub(crate) fn text(&self, key: &'static str) -> Result<Option<String>> {
        let Some(value) = self.raw(key) else { return Ok(None) };
        let text = scalar(value).ok_or_else(|| self.wrong(key, "a text is wanted here"))?;
        self.expanded(&self.at(key), &text, Forms::All).map(Some)
    }

    pub(crate) fn needed(&self, key: &'static str) -> Result<String> {
        let text = self.text(key)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| self.wrong(key, "it is missing, and Grafana asks for it too"))
    }

    pub(crate) fn whole(&self, key: &'static str) -> Result<Option<i64>> {
        let Some(text) = self.text(key)?.filter(|text| !text.is_empty()) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| self.wrong(key, "a whole number is wanted here"))
    }

    pub(crate) fn flag(&self, key: &'static str) -> Result<Option<bool>> {
        match self.text(key)?.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.wrong(key, "true or false is wanted here")),
        }
    }

    pub(crate) fn duration_ms(&self, key: &'static str) -> Result<Option<i64>> {
        let Some(text) = self.text(key)?.filter(|text| !text.is_empty()) else { return Ok(None) };
        let ms = duration::parse(&text);
        let wrong = || self.wrong(key, "a duration is wanted here, as 30s, 5m or 1h30m");
        ms.ok_or_else(wrong).map(Some)
    }

    /// A duration between two messages: without one they would never end.
    pub(crate) fn pause_ms(&self, key: &'static str) -> Result<Option<i64>> {
        match self.duration_ms(key)? {
            Some(0) => Err(self.wrong(key, "more than nothing is wanted here, as 5m")),
            pause => Ok(pause),
        }
    }

    /// A list of mappings; nothing at all is an empty one.
    pub(crate) fn nodes(&self, key: &'static str) -> Result<Vec<Node<'a>>> {
        let mut nodes = Vec::new();
        for (index, value) in self.values(key)?.iter().enumerate() {
            nodes.push(Node::new(self.reading, format!("{}[{index}]", self.at(key)), value)?);
        }
        Ok(nodes)
    }

    pub(crate) fn node(&self, key: &'static str) -> Result<Option<Node<'a>>> {
        let Some(value) = self.raw(key) else { return Ok(None) };
        Node::new(self.reading, self.at(key), value).map(Some)
    }

    pub(crate) fn values(&self, key: &'static str) -> Result<&'a [Value]> {
        match self.raw(key) {
            None => Ok(&[]),
            Some(Value::Array(values)) => Ok(values),
            Some(_) => Err(self.wrong(key, "a list is wanted here")),
        }
    }

    pub(crate) fn texts(&self, key: &'static str) -> Result<Option<Vec<String>>> {
        if self.raw(key).is_none() {
            return Ok(None);
        }
        let mut texts = Vec::new();
        for (index, value) in self.values(key)?.iter().enumerate() {
            let path = format!("{}[{index}]", self.at(key));
            let text =
                scalar(value).ok_or_else(|| self.reading.wrong(&path, "a text is wanted here"))?;
            texts.push(self.expanded(&path, &text, Forms::All)?);
        }
        Ok(Some(texts))
    }

    /// Annotations and labels: only the forms with braces are replaced.
    pub(crate) fn pairs(&self, key: &'static str) -> Result<crate::Labels> {
        let mut pairs = crate::Labels::new();
        let Some(value) = self.raw(key) else { return Ok(pairs) };
        let Value::Object(entries) = value else {
            return Err(self.wrong(key, "a mapping of texts is wanted here"));
        };
        for (name, value) in entries {
            let path = format!("{}.{name}", self.at(key));
            let text = if value.is_null() { Some(String::new()) } else { scalar(value) };
            let text = text.ok_or_else(|| self.reading.wrong(&path, "a text is wanted here"))?;
            pairs.insert(name.clone(), self.expanded(&path, &text, Forms::Braced)?);
        }
        Ok(pairs)
    }

    /// A free tree with every text in it replaced.
    pub(crate) fn tree(&self, key: &'static str) -> Result<Value> {
        let mut tree = self.raw(key).cloned().unwrap_or(Value::Null);
        self.expand_tree(&self.at(key), &mut tree)?;
        Ok(tree)
    }

    fn expand_tree(&self, path: &str, value: &mut Value) -> Result<()> {
        match value {
            Value::String(text) => *text = self.expanded(path, text, Forms::All)?,
            Value::Array(values) => {
                for (index, value) in values.iter_mut().enumerate() {
                    self.expand_tree(&format!("{path}[{index}]"), value)?;
                }
            }
            Value::Object(entries) => {
                for (name, value) in entries.iter_mut() {
                    self.expand_tree(&format!("{path}.{name}"), value)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Keys that nobody asked for are said once, and do no harm.
    pub(crate) fn done(&self) {
        let asked = self.asked.borrow();
        for key in self.entries.keys().filter(|key| !asked.contains(key.as_str())) {
            self.reading.note(&self.at(key), "is not known here and has no effect");
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
