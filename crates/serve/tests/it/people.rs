//! The port of people: sessions, roles, dashboards in files, and what panels ask.

use crate::http::{Reply, get, raw, request};
use crate::{CORES, access, ops, ports};
use serde_json::{Value, json};
use serve::clickhouse::Inside;
use serve::people::{Compiled, Desk, Keys, Options, Proxy};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use store::Engine;

pub(crate) const TOKEN: &str = "0123456789abcdef";

pub(crate) fn options(engine: Engine, desk: Desk, data_dir: &Path) -> Options {
    let alerts = serve::alerts::Options {
        folder: data_dir.to_owned(),
        reader: Arc::new(engine.clone()),
        store: Arc::new(engine.clone()),
        external_url: "http://127.0.0.1/".into(),
        mail: None,
        project: serve::alerts::Project::read(data_dir),
    };
    Options {
        alerts,
        ops: ops::ops(engine),
        desk,
        folder: data_dir.to_owned(),
        compiled: Compiled { target: data_dir.join("dbt"), schedules: data_dir.join("transform") },
        keys: Keys::open(data_dir).unwrap(),
        prefix: String::new(),
        proxy: None,
        token: TOKEN.into(),
    }
}

struct Site {
    port: u16,
    folder: tempfile::TempDir,
}

/// One with users, behind a prefix, with a proxy at 127.0.0.1 that logs people in.
fn site() -> &'static Site {
    static SITE: LazyLock<Site> = LazyLock::new(|| {
        let engine = ports().engine.clone();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("dashboards/more")).unwrap();
        let dashboard = json!({"uid": "one", "title": "One", "tags": ["a"], "panels": [{"type": "stat"}],
            "templating": {"list": [{"name": "by", "type": "custom", "query": "max(number), min(number)"}]}});
        let text = serde_json::to_string_pretty(&dashboard).unwrap() + "\n";
        std::fs::write(folder.path().join("dashboards/one.json"), text).unwrap();
        std::fs::write(folder.path().join("dashboards/more/bad.json"), "{").unwrap();
        let unnamed = folder.path().join("dashboards/none.at.all.json");
        std::fs::write(unnamed, "{\n  \"title\": \"None\"\n}\n").unwrap();
        let path = folder.path().to_owned();
        let (send, port) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                send.send(listener.local_addr().unwrap().port()).unwrap();
                let inside = Inside::open(engine.clone(), access::users(), CORES).await.unwrap();
                let mut options = options(engine, Desk::Door(inside), &path);
                options.prefix = "/mill".into();
                options.proxy = Some(Proxy {
                    header: "x-user".parse().unwrap(),
                    addresses: vec!["127.0.0.1".parse().unwrap()],
                });
                serve::people::serve(listener, options, std::future::pending()).await.unwrap();
            });
        });
        Site { port: port.recv().unwrap(), folder }
    });
    &SITE
}

fn send(method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
    request(site().port, method, path, headers, body.to_string().as_bytes())
}

fn value(reply: &Reply) -> Value {
    serde_json::from_str(&reply.text()).unwrap_or_else(|_| panic!("{}", reply.text()))
}

/// Cookie and token of somebody who logged in.
fn log_in(user: &str, password: &str) -> (String, String) {
    let reply = send("POST", "/api/session", &[], &json!({"user": user, "password": password}));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let cookie = reply.header("set-cookie").unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/mill"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let csrf = value(&reply)["csrf"].as_str().unwrap().to_owned();
    (cookie.split(';').next().unwrap().to_owned(), csrf)
}

fn ask(sql: &str) -> Value {
    json!({"from_ms": 1_700_000_000_000_i64, "to_ms": 1_700_003_600_000_i64, "interval_ms": 60000,
        "dashboard": "one", "panel": 3, "queries": [{"refId": "A", "rawSql": sql, "format": 1}],
        "variables": {"x": {"value": "a' OR 1=1 --"}, "by": {"value": "max(number)"}, "many": {"value": ["a", "it's"]}}})
}

fn rows(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let value = value(reply);
    let result = &value["results"][0];
    assert!(result["error"].is_null(), "{result}");
    result["answer"]["data"].clone()
}

#[test]
fn somebody_logs_in_sees_what_is_hers_and_leaves() {
    let nobody = value(&get(site().port, "/api/session"));
    assert!(nobody["user"].is_null() && nobody["csrf"].is_null() && nobody["project"].is_null());
    assert_eq!(get(site().port, "/api/status").status, 401);
    assert_eq!(get(site().port, "/healthz").status, 200);
    let wrong = send("POST", "/api/session", &[], &json!({"user": "root", "password": "no"}));
    assert_eq!(wrong.status, 401);
    let (cookie, csrf) = log_in("vera", access::PASSWORD);
    let own = [("Cookie", cookie.as_str()), ("X-Millrace-Csrf", csrf.as_str())];
    let session = request(site().port, "GET", "/mill/api/session", &own, b"");
    assert_eq!(value(&session)["user"]["role"], "viewer");
    // Without the token of the page, or with another one's, nothing is done.
    let body = ask("SELECT 1");
    assert_eq!(send("POST", "/api/query", &own[..1], &body).status, 403);
    let other = [own[0], ("X-Millrace-Csrf", "AAAA")];
    assert_eq!(send("POST", "/api/query", &other, &body).status, 403);
    assert_eq!(rows(&send("POST", "/api/query", &own, &body)), json!([[1]]));
    // The door's own fence.
    let hidden = send("POST", "/api/query", &own, &ask("SELECT * FROM hidden.t"));
    let error = value(&hidden)["results"][0]["error"].clone();
    assert!(error["detail"].as_str().unwrap().contains("ACCESS_DENIED"), "{error}");
    for (method, path) in
        [("PUT", "/api/dashboards/one"), ("POST", "/api/resync"), ("POST", "/api/pause")]
    {
        assert_eq!(send(method, path, &own, &json!({})).status, 403, "{path}");
    }
    let local = [own[0], own[1], ("Origin", "http://192.0.2.7")];
    assert_eq!(send("POST", "/api/query", &local, &body).status, 403, "a page of another address");
    let forged = format!("{}x", cookie);
    assert_eq!(send("POST", "/api/query", &[("Cookie", &forged)], &body).status, 401);
    let gone = send("DELETE", "/api/session", &own, &json!({}));
    assert!(gone.header("set-cookie").unwrap().contains("Max-Age=0"));
}

#[test]
fn a_proxy_names_users_and_our_own_verbs_have_their_token() {
    let user =
        |name: &str| request(site().port, "GET", "/mill/api/session", &[("X-User", name)], b"");
    assert_eq!(value(&user("root"))["user"], json!({"name": "root", "role": "admin"}));
    assert_eq!(user("nobody-of-that-name").status, 401);
    let token = [("X-Millrace-Token", TOKEN)];
    assert_eq!(request(site().port, "GET", "/api/status", &token, b"").status, 200);
    let wrong = [("X-Millrace-Token", "0")];
    assert_eq!(request(site().port, "GET", "/api/status", &wrong, b"").status, 401);
}

#[test]
fn what_is_chosen_is_data() {
    let (cookie, csrf) = log_in("root", access::PASSWORD);
    let own = [("Cookie", cookie.as_str()), ("X-Millrace-Csrf", csrf.as_str())];
    let run = |sql: &str| send("POST", "/api/query", &own, &ask(sql));
    assert_eq!(rows(&run("SELECT '$x'")), json!([["a' OR 1=1 --"]]));
    assert_eq!(rows(&run("SELECT arrayJoin([$many])")), json!([["a"], ["it's"]]));
    // What the file's author wrote may be SQL.
    assert_eq!(rows(&run("SELECT $by FROM numbers(5)")), json!([["4"]]));
    let refused = value(&run("SELECT 1 WHERE 'a' = $x"));
    let error = &refused["results"][0]["error"];
    assert!(error["error"].as_str().unwrap().contains("cannot put the value of $x"), "{refused}");
    let answer = value(&run(
        "SELECT toDateTime(1700000000, 'UTC') AS t, 9007199254740993 AS n, nan AS x WHERE $__timeFilter(t)",
    ));
    let result = &answer["results"][0];
    assert_eq!(
        result["answer"]["data"],
        json!([["1700000000", "9007199254740993", "nan"]]),
        "{answer}"
    );
    assert!(result["sql"].as_str().unwrap().contains("t >= toDateTime(1700000000)"));
    // Nothing streams here: how old the data is, is not known.
    assert!(answer["fresh"]["lag_seconds"].is_null() && answer["fresh"]["at_ms"].is_number());
    // A dashboard's author may be another than who opens it.
    for sql in [
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'x String')",
        "SELECT `file`('/etc/hostname')",
        "SELECT * FROM /* x */ File ('a.csv')",
        "SELECT * FROM remote('127.0.0.1', system.one)",
        "SELECT arrayMap(file, ['a'])",
    ] {
        let refused = value(&run(sql));
        let why = refused["results"][0]["error"]["detail"].as_str().unwrap_or_default().to_owned();
        assert!(why.contains("is not for dashboards"), "{sql}: {refused}");
    }
    assert_eq!(rows(&run("SELECT format('{}', 'url(') FROM numbers(1)")), json!([["url("]]));
    let tsv = value(&run("SELECT 1 FORMAT TSV"));
    assert!(tsv["results"][0]["error"]["hint"].as_str().unwrap().contains("FORMAT"), "{tsv}");
    // Reading is all that the page does.
    let change = value(&run("CREATE TABLE main.never (x Int8) ENGINE = Memory"));
    assert!(change["results"][0]["error"].is_object(), "{change}");
    let many = value(&run("SELECT number FROM numbers(300000)"));
    assert_eq!(many["results"][0]["limited"], true);
    // The log knows where it was asked.
    let log = "SELECT DISTINCT http_referer FROM system.query_log WHERE http_user_agent = 'millrace-page' AND query LIKE '%9007199254740993 AS n%'";
    // It is written a little later.
    let since = std::time::Instant::now();
    while rows(&run(log)) != json!([["/d/one?viewPanel=3"]]) {
        assert!(since.elapsed().as_secs() < 60, "{}", rows(&run(log)));
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let schema = value(&request(site().port, "GET", "/api/schema", &own, b""));
    assert!(
        schema["databases"].as_array().unwrap().iter().any(|found| found["name"] == "millrace")
    );
}

#[test]
fn dashboards_are_files_and_stay_whole() {
    let (cookie, csrf) = log_in("root", access::PASSWORD);
    let own = [("Cookie", cookie.as_str()), ("X-Millrace-Csrf", csrf.as_str())];
    let listed = value(&request(site().port, "GET", "/api/dashboards", &own, b""));
    assert_eq!(listed[0]["file"], "dashboards/more/bad.json");
    assert!(listed[0]["error"].is_string());
    assert_eq!((&listed[1]["uid"], &listed[2]["uid"]), (&json!("none.at.all"), &json!("one")));
    let shown = value(&request(site().port, "GET", "/mill/api/dashboards/one", &own, b""));
    assert_eq!((&shown["writable"], &shown["file"]), (&json!(true), &json!("dashboards/one.json")));
    let path = site().folder.path().join("dashboards/one.json");
    let before = std::fs::read_to_string(&path).unwrap();
    let save = |dashboard: &Value, version: &Value| {
        send(
            "PUT",
            "/api/dashboards/one",
            &own,
            &json!({"dashboard": dashboard, "version": version}),
        )
    };
    // Unchanged it is byte for byte the same.
    let same = save(&shown["dashboard"], &shown["version"]);
    assert_eq!(value(&same)["version"], shown["version"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    let title = || rows(&send("POST", "/api/query", &own, &ask("SELECT '$__dashboard'")));
    assert_eq!(title(), json!([["One"]]));
    let mut changed = shown["dashboard"].clone();
    changed["title"] = "Two".into();
    let saved = save(&changed, &shown["version"]);
    assert_eq!(saved.status, 200, "{}", saved.text());
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, before.replace("\"One\"", "\"Two\""));
    assert_eq!(title(), json!([["Two"]]), "what is kept of a file is of the file as it is");
    assert_eq!(
        save(&changed, &shown["version"]).status,
        409,
        "an older version is not put over it"
    );
    let mut other = changed.clone();
    other["uid"] = "two".into();
    assert_eq!(save(&other, &value(&saved)["version"]).status, 400);
    let tabs = text.replace("  ", "\t");
    std::fs::write(&path, &tabs).unwrap();
    let shown_tabs = value(&request(site().port, "GET", "/api/dashboards/one", &own, b""));
    let saved = save(&shown["dashboard"], &shown_tabs["version"]);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, tabs.replace("\"Two\"", "\"One\""), "set in as it was");
    std::fs::write(&path, &before).unwrap();
    assert_eq!(get(site().port, "/api/dashboards/none").status, 401);
    assert_eq!(request(site().port, "GET", "/api/dashboards/none", &own, b"").status, 404);
    assert_eq!(saved.status, 200, "{}", saved.text());
    // One without a uid is called by its file.
    let named = value(&request(site().port, "GET", "/api/dashboards/none.at.all", &own, b""));
    let body = json!({"dashboard": named["dashboard"], "version": named["version"]});
    assert_eq!(send("PUT", "/api/dashboards/none.at.all", &own, &body).status, 200, "{named}");
}

#[test]
fn without_users_everybody_on_this_machine_is_an_admin_but_other_sites_pages() {
    let port = ports().ops;
    let session = value(&get(port, "/api/session"));
    assert_eq!((&session["user"]["role"], &session["login"]), (&json!("admin"), &json!("open")));
    let csrf = session["csrf"].as_str().unwrap().to_owned();
    let body = ask("SELECT 1").to_string();
    let page =
        |headers: &[(&str, &str)]| request(port, "POST", "/api/query", headers, body.as_bytes());
    let origin = format!("http://127.0.0.1:{port}");
    assert_eq!(page(&[("Origin", &origin)]).status, 403);
    assert_eq!(page(&[("Origin", &origin), ("X-Millrace-Csrf", &csrf)]).status, 200);
    assert_eq!(page(&[("Origin", "https://evil.example"), ("X-Millrace-Csrf", &csrf)]).status, 403);
    assert_eq!(page(&[]).status, 200, "curl");
    // A link of another site leads to the page, and to nothing else.
    let link = [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ];
    let follow =
        |path: &str, headers: &[(&str, &str)]| request(port, "GET", path, headers, b"").status;
    assert_eq!(follow("/d/one?viewPanel=1", &link), 200);
    assert_eq!(follow("/d/one", &link[..1]), 403);
    assert_eq!(follow("/api/status", &link), 403);
    let rebound = "GET / HTTP/1.1\r\nHost: evil.example\r\nSec-Fetch-Mode: navigate\r\n\
                   Sec-Fetch-Dest: document\r\nConnection: close\r\n\r\n";
    assert_eq!(raw(port, rebound.as_bytes()).status, 403);
    let runs = get(port, "/api/runs");
    assert!(value(&runs).is_array(), "{}", runs.text());
}
