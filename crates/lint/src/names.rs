//! Names out of the grammar's trees.

use model::TableName;
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, RangeVar};

/// A name list's last part and, if it has one, the part before it: `public.orders`.
pub(crate) fn parts(names: &[Node]) -> (Option<String>, String) {
    let mut texts: Vec<String> = names.iter().filter_map(text).collect();
    let last = texts.pop().unwrap_or_default();
    (texts.pop(), last)
}

/// The text of a String node.
pub(crate) fn text(node: &Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::String(text) => Some(text.sval.clone()),
        _ => None,
    }
}

pub(crate) fn strings(nodes: &[Node]) -> Vec<String> {
    nodes.iter().filter_map(text).collect()
}

/// A relation as it is written; `schema` is where names without one are.
pub(crate) fn table(relation: &RangeVar, schema: &str) -> TableName {
    let schema = match relation.schemaname.as_str() {
        "" if relation.relpersistence == "t" => TEMPORARY,
        "" => schema,
        named => named,
    };
    TableName::new(schema, relation.relname.as_str())
}

pub(crate) const TEMPORARY: &str = "pg_temp";

/// A dotted name in a list of objects: DROP TABLE's.
pub(crate) fn listed(object: &Node, schema: &str) -> Option<TableName> {
    match object.node.as_ref()? {
        NodeEnum::List(list) => {
            let (named, table) = parts(&list.items);
            Some(TableName::new(named.as_deref().unwrap_or(schema), table))
        }
        NodeEnum::RangeVar(relation) => Some(table(relation, schema)),
        NodeEnum::String(text) => Some(TableName::new(schema, text.sval.as_str())),
        NodeEnum::TypeName(name) => {
            let (named, table) = parts(&name.names);
            Some(TableName::new(named.as_deref().unwrap_or(schema), table))
        }
        _ => None,
    }
}

/// The option's value as text: `publish = 'insert'`, `concurrently`.
pub(crate) fn option(options: &[Node], name: &str) -> Option<String> {
    options.iter().find_map(|node| match node.node.as_ref()? {
        NodeEnum::DefElem(element) if element.defname.eq_ignore_ascii_case(name) => {
            Some(element.arg.as_ref().map_or_else(|| "true".to_owned(), |arg| value(arg)))
        }
        _ => None,
    })
}

pub(crate) fn is_on(options: &[Node], name: &str) -> bool {
    option(options, name)
        .is_some_and(|value| !matches!(value.as_str(), "false" | "off" | "0" | "no"))
}

/// A constant or a word as text; nothing else has one.
pub(crate) fn value(node: &Node) -> String {
    match node.node.as_ref() {
        Some(NodeEnum::String(text)) => text.sval.clone(),
        Some(NodeEnum::Integer(number)) => number.ival.to_string(),
        Some(NodeEnum::Float(number)) => number.fval.clone(),
        Some(NodeEnum::Boolean(truth)) => truth.boolval.to_string(),
        Some(NodeEnum::TypeName(name)) => parts(&name.names).1,
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().map(value).unwrap_or_default(),
        Some(NodeEnum::AConst(constant)) => match &constant.val {
            Some(pg_query::protobuf::a_const::Val::Sval(text)) => text.sval.clone(),
            Some(pg_query::protobuf::a_const::Val::Ival(number)) => number.ival.to_string(),
            Some(pg_query::protobuf::a_const::Val::Fval(number)) => number.fval.clone(),
            Some(pg_query::protobuf::a_const::Val::Boolval(truth)) => truth.boolval.to_string(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}
