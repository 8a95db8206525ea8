//! Each kind of receiver against a real server: what goes over the wire, and what an answer means.

use std::collections::BTreeMap;

use alerts::route::Alert;
use alerts::send::{Context, Http as Client, Message, Office};
use alerts::{Files, Labels, Secret, Smtp, SmtpTls};
use model::Fate;

use crate::servers::{Http, Mail};
use crate::world::files;

fn pairs(all: &[(&str, &str)]) -> Labels {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn alert(host: &str, ends_ms: Option<i64>) -> Alert {
    Alert {
        rule: "u1".to_owned(),
        labels: pairs(&[
            ("alertname", "Latency"),
            ("host", host),
            ("team", "blue"),
            ("__private__", "x"),
        ]),
        annotations: pairs(&[("summary", "slow <b>")]),
        starts_ms: 1_634_032_263_157,
        ends_ms,
        values: BTreeMap::from([("B".to_owned(), Some(44.25)), ("C".to_owned(), Some(f64::NAN))]),
        value_text: "[ var='B' labels={} value=44.25 ]".to_owned(),
        dashboard: Some("d1".to_owned()),
        panel: Some(7),
    }
}

struct Bench {
    files: Files,
    context: Context,
    office: Office,
}

impl Bench {
    /// One contact point with one receiver.
    fn new(kind: &str, settings: &str, smtp: Option<&Smtp>, templates: &str) -> Bench {
        let text = format!(
            "contactPoints: [{{name: p, receivers: [{{uid: r, type: {kind}, settings: {settings}}}]}}]\n{templates}"
        );
        let files = files(&text);
        let context = Context {
            templates: files.template_set(),
            external_url: "http://page.example/".to_owned(),
        };
        Bench { files, context, office: Office::new(Client::new(), smtp).unwrap() }
    }

    fn send(&self, alerts: &[Alert]) -> model::Result<()> {
        let labels = pairs(&[("alertname", "Latency")]);
        let message = Message {
            context: &self.context,
            receiver: "p",
            group_key: "{}:{alertname=\"Latency\"}",
            group_labels: &labels,
            alerts,
            id: "id-1",
        };
        let kind = self.files.contact_points[0].receivers[0].send.as_ref().unwrap();
        self.office.send(kind, &message).map_err(|failed| failed.error)
    }

    fn firing(&self) -> model::Result<()> {
        self.send(&[alert("a", None), alert("b", Some(1_634_032_264_000))])
    }
}

#[test]
fn a_webhook_has_grafanas_body() {
    let server = Http::start();
    let bench = Bench::new("webhook", &format!("{{url: '{}/hook'}}", server.url), None, "");
    bench.firing().unwrap();
    let request = server.wait(1).remove(0);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hook"));
    assert_eq!(request.header("idempotency-key"), Some("id-1"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    let body = request.json();
    let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "receiver",
            "status",
            "orgId",
            "alerts",
            "groupLabels",
            "commonLabels",
            "commonAnnotations",
            "externalURL",
            "version",
            "groupKey",
            "truncatedAlerts",
            "title",
            "state",
            "message"
        ]
    );
    assert_eq!(
        (body["receiver"].as_str(), body["status"].as_str(), body["state"].as_str()),
        (Some("p"), Some("firing"), Some("alerting"))
    );
    assert_eq!(
        (body["orgId"].as_i64(), body["version"].as_str(), body["truncatedAlerts"].as_i64()),
        (Some(1), Some("1"), Some(0))
    );
    assert_eq!(body["groupKey"], "{}:{alertname=\"Latency\"}");
    assert_eq!(body["commonLabels"], serde_json::json!({"alertname": "Latency", "team": "blue"}));
    assert_eq!(body["title"], "[FIRING:1, RESOLVED:1] Latency (blue)");
    assert!(body["message"].as_str().unwrap().contains(" - host = a"));
    let (firing, resolved) = (&body["alerts"][0], &body["alerts"][1]);
    assert_eq!(
        (firing["status"].as_str(), resolved["status"].as_str()),
        (Some("firing"), Some("resolved"))
    );
    assert_eq!(firing["startsAt"], "2021-10-12T09:51:03.157Z");
    assert_eq!(firing["endsAt"], "0001-01-01T00:00:00Z");
    assert_eq!(resolved["endsAt"], "2021-10-12T09:51:04Z");
    assert_eq!(firing["values"], serde_json::json!({"B": 44.25, "C": null}));
    assert_eq!(
        firing["labels"],
        serde_json::json!({"alertname": "Latency", "host": "a", "team": "blue"})
    );
    assert_eq!(firing["generatorURL"], "http://page.example/alerts?rule=u1");
    assert_eq!(firing["dashboardURL"], "http://page.example/d/d1");
    assert_eq!(firing["panelURL"], "http://page.example/d/d1?viewPanel=7");
    assert!(firing["silenceURL"].as_str().unwrap().contains("matcher=host%3Da"));
    assert_eq!(firing["fingerprint"].as_str().unwrap().len(), 16);
    bench.send(&[alert("a", Some(1_634_032_264_000))]).unwrap();
    let body = server.wait(2).remove(1).json();
    assert_eq!((body["status"].as_str(), body["state"].as_str()), (Some("resolved"), Some("ok")));
    assert_eq!(body["title"], "[RESOLVED] Latency (a blue)");
}

#[test]
fn a_webhooks_options() {
    let server = Http::start();
    let send = |more: &str| {
        Bench::new("webhook", &format!("{{url: '{}/x', {more}}}", server.url), None, "")
            .firing()
            .unwrap();
        server.seen().pop().unwrap()
    };
    assert_eq!(send("httpMethod: PUT").method, "PUT");
    assert_eq!(send("username: a, password: b").header("authorization"), Some("Basic YTpi"));
    assert_eq!(
        send("authorization_credentials: t0ken").header("authorization"),
        Some("Bearer t0ken")
    );
    assert_eq!(
        send("authorization_scheme: Token, authorization_credentials: t").header("authorization"),
        Some("Token t")
    );
    let body = send("maxAlerts: '1'").json();
    assert_eq!(
        (body["alerts"].as_array().unwrap().len(), body["truncatedAlerts"].as_i64()),
        (1, Some(1))
    );
    let body = send("title: '{{ len .Alerts }} alerts', message: '{{ .Status }}'").json();
    assert_eq!(
        (body["title"].as_str(), body["message"].as_str()),
        (Some("2 alerts"), Some("firing"))
    );
    // A broken template swallows nothing.
    let body = send("title: '{{ .Nope }}'").json();
    let title = body["title"].as_str().unwrap();
    assert!(
        title.contains("alertname=Latency")
            && title.contains("slow <b>")
            && title.contains("template title, line 1"),
        "{title}"
    );
}

#[test]
fn an_answer_decides_and_no_address_is_told() {
    let server = Http::start();
    let bench =
        Bench::new("webhook", &format!("{{url: '{}/hook?key=s3cret'}}", server.url), None, "");
    for (code, fate) in [
        (429, Fate::Transient),
        (500, Fate::Transient),
        (503, Fate::Transient),
        (400, Fate::Definite),
        (401, Fate::Definite),
        (404, Fate::Definite),
        (302, Fate::Definite),
    ] {
        server.answers(&[(code, "no s3cret", 0)]);
        let error = bench.firing().unwrap_err();
        assert_eq!(error.fate(), fate, "{code}");
        assert!(
            error.report().contains(&code.to_string())
                && !error.report().contains("s3cret")
                && !error.report().contains("127.0.0.1"),
            "{error:?}"
        );
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [
        format!("http://{closed}/s3cret"),
        "http://nowhere.invalid/s3cret".to_owned(),
        format!("https://{closed}/s3cret"),
    ] {
        let error =
            Bench::new("webhook", &format!("{{url: '{url}'}}"), None, "").firing().unwrap_err();
        assert_eq!(error.fate(), Fate::Transient, "{url}");
        assert!(
            !error.report().contains("s3cret") && !error.report().contains("127.0.0.1"),
            "{error:?}"
        );
    }
}

#[test]
fn slack_by_webhook_and_by_token() {
    let server = Http::start();
    let bench = Bench::new(
        "slack",
        &format!(
            "{{url: '{}/services/T', mentionChannel: here, mentionUsers: 'U1,U2', title: 'own {{{{ .Status }}}}'}}",
            server.url
        ),
        None,
        "",
    );
    bench.firing().unwrap();
    let body = server.wait(1).remove(0).json();
    assert_eq!(body["text"], "<@U1> <@U2> <!here>");
    let attachment = &body["attachments"][0];
    assert_eq!(
        (attachment["title"].as_str(), attachment["color"].as_str()),
        (Some("own firing"), Some("#D63232"))
    );
    assert_eq!(attachment["title_link"], "http://page.example/alerts");
    assert!(attachment["text"].as_str().unwrap().contains("host = a"));
    let text = attachment["text"].as_str().unwrap();
    assert!(text.contains("summary = slow &lt;b&gt;"), "what a row says calls nobody: {text}");

    let server = Http::start();
    let settings = format!(
        "{{token: xoxb, recipient: '#ops', endpointUrl: '{}/api/chat.postMessage', icon_emoji: ':fire:'}}",
        server.url
    );
    let bench = Bench::new("slack", &settings, None, "");
    server.answers(&[
        (200, r#"{"ok":true}"#, 0),
        (200, r#"{"ok":false,"error":"channel_not_found"}"#, 0),
        (200, r#"{"ok":false,"error":"ratelimited"}"#, 0),
    ]);
    bench.firing().unwrap();
    let request = server.wait(1).remove(0);
    assert_eq!(request.header("authorization"), Some("Bearer xoxb"));
    assert_eq!(
        (request.json()["channel"].as_str(), request.json()["icon_emoji"].as_str()),
        (Some("#ops"), Some(":fire:"))
    );
    let error = bench.firing().unwrap_err();
    assert_eq!(
        (error.what(), error.fate()),
        ("cannot post to Slack: channel_not_found", Fate::Definite)
    );
    assert_eq!(bench.firing().unwrap_err().fate(), Fate::Transient);
}

#[test]
fn pagerduty_triggers_and_resolves_one_incident() {
    let server = Http::start();
    let bench = Bench::new(
        "pagerduty",
        &format!(
            "{{url: '{}/v2/enqueue', integrationKey: k3y, severity: '{{{{ \"Warning\" }}}}', class: c}}",
            server.url
        ),
        None,
        "",
    );
    bench.firing().unwrap();
    bench.send(&[alert("a", Some(1))]).unwrap();
    let requests = server.wait(2);
    let (trigger, resolve) = (requests[0].json(), requests[1].json());
    assert_eq!(
        (trigger["event_action"].as_str(), resolve["event_action"].as_str()),
        (Some("trigger"), Some("resolve"))
    );
    assert_eq!(trigger["dedup_key"], resolve["dedup_key"]);
    assert_eq!(trigger["routing_key"], "k3y");
    let payload = &trigger["payload"];
    assert_eq!(
        (payload["severity"].as_str(), payload["class"].as_str(), payload["component"].as_str()),
        (Some("warning"), Some("c"), Some("Millrace"))
    );
    assert_eq!(payload["summary"], "[FIRING:1, RESOLVED:1] Latency (blue)");
    assert_eq!(
        (
            payload["custom_details"]["num_firing"].as_str(),
            payload["custom_details"]["num_resolved"].as_str()
        ),
        (Some("1"), Some("1"))
    );
    assert!(payload["custom_details"]["firing"].as_str().unwrap().contains("host = a"));
    // It would refuse a summary of nothing.
    let settings = format!(
        "{{url: '{}/', integrationKey: k, summary: '{{{{ .CommonLabels.no }}}}'}}",
        server.url
    );
    Bench::new("pagerduty", &settings, None, "").firing().unwrap();
    let summary = server.wait(3).remove(2).json()["payload"]["summary"].clone();
    assert_eq!(summary, "[FIRING:1, RESOLVED:1] Latency (blue)");
}

#[test]
fn teams_and_discord() {
    let server = Http::start();
    Bench::new("teams", &format!("{{url: '{}/t', sectiontitle: S}}", server.url), None, "")
        .firing()
        .unwrap();
    let body = server.wait(1).remove(0).json();
    let card = &body["attachments"][0]["content"];
    assert_eq!(
        (card["type"].as_str(), card["body"][0]["text"].as_str()),
        (Some("AdaptiveCard"), Some("[FIRING:1, RESOLVED:1] Latency (blue)"))
    );
    assert_eq!(
        (card["body"][1]["text"].as_str(), card["actions"][0]["url"].as_str()),
        (Some("S"), Some("http://page.example/alerts"))
    );
    Bench::new("discord", &format!("{{url: '{}/d', message: 'x{{{{ range .Alerts }}}}{{{{ .Labels.host }}}}{{{{ end }}}}', use_discord_username: true}}", server.url), None, "").firing().unwrap();
    let body = server.wait(2).remove(1).json();
    assert_eq!((body["content"].as_str(), body.get("username")), (Some("xab"), None));
    assert_eq!(body["embeds"][0]["color"], 0x00d6_3232);
    assert_eq!(body["allowed_mentions"]["parse"], serde_json::json!(["users", "roles"]));
    Bench::new("discord", &format!("{{url: '{}/d'}}", server.url), None, "").firing().unwrap();
    let body = server.wait(3).remove(2).json();
    assert_eq!(
        body["allowed_mentions"]["parse"],
        serde_json::json!([]),
        "what a label says mentions nobody"
    );
    assert!(body["content"].as_str().unwrap().chars().count() <= 2_000);
}

fn smtp(mail: &Mail) -> Smtp {
    Smtp {
        host: "127.0.0.1".to_owned(),
        port: mail.port,
        tls: SmtpTls::None,
        login: None,
        from: "Millrace <alerts@shop.example>".to_owned(),
    }
}

#[test]
fn mail_goes_to_each_or_to_all() {
    let mail = Mail::start();
    let bench = Bench::new(
        "email",
        "{addresses: 'a@shop.example;b@shop.example', subject: 'S {{ .Status }}'}",
        Some(&smtp(&mail)),
        "",
    );
    bench.firing().unwrap();
    let taken = mail.taken();
    assert_eq!(taken.iter().map(|(to, _)| to.len()).collect::<Vec<_>>(), [1, 1]);
    let text = &taken[0].1;
    assert!(
        text.contains("Subject: S firing")
            && text.contains("From: Millrace <alerts@shop.example>")
            && text.contains("To: a@shop.example"),
        "{text}"
    );
    assert!(text.contains("Message-ID: <id-1.0@shop.example>"), "{text}");
    assert!(
        text.contains("slow <b>") && text.contains("slow &lt;b&gt;"),
        "plain, and escaped HTML: {text}"
    );
    assert!(!taken[0].1.contains("b@shop.example"));

    let mail = Mail::start();
    Bench::new(
        "email",
        "{addresses: 'a@shop.example, b@shop.example', singleEmail: true}",
        Some(&smtp(&mail)),
        "",
    )
    .firing()
    .unwrap();
    assert_eq!(mail.taken()[0].0.len(), 2);
    assert!(mail.taken()[0].1.contains("Subject: [FIRING:1, RESOLVED:1] Latency (blue)"));
}

#[test]
fn a_mail_server_decides_too() {
    let mail = Mail::start();
    let send = |addresses: &str| {
        Bench::new("email", &format!("{{addresses: '{addresses}'}}"), Some(&smtp(&mail)), "")
            .firing()
    };
    let error = send("no@shop.example").unwrap_err();
    assert_eq!(error.fate(), Fate::Definite);
    assert!(error.what().contains("550") && !error.report().contains("no@"), "{error:?}");
    assert_eq!(send("later@shop.example").unwrap_err().fate(), Fate::Transient);
    // Who is refused is no reason to give up who may take it yet.
    assert_eq!(send("no@shop.example;later@shop.example").unwrap_err().fate(), Fate::Transient);
    assert_eq!(send("later@shop.example;no@shop.example").unwrap_err().fate(), Fate::Transient);
    // Who has it does not get it again for the sake of who has not.
    send("later@shop.example;a@shop.example").unwrap();
    assert_eq!(mail.taken().len(), 1);
    let error = Bench::new("email", "{addresses: a@shop.example}", None, "").firing().unwrap_err();
    assert!(error.report().contains("No SMTP server is configured"));
    let with_tls = Smtp {
        tls: SmtpTls::StartTls,
        login: Some(("u".to_owned(), Secret::new("p4ss"))),
        ..smtp(&mail)
    };
    let error = Bench::new("email", "{addresses: a@shop.example}", Some(&with_tls), "")
        .firing()
        .unwrap_err();
    assert!(
        !format!("{error:?}{with_tls:?}").contains("p4ss"),
        "the server has no STARTTLS, and gets no password"
    );
}

#[test]
fn templates_of_a_project_are_known_to_receivers() {
    let server = Http::start();
    let settings = format!("{{url: '{}/x', title: '{{{{ template \"own\" . }}}}'}}", server.url);
    let bench = Bench::new(
        "webhook",
        &settings,
        None,
        "templates: [{name: t, template: '{{ define \"own\" }}mine {{ .CommonLabels.team }}{{ end }}'}]",
    );
    bench.firing().unwrap();
    assert_eq!(server.wait(1)[0].json()["title"], "mine blue");
}
