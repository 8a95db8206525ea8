//! What dashboards and alert rules have to be to be read by Grafana and by the page alike: asked of the shop's own, and
//! of those that `init` writes.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/shop");
const TYPES: [&str; 16] = [
    "barchart",
    "bargauge",
    "gauge",
    "heatmap",
    "histogram",
    "logs",
    "millrace-funnel-panel",
    "millrace-retention-panel",
    "piechart",
    "row",
    "stat",
    "state-timeline",
    "status-history",
    "table",
    "text",
    "timeseries",
];
/// Of Grafana's units those that the page has a format for.
const UNITS: [&str; 16] = [
    "bool",
    "bytes",
    "currencyEUR",
    "currencyUSD",
    "dateTimeAsIso",
    "dateTimeFromNow",
    "decbytes",
    "dtdurationms",
    "ms",
    "none",
    "percent",
    "percentunit",
    "reqps",
    "s",
    "short",
    "string",
];

/// Names without their folder, and texts.
pub(crate) type Files = BTreeMap<String, String>;

pub(crate) fn files(folder: &Path) -> Files {
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(read).collect()
}

#[test]
fn the_shops_dashboards_and_rules_are_sound() {
    let folder = |name: &str| files(&Path::new(SHOP).join(name));
    let dashboards = assert_dashboards(&folder("dashboards"), "shop-");
    assert_eq!(dashboards.len(), 5);
    let rules = assert_rules(&folder("alerting"), &dashboards);
    assert!(rules.len() >= 12, "{rules:?}");
    assert_schemas(&Path::new(SHOP).join("dashboards"));
}

/// Against the schemas that Grafana publishes, where a checkout of them is given.
pub(crate) fn assert_schemas(folder: &Path) {
    let Ok(schemas) = std::env::var("MILLRACE_FSDK") else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/check-dashboards.py");
    let ran =
        Command::new("python3").args([script, schemas.as_str()]).arg(folder).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
}

/// By uid.
#[track_caller]
pub(crate) fn assert_dashboards(files: &Files, prefix: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for (name, text) in files {
        let dashboard: Value = serde_json::from_str(text).unwrap();
        let plain = serde_json::to_string_pretty(&dashboard).unwrap() + "\n";
        let differ = text.lines().zip(plain.lines()).find(|(found, plain)| found != plain);
        assert!(*text == plain, "{name}: two spaces, and a line's end at its end: {differ:?}");
        let uid = dashboard["uid"].as_str().unwrap().to_owned();
        assert_eq!(Some(uid.as_str()), format!("{prefix}{name}").strip_suffix(".json"));
        let version = dashboard["schemaVersion"].as_u64().unwrap();
        assert!((36..=41).contains(&version), "{name}: {version}");
        assert!(dashboard["title"].as_str().is_some_and(|title| !title.is_empty()), "{name}");
        assert_panels(name, &dashboard);
        assert_sql(name, &dashboard);
        walk(&dashboard, &mut |key, value| match (key, value) {
            ("datasource", source) => {
                assert_eq!(source["uid"], "${datasource}", "{name}");
                assert_eq!(source["type"], grafana::export::SOURCE_TYPE, "{name}");
            }
            ("unit", Value::String(unit)) => {
                assert!(UNITS.contains(&unit.as_str()), "{name}: {unit}")
            }
            ("properties", Value::Array(properties)) => {
                for property in properties.iter().filter(|property| property["id"] == "unit") {
                    assert!(
                        UNITS.contains(&property["value"].as_str().unwrap()),
                        "{name}: {property}"
                    );
                }
            }
            _ => {}
        });
        found.insert(uid, dashboard);
    }
    let tags: BTreeSet<&str> = found
        .values()
        .flat_map(|dashboard| dashboard["tags"].as_array().unwrap())
        .filter_map(Value::as_str)
        .collect();
    for (uid, dashboard) in &found {
        walk(dashboard, &mut |key, value| {
            if key != "links" {
                return;
            }
            for link in value.as_array().unwrap() {
                let url = link["url"].as_str().unwrap_or_default();
                match url.strip_prefix("/d/") {
                    Some(to) => {
                        let to = to.split(['/', '?']).next().unwrap();
                        assert!(found.contains_key(to), "{uid}: {url}");
                    }
                    None if link["type"] == "dashboards" => {
                        let wanted = link["tags"].as_array().unwrap();
                        assert!(
                            !wanted.is_empty()
                                && wanted.iter().all(|tag| tags.contains(tag.as_str().unwrap()))
                        );
                    }
                    None => panic!("{uid}: {link}"),
                }
            }
        });
    }
    found
}

/// Their ids, titles, types, and where they stand.
#[track_caller]
fn assert_panels(name: &str, dashboard: &Value) {
    let mut ids = BTreeSet::new();
    let (mut taken, mut bottom) = (BTreeSet::new(), 0);
    for panel in grafana::dashboard::panels(dashboard) {
        let (kind, title) = (panel["type"].as_str().unwrap(), panel["title"].as_str().unwrap());
        assert!(
            ids.insert(panel["id"].as_u64().unwrap()),
            "{name}: the id of {title} is there twice"
        );
        assert!(TYPES.contains(&kind), "{name}: {kind}");
        let is_told = |key: &str| panel[key].as_str().is_some_and(|text| !text.is_empty());
        assert!(is_told("title") && (kind == "row" || is_told("description")), "{name}: {title}");
        let side = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        assert!(side("x") + side("w") <= 24 && side("w") > 0 && side("h") > 0, "{name}: {title}");
        bottom = bottom.max(side("y") + side("h"));
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "{name}: {title} stands on another panel");
            }
        }
    }
    assert_eq!(taken.len() as u64, 24 * bottom, "{name}: there is a hole");
}

/// Every macro and variable is known, and no value becomes SQL.
#[track_caller]
fn assert_sql(name: &str, dashboard: &Value) {
    let list = dashboard["templating"]["list"].as_array().unwrap();
    let mut texts: Vec<String> = Vec::new();
    walk(dashboard, &mut |key, value| {
        if ["rawSql", "query", "definition"].contains(&key) {
            texts.extend(value.as_str().filter(|text| text.contains(' ')).map(str::to_owned));
        }
    });
    for sql in texts {
        for variable in list {
            let own = variable["name"].as_str().unwrap();
            if variable["multi"] == true {
                let quoted = format!("IN (${{{own}:singlequote}})");
                let rest = sql.replace(&quoted, "").replace(&format!(", ${own})"), "");
                assert!(
                    !rest.contains(&format!("${own}")) && !rest.contains(&format!("${{{own}")),
                    "{name}: {sql}"
                );
            }
        }
        for is_all in [true, false] {
            let expanded =
                expand(&sql, list, is_all).unwrap_or_else(|error| panic!("{name}: {error}\n{sql}"));
            assert!(!expanded.contains('$'), "{name}: nobody knows what this is\n{expanded}");
        }
    }
}

fn expand(sql: &str, list: &[Value], is_all: bool) -> model::Result<String> {
    let value = |variable: &Value| {
        let one = |value: &str| grafana::Value { all: is_all, ..grafana::Value::one(value) };
        (variable["name"].as_str().unwrap().to_owned(), one("it's 'one'"))
    };
    let variables =
        grafana::Variables { chosen: list.iter().map(value).collect(), authored: BTreeMap::new() };
    let range = grafana::Range {
        from_ms: 1_700_000_000_000,
        to_ms: 1_700_003_600_000,
        interval_ms: 10_000,
    };
    grafana::expand(sql, &range, &variables)
}

/// Uids of rules.
#[track_caller]
pub(crate) fn assert_rules(
    files: &Files,
    dashboards: &BTreeMap<String, Value>,
) -> BTreeSet<String> {
    let documents: Vec<Value> = files
        .iter()
        .map(|(name, text)| {
            serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"))
        })
        .collect();
    let all = |key: &str| -> Vec<&Value> {
        documents.iter().filter_map(|document| document[key].as_array()).flatten().collect()
    };
    assert!(documents.iter().all(|document| document["apiVersion"] == 1));
    let mut uids = BTreeSet::new();
    for rule in all("groups").into_iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        let uid = rule["uid"].as_str().unwrap();
        assert!(uids.insert(uid.to_owned()), "{uid} is there twice");
        for label in ["severity", "team"] {
            assert!(rule["labels"][label].is_string(), "{uid}: {label}");
        }
        for annotation in ["summary", "description"] {
            assert!(rule["annotations"][annotation].is_string(), "{uid}: {annotation}");
        }
        let data = rule["data"].as_array().unwrap();
        assert!(
            data.iter().any(|query| query["refId"] == rule["condition"]),
            "{uid}: its condition"
        );
        for query in data {
            assert_eq!(query["refId"], query["model"]["refId"], "{uid}");
            let source = query["datasourceUid"].as_str().unwrap();
            assert!(["millrace", "__expr__"].contains(&source), "{uid}: {source}");
            assert_eq!(query["model"]["datasource"]["uid"], source, "{uid}");
            if let Some(sql) = query["model"]["rawSql"].as_str() {
                let expanded = expand(sql, &[], true).unwrap();
                assert!(!expanded.contains('$'), "{uid}: a rule knows no variable\n{expanded}");
            }
        }
        let to = dashboards.get(rule["dashboardUid"].as_str().unwrap());
        let to = to.unwrap_or_else(|| panic!("{uid}: {}", rule["dashboardUid"]));
        let is_it = |panel: &Value| panel["id"] == rule["panelId"];
        assert!(grafana::dashboard::panels(to).any(is_it), "{uid}: panel {}", rule["panelId"]);
    }
    let names = |key: &str| -> BTreeSet<&str> {
        all(key).into_iter().filter_map(|one| one["name"].as_str()).collect()
    };
    let (points, times) = (names("contactPoints"), names("muteTimes"));
    for point in all("contactPoints") {
        assert!(!point["receivers"].as_array().unwrap().is_empty(), "{point}");
    }
    let mut routes = all("policies");
    while let Some(route) = routes.pop() {
        assert!(points.contains(route["receiver"].as_str().unwrap()), "{route}");
        let muted = route["mute_time_intervals"].as_array().into_iter().flatten();
        assert!(muted.into_iter().all(|name| times.contains(name.as_str().unwrap())), "{route}");
        routes.extend(route["routes"].as_array().into_iter().flatten());
    }
    uids
}

fn walk(value: &Value, see: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| walk(value, see)),
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            see(key, value);
            walk(value, see);
        }),
        _ => {}
    }
}

/// What a reader wants to know of them: variables, panels, where they stand, what they ask; and the rules' SQL.
pub(crate) fn digest(dashboards: &BTreeMap<String, Value>, rules: &str) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let indented = |sql: &Value| format!("      {}\n", text(sql).replace('\n', "\n      "));
    let mut told = String::new();
    for (uid, dashboard) in dashboards {
        told += &format!("# {uid}: {} {}\n\n", text(&dashboard["title"]), dashboard["tags"]);
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            told += &format!("  ${}\n{}", text(&variable["name"]), indented(&variable["query"]));
        }
        for panel in dashboard["panels"].as_array().unwrap() {
            let at = |side: &str| panel["gridPos"][side].to_string();
            let place = [at("x"), at("y"), at("w"), at("h")].join(" ");
            told += &format!(
                "  {} {} [{place}] {}\n",
                panel["id"],
                text(&panel["type"]),
                text(&panel["title"])
            );
            told += &format!("    {}\n", text(&panel["description"]));
            for target in panel["targets"].as_array().into_iter().flatten() {
                told += &indented(&target["rawSql"]);
            }
        }
        told.push('\n');
    }
    told + "# rules.yaml\n\n" + rules
}
