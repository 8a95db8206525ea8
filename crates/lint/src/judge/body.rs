//! DO blocks: the statements in them are judged like any others. What a block puts together at run
//! time can be read by nobody beforehand.

use super::{Context, judge as judge_statement};
use crate::finding::{Finding, Level};
use crate::grammar::{Parsed, parse};
use crate::names;
use pg_query::NodeEnum;
use pg_query::protobuf::DoStmt;
use serde_json::Value;

/// Deeper than anybody nests blocks.
const DEPTH_MAX: usize = 64;

pub(super) fn judge(block: &DoStmt, context: Context<'_>) -> Vec<Finding> {
    let language = names::option(&block.args, "language").unwrap_or_else(|| "plpgsql".into());
    let body = body(block);
    let (Some(body), "plpgsql") = (body, language.as_str()) else { return vec![unread()] };
    let mut tag = "$millrace$".to_owned();
    while body.contains(&tag) {
        tag.insert(1, 'x');
    }
    let Ok(tree) = pg_query::parse_plpgsql(&format!("DO {tag}{body}{tag}")) else {
        return vec![unread()];
    };
    let mut found = Vec::new();
    collect(&tree, &mut found, DEPTH_MAX);
    let mut findings = Vec::new();
    for statement in found {
        match statement {
            Inner::Fixed(sql) => match parse(&sql) {
                // A block inside of a block is dynamic SQL's way to hide.
                Ok(Parsed::Statement(node)) if !matches!(*node, NodeEnum::DoStmt(_)) => {
                    findings.extend(judge_statement(&node, context));
                }
                _ => findings.push(unread()),
            },
            Inner::Dynamic => findings.push(
                Finding::new("dynamic_sql", "a block puts a statement together when it runs")
                    .mirror(Level::Plan, "what it will be cannot be read here")
                    .instead("write the statement itself, or look at what the block would run"),
            ),
        }
    }
    if findings.is_empty() {
        findings.push(Finding::new("block", "a block that changes nothing by itself"));
    }
    findings
}

fn body(block: &DoStmt) -> Option<String> {
    let text = names::option(&block.args, "as")?;
    (!text.is_empty()).then_some(text)
}

fn unread() -> Finding {
    Finding::new("unread", "a block that cannot be read here")
        .mirror(Level::Plan, "what it does is not known")
}

enum Inner {
    Fixed(String),
    Dynamic,
}

fn collect(tree: &Value, found: &mut Vec<Inner>, depth: usize) {
    if depth == 0 {
        found.push(Inner::Dynamic);
        return;
    }
    match tree {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found, depth - 1)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "PLpgSQL_stmt_execsql" => found.extend(query(&value["sqlstmt"], Inner::Fixed)),
                    "PLpgSQL_stmt_perform" => found.extend(query(&value["expr"], Inner::Fixed)),
                    "PLpgSQL_stmt_dynexecute" => {
                        found.extend(query(&value["query"], |text| constant(&text)));
                    }
                    _ => collect(value, found, depth - 1),
                }
            }
        }
        _ => {}
    }
}

fn query(expression: &Value, of: impl Fn(String) -> Inner) -> Option<Inner> {
    expression["PLpgSQL_expr"]["query"].as_str().map(|text| of(text.to_owned()))
}

/// `EXECUTE 'ALTER TABLE …'`.
fn constant(expression: &str) -> Inner {
    let Ok(Parsed::Statement(node)) = parse(&format!("SELECT {expression}")) else {
        return Inner::Dynamic;
    };
    let NodeEnum::SelectStmt(select) = *node else { return Inner::Dynamic };
    let target = match select.target_list.first().and_then(|node| node.node.as_ref()) {
        Some(NodeEnum::ResTarget(target)) => target.val.as_deref(),
        _ => None,
    };
    match target.map(|node| (node.node.as_ref(), names::value(node))) {
        Some((Some(NodeEnum::AConst(_)), text)) if !text.is_empty() => Inner::Fixed(text),
        _ => Inner::Dynamic,
    }
}
