//! dbt's structured log (`--log-format json`): a JSON object a line. Only a few of its kinds are for people.

use serde_json::Value;

/// What a person should read though it is neither a warning nor an error: most of it is the project's own.
const TOLD: [&str; 9] = [
    "CheckNodeTestFailure",
    "ConcurrencyLine",
    "JinjaLogInfo",
    "LogHookEndLine",
    "NothingToDo",
    "PrintEvent",
    "SQLCompiledPath",
    "ShowNode",
    "StatsLine",
];

/// What became of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Good,
    Warned,
    Failed,
    Skipped,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A node begins.
    Begun { name: String },
    /// A node has ended.
    Ended {
        name: String,
        /// model, test, seed, …
        kind: String,
        outcome: Outcome,
        /// As dbt calls it: `SUCCESS`, `PASS`, `FAIL 3`, …
        status: String,
        seconds: f64,
        index: u64,
        total: u64,
    },
    /// What a person should read.
    Said { is_error: bool, text: String },
}

impl Event {
    /// `None`: of no use to a person, or no line of the log.
    pub fn read(line: &str) -> Option<Event> {
        let line: Value = serde_json::from_str(line).ok()?;
        let (info, data) = (&line["info"], &line["data"]);
        let node = &data["node_info"];
        match info["name"].as_str()? {
            "LogStartLine" => Some(Event::Begun { name: shown(node)? }),
            "LogModelResult"
            | "LogTestResult"
            | "LogSeedResult"
            | "LogSnapshotResult"
            | "LogFreshnessResult"
            | "LogBatchResult"
            | "LogFunctionResult"
            | "SkippingDetails"
            | "LogSkipBecauseError" => ended(data, node),
            // Told by the one line of each node, or at the end.
            "LogNodeNoOpResult" | "RunResultWarning" | "FinishedRunningStats" => None,
            name => {
                let text = info["msg"].as_str()?.trim();
                let is_error = info["level"].as_str()? == "error";
                let is_told = is_error || info["level"] == "warn" || TOLD.contains(&name);
                (is_told && !text.is_empty())
                    .then(|| Event::Said { is_error, text: text.to_owned() })
            }
        }
    }
}

fn ended(data: &Value, node: &Value) -> Option<Event> {
    let status = data["status"].as_str().unwrap_or("skipped").to_owned();
    // dbt's own rule: what went well is told in many words (`OK`, `INSERT 5`, `PASS`), what did not in few.
    let outcome = match status.to_ascii_lowercase().as_str() {
        "error" | "fail" | "runtime error" => Outcome::Failed,
        "skipped" => Outcome::Skipped,
        status if status == "warn" || status.contains("partial success") => Outcome::Warned,
        _ => Outcome::Good,
    };
    Some(Event::Ended {
        name: shown(node).or_else(|| relation(data))?,
        kind: node["resource_type"].as_str().unwrap_or_default().to_owned(),
        outcome,
        status,
        seconds: data["execution_time"].as_f64().unwrap_or_default(),
        index: data["index"].as_u64().unwrap_or_default(),
        // Of tests under another name.
        total: data["total"].as_u64().or(data["num_models"].as_u64()).unwrap_or_default(),
    })
}

/// Of what is skipped because another failed there is no node.
fn relation(data: &Value) -> Option<String> {
    Some(format!("{}.{}", data["schema"].as_str()?, data["relation"].as_str()?))
}

/// `marts.orders_daily`; what has no place of its own by its name alone.
fn shown(node: &Value) -> Option<String> {
    let name = node["node_name"].as_str().filter(|name| !name.is_empty())?;
    let schema = node["node_relation"]["schema"].as_str().unwrap_or_default();
    let has_place = matches!(node["resource_type"].as_str(), Some("model" | "seed" | "snapshot"));
    Some(match has_place && !schema.is_empty() {
        true => format!("{schema}.{name}"),
        false => name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, level: &str, msg: &str, data: &str) -> String {
        format!(r#"{{"info":{{"name":"{name}","level":"{level}","msg":"{msg}"}},"data":{data}}}"#)
    }

    /// As dbt 1.11.16 writes them.
    #[test]
    fn each_node_is_told_once_with_what_became_of_it() {
        let ended = |data: &str| match Event::read(&line("LogTestResult", "info", "", data)) {
            Some(Event::Ended { name, outcome, index, total, .. }) => (name, outcome, index, total),
            other => panic!("{data}: {other:?}"),
        };
        let model = r#"{"status":"OK","index":2,"total":46,"execution_time":0.4,"node_info":{"node_name":"m",
            "resource_type":"model","node_status":"success","node_relation":{"schema":"marts"}}}"#;
        assert_eq!(ended(model), ("marts.m".into(), Outcome::Good, 2, 46));
        for (status, outcome) in
            [("pass", Outcome::Good), ("warn", Outcome::Warned), ("fail", Outcome::Failed)]
        {
            let test = format!(
                r#"{{"status":"{status}","index":9,"num_models":46,"node_info":{{"node_name":"t","resource_type":"test",
                "node_relation":{{"schema":"x"}}}}}}"#
            );
            assert_eq!(ended(&test), ("t".into(), outcome, 9, 46));
        }
        let skipped =
            r#"{"index":3,"total":4,"node_info":{"node_name":"m","resource_type":"model"}}"#;
        let skipped = Event::read(&line("SkippingDetails", "info", "", skipped));
        assert!(
            matches!(skipped, Some(Event::Ended { outcome: Outcome::Skipped, .. })),
            "{skipped:?}"
        );
    }

    #[test]
    fn of_the_rest_only_what_a_person_needs() {
        let said = |name, level, msg| Event::read(&line(name, level, msg, "{}"));
        assert_eq!(said("MainReportVersion", "info", "Running with dbt=1.11.16"), None);
        assert_eq!(said("Formatting", "info", ""), None);
        let text = "broken".to_owned();
        assert_eq!(
            said("RunResultError", "error", "broken"),
            Some(Event::Said { is_error: true, text })
        );
        let text = "Done.".to_owned();
        assert_eq!(said("StatsLine", "info", "Done."), Some(Event::Said { is_error: false, text }));
        for line in ["", "Traceback", "[1]", "{\"info\": 7}"] {
            assert_eq!(Event::read(line), None, "{line}");
        }
    }
}
