//! The dashboards and alert rules that `init` writes: the shop's own, fitted to the tables that were found.
//!
//! ```text
//! examples/shop/dashboards ─▶ words   its SQL with the user's relations and columns; what has none is left out
//!                             layout  the rest moves together
//! examples/shop/alerting   ─▶ rules   those of the pipe, and those of what was recognised
//! ```
//!
//! So there is one set of panels, and what is better in the shop's is better in these. The files are the user's
//! afterwards: nothing reads them again but the page.

mod layout;
mod phrases;
mod rules;
mod shapes;
mod words;

use crate::talk;
use ::model::words::counted;
use ::model::{Error, Result};
use serde_json::{Value, json};
use shapes::Shown;
pub(super) use shapes::{Fit, Places};
use std::path::Path;
use words::Words;

macro_rules! shop {
    ($path:literal) => {
        include_str!(concat!("../../../../../examples/shop/", $path))
    };
}

const PIPE: &str = shop!("dashboards/pipe.json");
const PULSE: &str = shop!("dashboards/pulse.json");
const PRODUCT: &str = shop!("dashboards/product.json");
const MONEY: &str = shop!("dashboards/money.json");
const RULES: &str = shop!("alerting/rules.yaml");

/// A dashboard, and the tables that its panels are about.
struct Board {
    uid: String,
    text: String,
    dashboard: Value,
    of: Vec<String>,
}

/// Beside `millrace.toml`; what is there stays as it is.
pub(super) fn write(dir: &Path, fit: &Fit) -> Result<()> {
    let boards = boards(fit)?;
    let mut files: Vec<(String, String)> = Vec::new();
    for board in &boards {
        files.push((format!("dashboards/{}.json", board.uid), board.text.clone()));
    }
    let (rules, count) = rules::rules(fit, &boards);
    files.push(("alerting/rules.yaml".to_owned(), rules));
    files.push(("alerting/contact-points.yaml".to_owned(), rules::CONTACT_POINTS.to_owned()));
    files.push(("alerting/policies.yaml".to_owned(), rules::POLICIES.to_owned()));
    let mut written = Vec::new();
    for (name, text) in &files {
        let path = dir.join(name);
        if path.exists() {
            talk::say(format!("{} is there, and stays as it is", path.display()));
            continue;
        }
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&path, text)).map_err(|error| {
            Error::definite(format!("cannot write {}", path.display())).source(error)
        })?;
        written.push(name.as_str());
    }
    for folder in ["dashboards", "alerting"] {
        if written.iter().any(|name| name.starts_with(folder)) {
            talk::print(&format!("{}/\n", dir.join(folder).display()))?;
        }
    }
    let is_written =
        |board: &&Board| written.contains(&format!("dashboards/{}.json", board.uid).as_str());
    say(
        boards.iter().filter(is_written),
        written.contains(&"alerting/rules.yaml").then_some(count),
    );
    Ok(())
}

fn say<'a>(boards: impl Iterator<Item = &'a Board>, rules: Option<u64>) {
    let told: Vec<String> = boards
        .map(|board| match board.of.is_empty() {
            true => board.uid.clone(),
            false => format!("{} (of {})", board.uid, talk::plain(&board.of.join(", "))),
        })
        .collect();
    if !told.is_empty() {
        talk::say(format!("dashboards: {}", told.join(", ")));
    }
    if let Some(rules) = rules {
        talk::say(format!(
            "alerting: {}, shown on the page; contact-points.yaml says how somebody is told",
            counted(rules, "rule")
        ));
    }
}

fn boards(fit: &Fit) -> Result<Vec<Board>> {
    let (events, orders) = (fit.events.as_ref(), fit.orders.as_ref());
    let subscriptions = fit.subscriptions.as_ref();
    let size = |shown: &'_ Shown| shown.size.clone().unwrap_or_default();
    let pipe = vec![(None, events.map(size).unwrap_or_default())];
    let live = |shown: Option<&Shown>| {
        let words = shown.and_then(|shown| Some((Some(shown.table.clone()), shown.live.clone()?)));
        words.into_iter()
    };
    let mart = |shown: Option<&Shown>| {
        shown.map(|shown| (Some(shown.table.clone()), shown.mart.clone())).into_iter()
    };
    let pulse: Vec<_> =
        live(events).chain(live(orders)).chain([(None, Words::default())]).collect();
    let product: Vec<_> = mart(events).collect();
    let money: Vec<_> = mart(orders).chain(mart(subscriptions)).collect();
    let templates = [
        (PIPE, pipe, true),
        (PULSE, pulse, false),
        (PRODUCT, product, false),
        (MONEY, money, false),
    ];
    let mut boards = Vec::new();
    for (template, words, always) in templates {
        let template = grafana::dashboard::read(template)?;
        let board = board(template, &words, fit)?;
        boards.extend(Some(board).filter(|board| always || !board.of.is_empty()));
    }
    Ok(boards)
}

/// `words`: those of each table, the first that fit a panel are taken.
fn board(mut board: Value, words: &[(Option<String>, Words)], fit: &Fit) -> Result<Board> {
    let mut of: Vec<String> = Vec::new();
    let panels = array(&mut board, "/panels").map(std::mem::take).unwrap_or_default();
    let fitted: Vec<(Value, bool)> = panels
        .into_iter()
        .map(|panel| {
            match words.iter().find_map(|(table, words)| Some((table, with(&panel, words)?))) {
                Some((table, fitted)) => {
                    let is_asked =
                        fitted["targets"].as_array().is_some_and(|targets| !targets.is_empty());
                    of.extend(table.clone().filter(|table| is_asked && !of.contains(table)));
                    (fitted, true)
                }
                None => (panel, false),
            }
        })
        .collect();
    let (panels, keeps): (Vec<Value>, Vec<bool>) = fitted.into_iter().unzip();
    board["panels"] = Value::Array(layout::flow(panels, &keeps));
    let annotations =
        kept(&board["annotations"]["list"], |one| with_sql(one, "/target/rawSql", words));
    board["annotations"]["list"] = annotations;
    board["templating"]["list"] = variables(&board, words, fit);
    let uid = board["uid"].as_str().unwrap_or_default().trim_start_matches("shop-").to_owned();
    board["uid"] = json!(uid);
    board["tags"] = json!(["millrace"]);
    for link in array(&mut board, "/links").into_iter().flatten() {
        link["tags"] = json!(["millrace"]);
    }
    phrases::put_in(&mut board, fit);
    let text = serde_json::to_string_pretty(&board)
        .map_err(|error| Error::bug("cannot write a dashboard").source(error))?;
    Ok(Board { uid, text: text + "\n", dashboard: board, of })
}

/// A panel that asks the user's tables; `None`: something that it asks for is not there.
fn with(panel: &Value, words: &Words) -> Option<Value> {
    let mut fitted = panel.clone();
    let mut asked = String::new();
    for target in array(&mut fitted, "/targets").into_iter().flatten() {
        let sql = words.fit(target["rawSql"].as_str()?)?;
        asked += &sql;
        target["rawSql"] = json!(sql);
    }
    // Those of columns that there are no more.
    if let Some(overrides) = array(&mut fitted, "/fieldConfig/overrides") {
        let is_there = |one: &Value| {
            let is_name = one["matcher"]["id"] == "byName";
            one["matcher"]["options"].as_str().is_none_or(|name| !is_name || asked.contains(name))
        };
        overrides.retain(is_there);
    }
    Some(fitted)
}

fn with_sql(one: &Value, pointer: &str, words: &[(Option<String>, Words)]) -> Option<Value> {
    let mut one = one.clone();
    let sql = one.pointer(pointer)?.as_str()?.to_owned();
    *one.pointer_mut(pointer)? = json!(words.iter().find_map(|(_, words)| words.fit(&sql))?);
    Some(one)
}

fn kept(list: &Value, fit: impl Fn(&Value) -> Option<Value>) -> Value {
    Value::Array(list.as_array().into_iter().flatten().filter_map(fit).collect())
}

/// Those that something asks for.
fn variables(board: &Value, words: &[(Option<String>, Words)], fit: &Fit) -> Value {
    let targets = board["panels"].as_array().into_iter().flatten();
    let targets = targets.filter_map(|panel| panel["targets"].as_array()).flatten();
    let asked: Vec<&str> = targets.filter_map(|target| target["rawSql"].as_str()).collect();
    let is_asked = |name: &str| asked.iter().any(|sql| sql.contains(&format!("${{{name}:")));
    let mut variables: Vec<Value> = Vec::new();
    for variable in board["templating"]["list"].as_array().into_iter().flatten() {
        let Some(mut query) = variable["query"].as_str().filter(|_| variable["type"] == "query")
        else {
            variables.push(variable.clone());
            continue;
        };
        let fitted = words.iter().find_map(|(_, words)| words.fit(query));
        if is_asked(variable["name"].as_str().unwrap_or_default())
            && let Some(fitted) = &fitted
        {
            query = fitted;
            let mut variable = variable.clone();
            (variable["query"], variable["definition"]) = (json!(query), json!(query));
            variables.push(variable);
        }
    }
    let currencies = [&fit.orders, &fit.subscriptions].into_iter().flatten();
    let currencies = currencies.filter_map(|shown| shown.currencies.as_deref()).next();
    let mut own =
        vec![("currency".to_owned(), "Currency", "Sums are of one currency.", currencies)];
    let steps = fit.events.iter().flat_map(|shown| &shown.steps);
    for ((step, label), number) in steps.zip(["First step", "Then", "And then"]).zip(1..) {
        own.push((
            format!("step_{number}"),
            label,
            "What the funnel counts, in this order.",
            Some(step),
        ));
    }
    for (name, label, about, query) in own {
        if let Some(query) = query.filter(|_| is_asked(&name)) {
            variables.push(variable(&name, label, about, query));
        }
    }
    Value::Array(variables)
}

/// One value of those that a query gives, the first to begin with.
fn variable(name: &str, label: &str, about: &str, query: &str) -> Value {
    json!({
        "type": "query",
        "name": name,
        "label": label,
        "description": about,
        "datasource": {"type": grafana::export::SOURCE_TYPE, "uid": "${datasource}"},
        "definition": query,
        "hide": 0,
        "includeAll": false,
        "multi": false,
        "options": [],
        "query": query,
        "refresh": 1,
        "regex": "",
        "skipUrlSync": false,
        "sort": 0,
    })
}

/// To put something into `value[key]` makes it, if it is not there.
fn array<'a>(value: &'a mut Value, pointer: &str) -> Option<&'a mut Vec<Value>> {
    value.pointer_mut(pointer)?.as_array_mut()
}
