//! The engine as a host sees it: rules fire, people are told, files change.

use std::time::Duration;

use alerts::{Matcher, Options, Silence};

use crate::servers::Http;
use crate::world::{Database, Table, files, options, shop, start, states, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_fires_is_told_and_is_resolved() {
    let (server, database, table) = (Http::start(), Database::default(), Table::default());
    database.set("a", 60.0);
    database.set("b", 10.0);
    let handle = start(&shop(&server.url, "", ""), &database, &table, options()).await;
    let told = server.wait(1)[0].json();
    assert_eq!(told["alerts"].as_array().unwrap().len(), 1);
    assert_eq!(
        told["alerts"][0]["labels"],
        serde_json::json!({"alertname": "Latency", "grafana_folder": "Shop", "host": "a"})
    );
    assert_eq!(told["alerts"][0]["annotations"]["summary"], "a at 60");
    assert_eq!(told["alerts"][0]["values"], serde_json::json!({"A": 60.0, "C": 1.0}));
    assert_eq!(states(&handle), "a=Alerting b=Normal");
    let query = database.last.lock().unwrap().clone().unwrap();
    assert_eq!(
        (query.sql.as_str(), query.to - query.from, query.to % 1_000),
        ("SELECT host", 600_000, 0),
        "aligned to the interval"
    );
    database.set("a", 20.0);
    let told = server.wait(2)[1].json();
    assert_eq!(
        (told["status"].as_str(), told["alerts"][0]["annotations"]["summary"].as_str()),
        (Some("resolved"), Some("a at 20"))
    );
    until("the end is history", || table.rows("told").is_empty()).await;
    let history = handle.history(10).await.unwrap();
    let moves: Vec<_> = history
        .iter()
        .map(|line| format!("{}→{}", line["from"].as_str().unwrap(), line["to"].as_str().unwrap()))
        .collect();
    assert_eq!(moves, ["Alerting→Normal", "Normal→Alerting"]);
    let metrics = handle.metrics();
    assert_eq!((metrics.sent, metrics.failed, metrics.states["normal"]), (2, 0, 2));
    let snapshot = serde_json::to_value(handle.snapshot()).unwrap();
    let rule = &snapshot["groups"][0]["rules"][0];
    assert_eq!(
        (
            rule["uid"].as_str(),
            rule["state"].as_str(),
            rule["health"].as_str(),
            rule["for_s"].as_f64()
        ),
        (Some("u1"), Some("Normal"), Some("ok"), Some(0.0))
    );
    assert_eq!(
        snapshot["contact_points"],
        serde_json::json!([{"name": "hook", "kinds": ["webhook"]}])
    );
    assert!(
        rule["last_evaluation_ms"].as_i64().unwrap() < rule["next_evaluation_ms"].as_i64().unwrap()
    );
    handle.stop().await;
    let asked = database.asked.load(std::sync::atomic::Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(
        database.asked.load(std::sync::atomic::Ordering::SeqCst),
        asked,
        "who is stopped asks no more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_and_what_cannot_is_not() {
    let (server, database, table) = (Http::start(), Database::default(), Table::default());
    server.answers(&[(503, "", 0), (429, "", 0)]);
    database.set("a", 60.0);
    let handle = start(&shop(&server.url, "", ""), &database, &table, options()).await;
    let seen = server.wait(3);
    let keys: Vec<_> =
        seen.iter().map(|request| request.header("idempotency-key").unwrap()).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "one message has one key: {keys:?}");
    until("it is counted", || handle.metrics().sent == 1).await;
    handle.stop().await;

    let server = Http::start();
    server.answers(&[(404, "", 0)]);
    let handle = start(&shop(&server.url, "", ""), &database, &Table::default(), options()).await;
    until("it failed", || handle.metrics().failed == 1).await;
    server.wait(2);
    until("with its group it is sent again", || handle.metrics().sent == 1).await;
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_is_an_alert() {
    let (server, database, table) = (Http::start(), Database::default(), Table::default());
    database.breaks(Some("it is away"));
    let handle =
        start(&shop(&server.url, "execErrState: Error", ""), &database, &table, options()).await;
    let told = server.wait(1)[0].json();
    let alert = &told["alerts"][0];
    assert_eq!(
        (
            alert["labels"]["alertname"].as_str(),
            alert["labels"]["rulename"].as_str(),
            alert["labels"]["datasource_uid"].as_str()
        ),
        (Some("DatasourceError"), Some("Latency"), Some("ch"))
    );
    assert!(alert["annotations"]["Error"].as_str().unwrap().contains("it is away"));
    let rule = &handle.snapshot().groups[0].rules[0];
    assert_eq!((rule.health, rule.state.as_str()), ("error", "Error"));
    assert!(database.asked.load(std::sync::atomic::Ordering::SeqCst) >= 3, "three tries");
    database.breaks(None);
    database.set("a", 1.0);
    assert_eq!(server.wait(2)[1].json()["status"], "resolved");
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_queries_are_cut_off_and_missed_evaluations_counted() {
    let (server, database, table) = (Http::start(), Database::default(), Table::default());
    database.takes(Duration::from_millis(2_600));
    let slow = Options {
        evaluation_timeout: Duration::from_millis(2_400),
        evaluation_tries: 1,
        ..options()
    };
    let handle = start(&shop(&server.url, "execErrState: OK", ""), &database, &table, slow).await;
    until("evaluations are missed", || handle.metrics().missed >= 1).await;
    until("one was cut off", || handle.metrics().evaluations_failed >= 1).await;
    let rule = &handle.snapshot().groups[0].rules[0];
    assert!(
        rule.error.as_ref().unwrap().contains("longer than 2 s") && rule.missed >= 1,
        "{rule:?}"
    );
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_keeps_quiet_until_it_is_lifted() {
    let (server, database, table) = (Http::start(), Database::default(), Table::default());
    let handle = start(&shop(&server.url, "", ""), &database, &table, options()).await;
    let now = jiff::Timestamp::now().as_millisecond();
    let mut silence = Silence {
        id: String::new(),
        matchers: vec![Matcher::new("host", "=", "a").unwrap()],
        starts_ms: now,
        ends_ms: now + 3_600_000,
        comment: "we know".to_owned(),
        author: "ann".to_owned(),
    };
    let id = handle.silence(silence.clone()).await.unwrap();
    assert_eq!((handle.silences()[0].state, table.rows("silences").len()), ("active", 1));
    silence.matchers.clear();
    assert!(handle.silence(silence).await.is_err());
    assert!(handle.unsilence("gone").await.is_err());
    database.set("a", 60.0);
    until("it fires", || states(&handle) == "a=Alerting").await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(server.seen().is_empty());
    handle.unsilence(&id).await.unwrap();
    server.wait(1);
    assert_eq!(handle.silences()[0].state, "expired");
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_files_keep_the_state_of_a_rule() {
    let (server, database, table) = (Http::start(), Database::default(), Table::default());
    database.set("a", 60.0);
    let text = shop(&server.url, "", "");
    let handle = start(&text, &database, &table, options()).await;
    server.wait(1);
    until("it was told", || handle.metrics().sent == 1).await;
    handle.reload(files(
        &text.replace("title: Latency", "title: Latency\n        labels: {team: x}"),
    ));
    // With another label it is another alert: the old one ends, the new one begins.
    let told = server.wait(2)[1].json();
    assert_eq!(told["alerts"].as_array().unwrap().len(), 2, "{told}");
    assert_eq!(handle.history(10).await.unwrap().len(), 1, "it never was Normal in between");
    let paused = text.replace("title: Latency", "title: Latency\n        isPaused: true");
    handle.reload(files(&paused));
    let told = server.wait(3)[2].json();
    assert_eq!(
        (
            told["status"].as_str(),
            told["alerts"][0]["annotations"]["grafana_state_reason"].as_str()
        ),
        (Some("resolved"), Some("Paused"))
    );
    handle.reload(files(&text));
    server.wait(4);
    let end = text.find("contactPoints").unwrap();
    handle.reload(files(&text[end..]));
    let told = server.wait(5)[4].json();
    assert_eq!(
        (
            told["status"].as_str(),
            told["alerts"][0]["annotations"]["grafana_state_reason"].as_str()
        ),
        (Some("resolved"), Some("RuleDeleted"))
    );
    until("its rows are gone", || {
        table.rows("instances").is_empty() && table.rows("rules").is_empty()
    })
    .await;
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_point_can_be_tried() {
    let (server, database, table) = (Http::start(), Database::default(), Table::default());
    let text = format!(
        "contactPoints: [{{name: p, receivers: [{{type: webhook, settings: {{url: '{}/a'}}}}, {{type: email, settings: {{addresses: a@b.example}}}}]}}]",
        server.url
    );
    let handle = start(&text, &database, &table, options()).await;
    let tested = handle.test("p").await.unwrap();
    assert_eq!(
        (tested[0].kind.as_str(), tested[0].ok, tested[0].error.as_deref()),
        ("webhook", true, None)
    );
    assert!(!tested[1].ok && tested[1].error.as_ref().unwrap().contains("No SMTP server"));
    assert_eq!(server.seen()[0].json()["alerts"][0]["labels"]["alertname"], "TestAlert");
    server.answers(&[(500, "", 0)]);
    let tested = handle.test("p").await.unwrap();
    assert!(tested[0].error.as_ref().unwrap().contains("500"));
    assert!(handle.test("gone").await.is_err());
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_fails_keeps_nobody_from_being_told() {
    let (server, database, table) = (Http::start(), Database::default(), Table::default());
    *table.broken.lock().unwrap() = true;
    database.set("a", 60.0);
    let handle = start(&shop(&server.url, "", ""), &database, &table, options()).await;
    server.wait(1);
    assert!(table.rows("instances").is_empty());
    *table.broken.lock().unwrap() = false;
    until("it is saved after all", || {
        table.rows("instances").len() == 1 && table.rows("told").len() == 1
    })
    .await;
    assert_eq!(handle.history(10).await.unwrap().len(), 1);
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mute_timings_and_a_rules_own_receiver() {
    let (server, database, table) = (Http::start(), Database::default(), Table::default());
    database.set("a", 60.0);
    let mute = "muteTimes: [{name: always, time_intervals: [{years: ['2000:2999'], location: Europe/Berlin}]}, {name: never, time_intervals: [{years: ['1999']}]}]";
    let own = |more: &str| {
        format!(
            "notification_settings: {{receiver: hook, group_wait: 100ms, group_interval: 1s, {more}}}"
        )
    };
    let text = |more: &str| format!("{}{mute}\n", shop(&server.url, &own(more), ""));
    let handle = start(&text("mute_time_intervals: [always]"), &database, &table, options()).await;
    until("it fires", || states(&handle) == "a=Alerting").await;
    handle.reload(files(&text("active_time_intervals: [never]")));
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(server.seen().is_empty(), "muted, and then not active");
    handle.reload(files(&text("active_time_intervals: [always], mute_time_intervals: [never]")));
    let told = server.wait(1)[0].json();
    assert_eq!(
        told["groupLabels"],
        serde_json::json!({"alertname": "Latency", "grafana_folder": "Shop"})
    );
    assert!(told["groupKey"].as_str().unwrap().starts_with("{}/settings:"));
    handle.stop().await;
}
