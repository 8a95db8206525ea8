//! A dashboard's file, in so far as the server has to know it: what it is called, and which values its author
//! wrote down. Everything else is the page's.

use model::{Error, Result};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What a list of dashboards shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub uid: String,
    pub title: String,
    pub description: String,
    pub tags: Vec<String>,
    /// Those in rows too, the rows not.
    pub panels: usize,
}

/// Reads a file's text. Grafana's exports for sharing have the dashboard as it is, those of its API one level deeper.
pub fn read(text: &str) -> Result<Json> {
    let mut whole: Json = serde_json::from_str(text).map_err(|error| {
        Error::definite(format!("cannot read it as JSON: {error}"))
            .hint("a dashboard's file is what Grafana's Export gives")
    })?;
    if let Some(inner) = whole.get_mut("dashboard").filter(|inner| inner.is_object()) {
        whole = inner.take();
    }
    if whole.get("elements").is_some() || whole.get("apiVersion").is_some() {
        return Err(Error::definite("cannot read a dashboard of Grafana's v2 schema")
            .hint("export it as classic JSON: Export, then the model Classic"));
    }
    let has =
        |key: &str| whole.get(key).and_then(Json::as_str).is_some_and(|text| !text.is_empty());
    if !whole.is_object() || !has("title") {
        return Err(Error::definite("cannot read it as a dashboard: it has no title"));
    }
    Ok(whole)
}

pub fn summary(dashboard: &Json, file_name: &str) -> Summary {
    let text = |key: &str| dashboard.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let uid = match text("uid") {
        uid if uid.is_empty() => file_name.trim_end_matches(".json").to_owned(),
        uid => uid,
    };
    let tags = dashboard.get("tags").and_then(Json::as_array).into_iter().flatten();
    Summary {
        uid,
        title: text("title"),
        description: text("description"),
        tags: tags.filter_map(Json::as_str).map(str::to_owned).collect(),
        panels: panels(dashboard).filter(|panel| panel["type"] != "row").count(),
    }
}

/// Also those in collapsed rows.
pub fn panels(dashboard: &Json) -> impl Iterator<Item = &Json> {
    let top = dashboard.get("panels").and_then(Json::as_array).into_iter().flatten();
    top.flat_map(|panel| {
        let nested = panel.get("panels").and_then(Json::as_array).into_iter().flatten();
        std::iter::once(panel).chain(nested)
    })
}

/// By variable: the values that stand in the file, of those whose values only the file has.
pub fn authored(dashboard: &Json) -> BTreeMap<String, BTreeSet<String>> {
    let list = dashboard.pointer("/templating/list").and_then(Json::as_array);
    let known = |variable: &Json| {
        let name = variable.get("name")?.as_str()?.to_owned();
        let all = variable.get("allValue").and_then(Json::as_str).filter(|value| !value.is_empty());
        let own = match variable.get("type")?.as_str()? {
            "custom" | "interval" | "constant" => values(variable),
            _ => BTreeSet::new(),
        };
        Some((name, own.into_iter().chain(all.map(str::to_owned)).collect()))
    };
    list.into_iter().flatten().filter_map(known).collect()
}

/// `a, b : c, d\,e`: values, some of them behind a text of their own.
fn values(variable: &Json) -> BTreeSet<String> {
    let query = variable.get("query").and_then(Json::as_str).unwrap_or_default();
    let options = variable.get("options").and_then(Json::as_array).into_iter().flatten();
    let options = options.filter_map(|option| option.get("value")?.as_str()).map(str::to_owned);
    let mut parts = vec![String::new()];
    let mut characters = query.chars().peekable();
    while let Some(c) = characters.next() {
        let last = parts.len() - 1;
        match c {
            '\\' if characters.peek() == Some(&',') => parts[last].extend(characters.next()),
            ',' => parts.push(String::new()),
            c => parts[last].push(c),
        }
    }
    let parts = parts.iter().map(|part| match part.split_once(" : ") {
        Some((_, value)) => value.trim().to_owned(),
        None => part.trim().to_owned(),
    });
    let whole = (variable["type"] == "constant").then(|| query.to_owned());
    parts.chain(options).chain(whole).filter(|value| !value.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_file_is_summed_up() {
        let text = json!({"title": "T", "uid": "u", "tags": ["a", 1], "panels": [
            {"type": "row", "panels": [{"type": "stat"}]}, {"type": "table"}]});
        let read = read(&text.to_string()).unwrap();
        let expected = Summary {
            uid: "u".into(),
            title: "T".into(),
            description: String::new(),
            tags: vec!["a".into()],
            panels: 2,
        };
        assert_eq!(summary(&read, "x.json"), expected);
        let wrapped = json!({"meta": {}, "dashboard": {"title": "T"}}).to_string();
        assert_eq!(summary(&super::read(&wrapped).unwrap(), "x.json").uid, "x");
        for bad in ["", "[]", "{}", r#"{"title": ""}"#, r#"{"title": "T", "elements": {}}"#] {
            assert!(super::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_what_the_file_says_may_be_sql() {
        let dashboard = json!({"templating": {"list": [
            {"name": "by", "type": "custom", "query": "Hour : toStartOfHour(t), a\\,b , c", "allValue": ".*"},
            {"name": "free", "type": "textbox", "query": "1; DROP"},
            {"name": "q", "type": "query", "options": [{"value": "x(y)"}], "allValue": "1=1"},
            {"name": "k", "type": "constant", "query": "f(a, b)"}]}});
        let found = authored(&dashboard);
        let set = |values: &[&str]| {
            values.iter().map(|value| (*value).to_owned()).collect::<BTreeSet<_>>()
        };
        assert_eq!(found["by"], set(&["toStartOfHour(t)", "a,b", "c", ".*"]));
        assert_eq!(found["free"], set(&[]));
        assert_eq!(found["q"], set(&["1=1"]));
        assert!(found["k"].contains("f(a, b)"));
    }
}
