//! Writer schemas.

use crate::read::means::{Carrier, Field, Means, Parameters};
use crate::read::origin::Role;
use crate::read::row::RowSchema;
use serde_json::Value as Json;
use std::collections::HashMap;

#[derive(Debug)]
pub(crate) enum Node {
    Null,
    Bool,
    /// int and long are written alike.
    Int,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Enum(Vec<String>),
    Record(Vec<RecordField>),
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
}

#[derive(Debug)]
pub(crate) struct RecordField {
    pub(crate) name: String,
    pub(crate) node: usize,
    pub(crate) role: Role,
}

#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) nodes: Vec<Node>,
    /// What each node's attributes say it means.
    means: Vec<Means>,
    pub(crate) root: usize,
    /// Of an envelope: the record of its rows.
    pub(crate) row: Option<RowSchema>,
    /// The root's own fields, if it is a record.
    pub(crate) whole: Option<RowSchema>,
    pub(crate) is_postgres: bool,
}

/// More than any table's envelope has.
const NODES_MAX: usize = 100_000;

impl Schema {
    /// `next` gives ids. The error says what is wrong with the schema.
    pub(crate) fn parse(text: &str, next: &mut u64) -> Result<Schema, String> {
        let json: Json = serde_json::from_str(text).map_err(|_| "it is no JSON".to_owned())?;
        let mut parser = Parser::default();
        let root = parser.node(&json, "")?;
        let Parser { nodes, means, is_postgres, .. } = parser;
        let mut schema = Schema { nodes, means, root, row: None, whole: None, is_postgres };
        let mut row_schema = |schema: &Schema, node: usize, is_flat: bool| {
            *next += 1;
            Some(RowSchema { id: *next, fields: schema.fields(node)?, is_flat })
        };
        schema.whole = row_schema(&schema, root, true);
        let of_role = |role: Role| match &schema.nodes[root] {
            Node::Record(fields) => fields.iter().find(|field| field.role == role),
            _ => None,
        };
        if of_role(Role::Op).is_some()
            && let Some(after) = of_role(Role::After).or(of_role(Role::Before))
        {
            let record = schema.value_node(after.node);
            schema.row = row_schema(&schema, record, false);
        }
        Ok(schema)
    }

    /// A node without the union that lets it be null.
    pub(crate) fn value_node(&self, node: usize) -> usize {
        match &self.nodes[node] {
            Node::Union(branches) => {
                let is_value = |&&at: &&usize| !matches!(self.nodes[at], Node::Null);
                let mut values = branches.iter().filter(is_value);
                match (values.next(), values.next()) {
                    (Some(&only), None) => only,
                    _ => node,
                }
            }
            _ => node,
        }
    }

    /// `None`: it is no record.
    fn fields(&self, node: usize) -> Option<Vec<Field>> {
        let Node::Record(fields) = &self.nodes[node] else { return None };
        let field = |field: &RecordField| Field {
            name: field.name.clone(),
            means: self.means_of(field.node, 0),
            is_optional: self.may_be_null(field.node),
        };
        Some(fields.iter().map(field).collect())
    }

    fn may_be_null(&self, node: usize) -> bool {
        match &self.nodes[node] {
            Node::Null => true,
            Node::Union(branches) => {
                branches.iter().any(|&at| matches!(self.nodes[at], Node::Null))
            }
            _ => false,
        }
    }

    /// Elements of arrays are known after the arrays are.
    fn means_of(&self, node: usize, depth: usize) -> Means {
        const DEPTH_MAX: usize = 8;
        let node = self.value_node(node);
        match (&self.nodes[node], &self.means[node]) {
            (Node::Array(items), Means::Untold) if depth < DEPTH_MAX => {
                Means::Array(Box::new(self.means_of(*items, depth + 1)))
            }
            (Node::Array(_) | Node::Union(_), Means::Untold) => Means::Parts,
            (_, means) => means.clone(),
        }
    }
}

#[derive(Default)]
struct Parser {
    nodes: Vec<Node>,
    means: Vec<Means>,
    named: HashMap<String, usize>,
    is_postgres: bool,
}

impl Parser {
    fn add(&mut self, node: Node, means: Means) -> Result<usize, String> {
        if self.nodes.len() >= NODES_MAX {
            return Err("it has too many types".to_owned());
        }
        self.nodes.push(node);
        self.means.push(means);
        Ok(self.nodes.len() - 1)
    }

    fn node(&mut self, json: &Json, namespace: &str) -> Result<usize, String> {
        match json {
            Json::String(name) => self.simple(name, json, namespace),
            Json::Array(branches) => {
                let branches = branches.iter().map(|branch| self.node(branch, namespace));
                let branches = branches.collect::<Result<Vec<_>, _>>()?;
                if branches.is_empty() {
                    return Err("a union has no branch".to_owned());
                }
                self.add(Node::Union(branches), Means::Untold)
            }
            Json::Object(_) => match &json["type"] {
                Json::String(kind) => self.complex(kind, json, namespace),
                inner => self.node(inner, namespace),
            },
            _ => Err("a type is neither a name nor an object".to_owned()),
        }
    }

    fn complex(&mut self, kind: &str, json: &Json, namespace: &str) -> Result<usize, String> {
        match kind {
            "record" | "error" => {
                let (full, inner) = full_name(json, namespace)?;
                // It may name itself: its place is there before its fields are.
                let at = self.add(Node::Null, means(Carrier::Struct, json))?;
                self.is_postgres |= full == "io.debezium.connector.postgresql.Source";
                self.named.insert(full, at);
                let mut fields = Vec::new();
                for field in json["fields"].as_array().ok_or("a record has no fields")? {
                    let name = field["name"].as_str().ok_or("a field has no name")?.to_owned();
                    let role = Role::of(name.as_bytes());
                    let node = self.node(&field["type"], &inner)?;
                    fields.push(RecordField { name, node, role });
                }
                self.nodes[at] = Node::Record(fields);
                Ok(at)
            }
            "enum" => {
                let symbols = json["symbols"].as_array().ok_or("an enum has no symbols")?;
                let symbols = symbols
                    .iter()
                    .filter_map(|symbol| symbol.as_str().map(str::to_owned))
                    .collect();
                let at = self.add(Node::Enum(symbols), means(Carrier::Text, json))?;
                self.named.insert(full_name(json, namespace)?.0, at);
                Ok(at)
            }
            "fixed" => {
                let size = json["size"].as_u64().and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or("a fixed has no size")?;
                let at = self.add(Node::Fixed(size), means(Carrier::Bytes, json))?;
                self.named.insert(full_name(json, namespace)?.0, at);
                Ok(at)
            }
            "array" => {
                let items = self.node(&json["items"], namespace)?;
                self.add(Node::Array(items), Means::Untold)
            }
            "map" => {
                let values = self.node(&json["values"], namespace)?;
                let is_text = |node: usize| matches!(self.nodes[node], Node::Text | Node::Null);
                let of_texts = match &self.nodes[values] {
                    Node::Union(branches) => branches.iter().all(|&branch| is_text(branch)),
                    _ => is_text(values),
                };
                self.add(Node::Map(values), means(Carrier::Map(of_texts), json))
            }
            _ => self.simple(kind, json, namespace),
        }
    }

    fn simple(&mut self, name: &str, json: &Json, namespace: &str) -> Result<usize, String> {
        let (node, carrier) = match name {
            "null" => return self.add(Node::Null, Means::Untold),
            "boolean" => (Node::Bool, Carrier::Bool),
            "int" => {
                let bits = match json["connect.type"].as_str() {
                    Some("int8") => 8,
                    Some("int16") => 16,
                    _ => 32,
                };
                (Node::Int, Carrier::Int(bits))
            }
            "long" => (Node::Int, Carrier::Int(64)),
            "float" => (Node::Float, Carrier::Float4),
            "double" => (Node::Double, Carrier::Float8),
            "bytes" => (Node::Bytes, Carrier::Bytes),
            "string" => (Node::Text, Carrier::Text),
            _ => {
                let full =
                    if name.contains('.') { name.to_owned() } else { within(namespace, name) };
                let found = self.named.get(&full).or_else(|| self.named.get(name)).copied();
                return found.ok_or_else(|| format!("it has no type {name}"));
            }
        };
        self.add(node, means(carrier, json))
    }
}

fn within(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}

/// The full name, and the namespace of what is inside.
fn full_name(json: &Json, namespace: &str) -> Result<(String, String), String> {
    let name = json["name"].as_str().ok_or("a named type has no name")?;
    if let Some((inner, _)) = name.rsplit_once('.') {
        return Ok((name.to_owned(), inner.to_owned()));
    }
    let inner = json["namespace"].as_str().unwrap_or(namespace);
    Ok((within(inner, name), inner.to_owned()))
}

/// By Connect's name, or by Avro's own logical type.
fn means(carrier: Carrier, json: &Json) -> Means {
    let parameter = |name: &str| {
        let said = &json["connect.parameters"][name];
        said.as_str().and_then(|text| text.parse::<i64>().ok()).or_else(|| said.as_i64())
    };
    let own = |name: &str| json[name].as_i64();
    let mut with = Parameters {
        scale: parameter("scale").or(own("scale")).and_then(|scale| i32::try_from(scale).ok()),
        precision: parameter("connect.decimal.precision").and_then(|digits| digits.try_into().ok()),
        length: parameter("length").and_then(|bits| u32::try_from(bits).ok()),
    };
    let name = json["connect.name"].as_str().unwrap_or_default();
    let name = match json["logicalType"].as_str() {
        Some(logical) if name.is_empty() => {
            if logical == "decimal" {
                with.precision = own("precision").and_then(|digits| digits.try_into().ok());
            }
            match logical {
                "decimal" => "org.apache.kafka.connect.data.Decimal",
                "date" => "io.debezium.time.Date",
                "timestamp-millis" | "local-timestamp-millis" => "io.debezium.time.Timestamp",
                "timestamp-micros" | "local-timestamp-micros" => "io.debezium.time.MicroTimestamp",
                "time-millis" => "io.debezium.time.Time",
                "time-micros" => "io.debezium.time.MicroTime",
                "uuid" => "io.debezium.data.Uuid",
                _ => "",
            }
        }
        _ => name,
    };
    Means::of(carrier, name, &with)
}
