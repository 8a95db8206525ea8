//! Whether a default is computed once, or row by row.
//!
//! One that is not volatile is computed when the column is added, and kept beside the table: no row is
//! touched. A volatile one writes the table anew, and its values are in no log.

use crate::catalog::Catalog;
use crate::names;
use pg_query::NodeEnum;
use pg_query::protobuf::Node;

/// Built-in functions that a default may well call, and that are not volatile. (A function that is
/// not known counts as volatile, which is what CREATE FUNCTION makes.)
const STEADY: [&str; 59] = [
    "abs",
    "age",
    "array_append",
    "array_cat",
    "array_fill",
    "array_prepend",
    "ceil",
    "ceiling",
    "char_length",
    "chr",
    "coalesce",
    "concat",
    "concat_ws",
    "current_database",
    "current_schema",
    "current_setting",
    "date_part",
    "date_trunc",
    "decode",
    "encode",
    "extract",
    "floor",
    "format",
    "greatest",
    "int4range",
    "int8range",
    "json_build_array",
    "json_build_object",
    "json_object",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_object",
    "least",
    "left",
    "length",
    "lower",
    "lpad",
    "make_date",
    "make_interval",
    "make_timestamptz",
    "md5",
    "now",
    "numrange",
    "point",
    "power",
    "repeat",
    "replace",
    "right",
    "round",
    "row_to_json",
    "rpad",
    "statement_timestamp",
    "substr",
    "timezone",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_timestamp",
];
const STEADY_TOO: [&str; 9] = [
    "transaction_timestamp",
    "trim",
    "btrim",
    "trunc",
    "tstzrange",
    "txid_current",
    "upper",
    "pg_current_xact_id",
    "daterange",
];

/// The first function that may give each row another value.
pub(crate) fn volatile(expression: &Node, catalog: &Catalog) -> Option<String> {
    let node = expression.node.as_ref()?;
    let of = |node: &Option<Box<Node>>| node.as_deref().and_then(|node| volatile(node, catalog));
    let all = |nodes: &[Node]| nodes.iter().find_map(|node| volatile(node, catalog));
    match node {
        NodeEnum::AConst(_) | NodeEnum::SqlvalueFunction(_) | NodeEnum::ColumnRef(_) => None,
        NodeEnum::TypeCast(cast) => of(&cast.arg),
        NodeEnum::CollateClause(clause) => of(&clause.arg),
        NodeEnum::AExpr(expression) => of(&expression.lexpr).or_else(|| of(&expression.rexpr)),
        NodeEnum::BoolExpr(expression) => all(&expression.args),
        NodeEnum::NullTest(test) => of(&test.arg),
        NodeEnum::BooleanTest(test) => of(&test.arg),
        NodeEnum::AArrayExpr(array) => all(&array.elements),
        NodeEnum::List(list) => all(&list.items),
        NodeEnum::RowExpr(row) => all(&row.args),
        NodeEnum::CoalesceExpr(coalesce) => all(&coalesce.args),
        NodeEnum::MinMaxExpr(extreme) => all(&extreme.args),
        NodeEnum::CaseExpr(case) => {
            of(&case.arg).or_else(|| all(&case.args)).or_else(|| of(&case.defresult))
        }
        NodeEnum::CaseWhen(when) => of(&when.expr).or_else(|| of(&when.result)),
        NodeEnum::FuncCall(call) => {
            let (schema, name) = names::parts(&call.funcname);
            let builtin = schema.is_none_or(|schema| schema == "pg_catalog");
            let steady = [&STEADY[..], &STEADY_TOO].iter().any(|list| list.contains(&&name[..]));
            match builtin && steady || catalog.is_steady(&name) {
                true => all(&call.args),
                false => Some(name),
            }
        }
        _ => Some("an expression".to_owned()),
    }
}
