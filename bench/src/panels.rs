//! Every panel of the shop's dashboards, asked as the page asks it: how long the slowest takes.
//!
//! ```text
//! seed ─▶ Postgres ─▶ up ─▶ (fifty times as much) ─▶ dbt ─▶ POST /api/query, one panel after the other, N rounds
//!            ▲ the shop's traffic goes on, as in the demo
//! ```
//!
//! A panel has the time range of its dashboard, all values of each variable, and as many points as it has pixels on a
//! wide screen; its clock runs from the first byte of the question to the last of the answer. The range moves on with
//! each question, as the page's does. ClickHouse's query cache is off, as everywhere in Millrace; what it remembers of
//! which granules match a condition is its default, and stays on. dbt's schedules do not run meanwhile.
//!
//! `panels_100m` has all of it fifty times: see [`crate::grown`].

use crate::Plan;
use crate::backlog::finish;
use crate::client::Client;
use crate::record::{Also, BarOn, Record, median};
use crate::{grown, shop};
use cluster::Cluster;
use harness::{Project, Session, Up};
use serde_json::{Value, json};
use std::fmt::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

const EVENTS: u64 = 100_000_000;
/// As the demo's.
const TRAFFIC_INTERVAL: Duration = Duration::from_millis(50);
/// Panels of this minute and the last one have something to show by then.
const TRAFFIC_BEFORE: Duration = Duration::from_secs(125);
const START_MAX: Duration = Duration::from_secs(1200);
/// Of a screen, for the grid's 24 columns.
const PIXELS: u64 = 1900;
const SLOWEST_SHOWN: usize = 5;

pub(crate) fn at_2m(plan: &Plan) -> Record {
    let cluster = shop::source(plan.rows(shop::EVENTS_OF_SEED));
    let (project, mut up) = start(plan, &cluster);
    let is_over = AtomicBool::new(false);
    let measured = std::thread::scope(|scope| {
        scope.spawn(|| trade(&cluster.url(), &is_over));
        let _over = Over(&is_over);
        let began = Instant::now();
        dbt(&project, &["run"]);
        measure(plan, &mut up, began)
    });
    finish(up);
    let what = "the slowest panel of the shop's dashboards at 2 M events, one asked at a time";
    measured.record("panels_2m", what, 300.0, Vec::new(), Vec::new())
}

pub(crate) fn at_100m(plan: &Plan) -> Record {
    let began = Instant::now();
    let cluster = shop::source(shop::EVENTS_OF_SEED);
    let seeded: u64 = cluster.sql("select count(*) from events").parse().expect("a number");
    let copies = (plan.rows(EVENTS) as f64 / seeded as f64).round().max(1.0) as u64;
    grown::entities(&cluster, copies);
    let (project, mut up) = start(plan, &cluster);
    dbt(&project, &["run", "--select", "staging", "rollups"]);
    let grown = grown::events(&up, &cluster, copies);
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("  the set is there after {seconds:.0} s");
    let is_over = AtomicBool::new(false);
    let (measured, built) = std::thread::scope(|scope| {
        scope.spawn(|| trade(&cluster.url(), &is_over));
        let _over = Over(&is_over);
        let began = Instant::now();
        dbt(&project, &["run", "--full-refresh", "--select", "marts"]);
        let built = began.elapsed().as_secs_f64();
        eprintln!("  the marts are built after {built:.0} s");
        (measure(plan, &mut up, began), built)
    });
    finish(up);
    let also = |name, figure| Also { name, unit: "s", ours: vec![figure], below: None };
    let also = vec![also("making the set", seconds), also("dbt's marts", built)];
    let mut note = format!(
        "the seed's events {grown} times, copied in the engine; users, orders, lines, refunds and subscriptions \
         {copies} times, copied in Postgres; rollups grown with them, marts built by dbt over all"
    );
    if grown < copies {
        note += ". The disk was too small for more events";
    }
    let what = "the same at 100 M events";
    measured.record("panels_100m", what, 1000.0, also, vec![note])
}

/// The example's project on it, all tables copied.
fn start(plan: &Plan, cluster: &Cluster) -> (Project, Up) {
    cluster.sql(&shop::read("traffic.sql"));
    let project = shop::project(plan, cluster, "");
    let mut up = project.up();
    let began = Instant::now();
    while let Err(why) = up.try_wait_ready() {
        assert!(up.is_running() && began.elapsed() < START_MAX, "{why}");
    }
    (project, up)
}

fn dbt(project: &Project, words: &[&str]) {
    let ran = project.command(&["transform"]).args(words).stdout(Stdio::piped()).output();
    let ran = ran.expect("the binary runs");
    let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(ran.status.success(), "{}", said.concat());
}

/// Ends the traffic, also where the measure breaks down.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The shop's customers.
fn trade(url: &str, is_over: &AtomicBool) {
    let mut session = Session::open(url).expect("the source lets us in");
    let mut next = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        session.run("call shop_traffic()").expect("the shop is open");
        next = Instant::now().max(next + TRAFFIC_INTERVAL);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

struct Board {
    uid: String,
    json: Value,
    range_ms: u64,
}

struct Panel {
    board: usize,
    id: Value,
    name: String,
    targets: Vec<Value>,
    points: u64,
    interval_ms_min: u64,
    millis: Vec<f64>,
    answer: Answer,
}

/// What the last one read and had.
#[derive(Default)]
struct Answer {
    read_rows: u64,
    read_bytes: u64,
    rows: u64,
    /// Of the first query.
    data: Vec<Value>,
}

struct Measured {
    panels: Vec<Panel>,
    /// Of a variable or an annotation, the slowest of each round.
    others: Vec<f64>,
    events: u64,
    load: String,
}

fn measure(plan: &Plan, up: &mut Up, traffic_since: Instant) -> Measured {
    std::thread::sleep(TRAFFIC_BEFORE.saturating_sub(traffic_since.elapsed()));
    let cache = up.query("SELECT value FROM system.settings WHERE name = 'use_query_cache'");
    assert_eq!(cache, "0", "answers of a cache say nothing");
    let boards = boards();
    let mut panels: Vec<Panel> =
        boards.iter().enumerate().flat_map(|(at, board)| panels(at, board)).collect();
    let mut page = Client::connect(up.ui());
    let mut others = Vec::new();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    for _ in 0..plan.rounds {
        let mut slowest = 0.0f64;
        for (at, board) in boards.iter().enumerate() {
            let variables = variables(&mut page, board, &mut slowest);
            for panel in panels.iter_mut().filter(|panel| panel.board == at) {
                let interval_ms =
                    interval_ms(board.range_ms / panel.points).max(panel.interval_ms_min);
                let place = (&panel.id, interval_ms, panel.points);
                let (millis, answer) = ask(&mut page, board, place, &panel.targets, &variables);
                panel.millis.push(millis);
                panel.answer = answer;
            }
            let annotations = board.json["annotations"]["list"].as_array().into_iter().flatten();
            for target in annotations.map(|annotation| &annotation["target"]) {
                if target["rawSql"].is_string() {
                    let asked =
                        ask(&mut page, board, PLAIN, std::slice::from_ref(target), &variables);
                    slowest = slowest.max(asked.0);
                }
            }
        }
        others.push(slowest);
    }
    let events = up.query("SELECT count() FROM analytics.events").parse().expect("a number");
    Measured { panels, others, events, load }
}

/// Of a question that is no panel's.
const PLAIN: (&Value, u64, u64) = (&Value::Null, 1000, 1000);

fn boards() -> Vec<Board> {
    let files = std::fs::read_dir(shop::folder().join("dashboards")).expect("the example is there");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    let board = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).expect("a file");
        let json: Value = serde_json::from_str(&text).expect("a dashboard");
        let uid = json["uid"].as_str().expect("a uid").to_owned();
        assert_eq!(json["time"]["to"], "now", "{uid}");
        let from = json["time"]["from"].as_str().and_then(|from| from.strip_prefix("now-"));
        let range_ms = span_ms(from.expect("a span before now"));
        Board { uid, json, range_ms }
    };
    paths.iter().map(board).collect()
}

/// Those that ask something.
fn panels(at: usize, board: &Board) -> Vec<Panel> {
    let top = board.json["panels"].as_array().expect("panels");
    let all = top.iter().flat_map(|panel| {
        std::iter::once(panel).chain(panel["panels"].as_array().into_iter().flatten())
    });
    let title = board.json["title"].as_str().unwrap_or(&board.uid);
    let panel = |panel: &Value| {
        for own in ["timeFrom", "timeShift", "repeat"] {
            assert!(panel[own].is_null(), "{own} is not known here yet");
        }
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        let pixels = panel["gridPos"]["w"].as_u64().unwrap_or(24) * PIXELS / 24;
        Panel {
            board: at,
            id: panel["id"].clone(),
            name: format!("{title}, {}", panel["title"].as_str().unwrap_or_default()),
            targets: targets.into_iter().filter(|target| target["hide"] != true).collect(),
            points: panel["maxDataPoints"].as_u64().unwrap_or(pixels).max(1),
            interval_ms_min: panel["interval"].as_str().map_or(1000, span_ms),
            millis: Vec::new(),
            answer: Answer::default(),
        }
    };
    all.map(panel).filter(|panel| !panel.targets.is_empty()).collect()
}

/// What is chosen when the dashboard is opened.
fn variables(page: &mut Client, board: &Board, slowest: &mut f64) -> Value {
    let mut chosen = json!({});
    for variable in board.json["templating"]["list"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().expect("a name");
        chosen[name] = match variable["type"].as_str() {
            Some("datasource") => json!({"value": "millrace", "text": "Millrace", "all": false}),
            Some("textbox") => {
                json!({"value": variable["query"], "text": variable["query"], "all": false})
            }
            Some("query") => {
                let query = json!([{"refId": "variable", "rawSql": variable["query"]}]);
                let queries = query.as_array().expect("a list");
                let (millis, answer) = ask(page, board, PLAIN, queries, &chosen);
                *slowest = slowest.max(millis);
                let values: Vec<Value> = answer.data.iter().map(|row| row[0].clone()).collect();
                json!({"value": values, "text": ["All"], "all": true})
            }
            other => panic!("{name}: {other:?} is not known here yet"),
        };
    }
    chosen
}

/// The milliseconds, and what came.
fn ask(
    page: &mut Client,
    board: &Board,
    (panel, interval_ms, points): (&Value, u64, u64),
    targets: &[Value],
    variables: &Value,
) -> (f64, Answer) {
    let query = |target: &Value| json!({"refId": target["refId"], "rawSql": target["rawSql"]});
    let queries: Vec<Value> = targets.iter().map(query).collect();
    let now = UNIX_EPOCH.elapsed().expect("it is later").as_millis() as u64;
    let document = json!({
        "dashboard": board.uid, "panel": panel, "from_ms": now - board.range_ms, "to_ms": now,
        "interval_ms": interval_ms, "max_points": points, "timezone": "UTC",
        "queries": queries, "variables": variables,
    });
    let document = document.to_string();
    let asked = Instant::now();
    let text = page.post("/api/query", &document);
    let millis = asked.elapsed().as_secs_f64() * 1000.0;
    let mut whole: Value = serde_json::from_str(&text).expect("JSON");
    let mut answer = Answer::default();
    for (at, result) in whole["results"].as_array_mut().expect("results").iter_mut().enumerate() {
        assert!(result["error"].is_null(), "{}: {result}", board.uid);
        let part = &mut result["answer"];
        answer.read_rows += part["statistics"]["rows_read"].as_u64().unwrap_or(0);
        answer.read_bytes += part["statistics"]["bytes_read"].as_u64().unwrap_or(0);
        answer.rows += part["rows"].as_u64().unwrap_or(0);
        if at == 0 {
            answer.data = part["data"].as_array_mut().map(std::mem::take).unwrap_or_default();
        }
    }
    (millis, answer)
}

/// `90d`, `1h`, `30m`, `10s`.
fn span_ms(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => panic!("{text} is no span of time that is known here"),
    };
    number.parse::<u64>().expect("a number") * seconds * 1000
}

/// Grafana's round one.
fn interval_ms(exact: u64) -> u64 {
    // Up to this, that.
    const ROUND: [(u64, u64); 24] = [
        (10, 1),
        (15, 10),
        (35, 20),
        (75, 50),
        (150, 100),
        (350, 200),
        (750, 500),
        (1500, 1000),
        (3500, 2000),
        (7500, 5000),
        (12_500, 10_000),
        (17_500, 15_000),
        (25_000, 20_000),
        (45_000, 30_000),
        (90_000, 60_000),
        (210_000, 120_000),
        (450_000, 300_000),
        (750_000, 600_000),
        (1_050_000, 900_000),
        (1_500_000, 1_200_000),
        (2_700_000, 1_800_000),
        (5_400_000, 3_600_000),
        (9_000_000, 7_200_000),
        (16_200_000, 10_800_000),
    ];
    ROUND.iter().find(|(below, _)| exact < *below).map_or(21_600_000, |(_, round)| *round)
}

impl Measured {
    fn record(
        mut self,
        measure: &'static str,
        what: &'static str,
        bar: f64,
        more: Vec<Also>,
        mut notes: Vec<String>,
    ) -> Record {
        let middle = |panel: &Panel| median(&panel.millis).unwrap_or(f64::NAN);
        self.panels.sort_by(|a, b| middle(b).total_cmp(&middle(a)));
        let over = self.panels.iter().filter(|panel| middle(panel) >= bar).count();
        let mut slowest = format!("the slowest of {} panels", self.panels.len());
        if over > 0 {
            let _ = write!(slowest, ", of which {over} take too long");
        }
        for (at, panel) in self.panels.iter().take(SLOWEST_SHOWN).enumerate() {
            let Answer { read_rows, read_bytes, .. } = panel.answer;
            let _ = write!(
                slowest,
                "{} {}: {:.0} ms, reads {read_rows} rows, {:.2} MB",
                if at == 0 { ":" } else { ";" },
                panel.name,
                middle(panel),
                read_bytes as f64 / 1e6
            );
        }
        notes.push(slowest);
        let empty = self.panels.iter().filter(|panel| panel.answer.rows == 0);
        let empty: Vec<&str> = empty.map(|panel| panel.name.as_str()).collect();
        if !empty.is_empty() {
            notes.push(format!("without an answer to show: {}", empty.join("; ")));
        }
        notes.push(format!("load of the machine before the first question: {}", self.load.trim()));
        for panel in &self.panels {
            let Answer { read_rows, read_bytes, rows, .. } = panel.answer;
            let all: Vec<String> = panel.millis.iter().map(|ms| format!("{ms:.0}")).collect();
            eprintln!(
                "  {:>8.1} ms  {read_rows:>10} rows {read_bytes:>12} bytes read, {rows:>6} rows  {} ({})",
                middle(panel),
                panel.name,
                all.join(" ")
            );
        }
        let also = |name, ours| Also { name, unit: "ms", ours, below: None };
        let mut figures = vec![
            also("the panel in the middle", self.panels.iter().map(middle).collect()),
            also("the slowest variable or annotation", self.others),
        ];
        figures.extend(more);
        Record {
            measure,
            what,
            unit: "ms",
            higher_is_better: false,
            ours: self.panels.first().map(|panel| panel.millis.clone()).unwrap_or_default(),
            peer: None,
            theirs: Vec::new(),
            bar,
            bar_on: BarOn::Ours,
            notes,
            rows: self.events,
            also: figures,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_page_asks_for() {
        assert_eq!([span_ms("90d"), span_ms("30s")], [7_776_000_000, 30_000]);
        assert_eq!([interval_ms(9), interval_ms(10), interval_ms(22_000)], [1, 10, 20_000]);
        let boards = boards();
        let panels: usize =
            boards.iter().enumerate().map(|(at, board)| panels(at, board).len()).sum();
        assert!(panels > 50, "{panels}");
    }
}
