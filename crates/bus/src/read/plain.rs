//! Topics of plain objects: a row each, by paths or as they are.

use super::json::{Scan, Text, write_string};
use super::message;
use super::named::Declared;
use super::options::PlainTopic;
use super::row::Row;
use super::shape::{Tables, no_type};
use super::value::{self, Value};
use model::{Error, Result, TableName};

/// A topic's paths, as a tree of names.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) table: TableName,
    root: Node,
    /// No column is named: every field is one.
    takes_all: bool,
    rest: Option<String>,
    time: Option<Vec<String>>,
    /// The path, and the column that has it.
    id: Option<(Vec<String>, String)>,
}

#[derive(Debug, Default)]
struct Node {
    name: String,
    column: Option<String>,
    inside: Vec<Node>,
}

fn steps(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

impl Plan {
    /// Says what the columns are to `tables`.
    pub(super) fn new(topic: &PlainTopic, tables: &mut Tables) -> Result<Plan> {
        let mut root = Node::default();
        for (column, plain) in &topic.columns {
            let declared = Declared::parse(&plain.type_name)
                .ok_or_else(|| no_type(column, &topic.table, &plain.type_name))?;
            tables.declare(&topic.table, column, declared);
            root.add(&steps(&plain.path), column);
        }
        if let Some(rest) = &topic.rest {
            let declared = Declared::parse("jsonb").expect("a type");
            tables.declare(&topic.table, rest, declared);
        }
        let id = topic.id.as_ref().map(|path| {
            let of_path = topic.columns.iter().find(|(_, plain)| plain.path == *path);
            let named = of_path.map(|(column, _)| column.clone());
            let steps = steps(path);
            let last = steps.last().cloned().unwrap_or_default();
            (steps, named.unwrap_or(last))
        });
        Ok(Plan {
            table: topic.table.clone(),
            root,
            takes_all: topic.columns.is_empty(),
            rest: topic.rest.clone(),
            time: topic.time.as_deref().map(steps),
            id,
        })
    }

    /// Of a topic that nothing is said about.
    pub(super) fn of_all(table: TableName) -> Plan {
        let root = Node::default();
        Plan { table, root, takes_all: true, rest: None, time: None, id: None }
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.id.as_ref().map(|(_, column)| column.as_str())
    }

    /// The row of an object, and when its event was, in µs since 1970. `memory` keeps what no column
    /// took.
    pub(super) fn row<'a>(
        &'a self,
        object: &'a [u8],
        memory: &'a mut Vec<u8>,
    ) -> Result<(Row<'a>, Option<i64>)> {
        let mut scan = Scan::new(object);
        if !scan.eat(b'{') {
            return Err(Error::refused("it is no object"));
        }
        let mut row = Row::default();
        match self.takes_all {
            true => message::row(&mut scan, &mut row)?,
            false => self.root.walk(&mut scan, &mut row, memory)?,
        }
        scan.end()?;
        if let (Some(rest), false) = (&self.rest, self.takes_all) {
            row.push(name(rest), Value::Json(memory));
        }
        if let Some((path, column)) = &self.id {
            match at(object, path) {
                None | Some(Value::Null) => {
                    return Err(Error::refused(format!("it has no {}", path.join(".")))
                        .detail("That is what tells its rows apart."));
                }
                Some(value) if row.get(column, 0).is_none() => row.push(name(column), value),
                Some(_) => {}
            }
        }
        let time = match &self.time {
            Some(path) => Some(self.time(at(object, path), path)?),
            None => None,
        };
        Ok((row, time))
    }

    fn time(&self, value: Option<Value<'_>>, path: &[String]) -> Result<i64> {
        let us = value.and_then(|value| match value.int() {
            Some(number) => value::by_size(number).ok(),
            None => value.text().and_then(value::moment),
        });
        us.ok_or_else(|| {
            Error::refused(format!("its {} is no time", path.join(".")))
                .hint("a time is RFC 3339, or a number of s, ms or µs since 1970")
        })
    }
}

fn name(text: &str) -> Text<'_> {
    Text { raw: text.as_bytes(), is_escaped: false }
}

/// What stands at a path.
fn at<'a>(object: &'a [u8], path: &[String]) -> Option<Value<'a>> {
    let (first, inside) = path.split_first()?;
    let found = value::field(&Value::Json(object), first)?;
    match (inside, found) {
        ([], value) => Some(value),
        (inside, Value::Json(json)) => at(json, inside),
        _ => None,
    }
}

impl Node {
    fn add(&mut self, path: &[String], column: &str) {
        let Some((first, inside)) = path.split_first() else { return };
        let at = self.inside.iter().position(|node| node.name == *first);
        let at = at.unwrap_or_else(|| {
            self.inside.push(Node { name: first.clone(), ..Node::default() });
            self.inside.len() - 1
        });
        match inside {
            [] => self.inside[at].column = Some(column.to_owned()),
            inside => self.inside[at].add(inside, column),
        }
    }

    /// Takes what it has columns for; the rest is written down. The `{` is eaten.
    fn walk<'a>(
        &'a self,
        scan: &mut Scan<'a>,
        row: &mut Row<'a>,
        rest: &mut Vec<u8>,
    ) -> std::result::Result<(), super::json::NotJson> {
        rest.push(b'{');
        let begin = rest.len();
        let mut is_first = true;
        while let Some(field) = scan.name(&mut is_first)? {
            let known = self.inside.iter().find(|node| field.is(node.name.as_bytes()));
            if let Some(column) = known.and_then(|node| node.column.as_ref()) {
                let value = Value::from(scan.value()?);
                row.push(name(column), value);
                // A path may go on within what another one takes.
                if let (Some(node), Value::Json(json)) = (known, value)
                    && !node.inside.is_empty()
                {
                    let (mut inner, mut taken) = (Scan::new(json), Vec::new());
                    if inner.eat(b'{') {
                        node.walk(&mut inner, row, &mut taken)?;
                    }
                }
                continue;
            }
            let from = rest.len();
            if from > begin {
                rest.push(b',');
            }
            match field.is_escaped {
                true => {
                    rest.push(b'"');
                    rest.extend_from_slice(field.raw);
                    rest.push(b'"');
                }
                false => write_string(field.raw, rest),
            }
            rest.push(b':');
            if let Some(node) = known
                && scan.eat(b'{')
            {
                let inside = rest.len();
                node.walk(scan, row, rest)?;
                if rest.len() == inside + 2 {
                    rest.truncate(from);
                }
                continue;
            }
            value::write_json(&scan.value()?.into(), rest);
        }
        rest.push(b'}');
        Ok(())
    }
}
