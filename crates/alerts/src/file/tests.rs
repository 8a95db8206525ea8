//! Files as Grafana's page on provisioning shows them, and what is wrong with others.

use std::path::Path;

use proptest::prelude::*;

use super::*;

fn read_with(sources: &[(&str, &str)]) -> Result<Files> {
    let var = |name: &str| match name {
        "HOST" => Some("hooks.example".to_owned()),
        "TOKEN" => Some("s3cret".to_owned()),
        _ => None,
    };
    let file = |_: &Path| Err(std::io::Error::other("no such file"));
    let sources: Vec<(String, String)> =
        sources.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Files::read(&sources, &Surroundings { var: &var, file: &file })
}

fn read(text: &str) -> Result<Files> {
    read_with(&[("a.yaml", text)])
}

const RULE: &str = r#"
apiVersion: 1
groups:
  - orgId: 1
    name: shop
    folder: Shop/Money
    interval: 1m30s
    rules:
      - uid: u1
        title: Few orders
        condition: C
        data:
          - refId: A
            queryType: ''
            relativeTimeRange: {from: 600, to: 0}
            datasourceUid: ch
            model:
              rawSql: SELECT count() AS n FROM orders WHERE $__timeFilter(at) AND x = '$HOST'
              format: 1
          - refId: B
            datasourceUid: __expr__
            model: {type: reduce, expression: A, reducer: last, refId: B, settings: {mode: dropNN}}
          - refId: C
            datasourceUid: __expr__
            model:
              type: threshold
              expression: B
              conditions:
                - evaluator: {type: lt, params: [5]}
        for: 5m
        keepFiringFor: 10m
        noDataState: KeepLast
        execErrState: Error
        missing_series_evals_to_resolve: 3
        annotations:
          summary: "{{ $values.B }} orders on ${HOST}, $HOST"
        labels: {team: sre, tier: 1}
        isPaused: false
        dashboardUid: money
        panelId: 7
        notification_settings:
          receiver: hook
          group_by: [alertname]
          group_wait: 5s
          mute_time_intervals: [night]
contactPoints:
  - orgId: 1
    name: hook
    receivers:
      - uid: r1
        type: webhook
        settings: {url: "https://$HOST/x", authorization_credentials: "${TOKEN}", maxAlerts: '10'}
      - uid: r2
        type: telegram
        settings: {bottoken: x}
        disableResolveMessage: true
policies:
  - receiver: hook
    group_by: ['...']
    routes:
      - receiver: hook
        matchers: ['severity =~ "warning|critical"']
        object_matchers: [['team', '=', 'sre'], ['tier', '!=', 2]]
        continue: true
        group_wait: 1s
        group_interval: 2m
        repeat_interval: 1d
        mute_time_intervals: [night]
muteTimes:
  - orgId: 1
    name: night
    time_intervals:
      - times: [{start_time: '22:00', end_time: '24:00'}, {start_time: '00:00', end_time: '06:00'}]
        weekdays: ['monday:wednesday', 'Saturday', 'sunday']
        months: ['1:3', 'may:august', 'december']
        years: ['2020:2022', '2030']
        days_of_month: ['1:5', '-3:-1']
        location: Europe/Berlin
templates:
  - orgID: 1
    name: own
    template: |
      {{ define "own" }}{{ .Status }}{{ end }}
deleteRules:
  - {orgId: 1, uid: old}
"#;

#[test]
fn a_file_with_everything() {
    let files = read(RULE).unwrap();
    let group = &files.groups[0];
    assert_eq!(
        (group.folder.as_str(), group.name.as_str(), group.interval_ms),
        ("Shop/Money", "shop", 90_000)
    );
    let rule = &group.rules[0];
    assert_eq!((rule.for_ms, rule.keep_firing_ms, rule.missing_evals_max), (300_000, 600_000, 3));
    assert_eq!((rule.no_data, rule.on_error), (NoDataState::KeepLast, OnError::Error));
    assert_eq!(rule.labels, crate::labels::of(&[("team", "sre"), ("tier", "1")]));
    // Annotations know the braced form alone, and templates survive.
    assert_eq!(rule.annotations["summary"], "{{ $values.B }} orders on hooks.example, $HOST");
    let plan = rule.plan.as_ref().unwrap();
    let query = plan.queries().next().unwrap();
    assert_eq!(
        query.sql, "SELECT count() AS n FROM orders WHERE $__timeFilter(at) AND x = '$HOST'",
        "the model is raw"
    );
    assert_eq!((query.from_s, query.to_s), (600, 0));
    let settings = rule.settings.as_ref().unwrap();
    assert_eq!((settings.receiver.as_str(), settings.group_wait_ms), ("hook", Some(5_000)));
    assert_eq!((rule.dashboard.as_deref(), rule.panel), (Some("money"), Some(7)));
    let point = &files.contact_points[0];
    assert!(
        point.receivers[0].send.is_ok()
            && point.receivers[1].send.is_err()
            && point.receivers[1].no_resolved
    );
    assert!(
        !format!("{files:?}").contains("s3cret")
            && !format!("{files:?}").contains("hooks.example/x"),
        "secrets are not shown"
    );
    let route = &files.policy.routes[0];
    assert_eq!(
        (route.matchers.len(), route.goes_on, route.repeat_interval_ms),
        (3, true, Some(86_400_000))
    );
    assert_eq!(files.policy.group_by.as_deref(), Some(&["...".to_owned()][..]));
    let night = &files.intervals["night"][0];
    assert_eq!(
        (night.times.len(), night.weekdays.len(), night.months.len(), night.days_of_month[1].from),
        (2, 3, 3, -3)
    );
    assert_eq!(night.weekdays[0], crate::route::Span { from: 1, to: 3 });
    let mut notes = files.notes.clone();
    notes.sort();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains(
        "a.yaml: contactPoints[0].receivers[1]: receivers of type telegram are not sent to"
    ));
    assert!(notes[1].contains("deleteRules"));
}

/// The examples of Grafana's page load as they are.
#[test]
fn the_example_of_the_documentation() {
    let files = read(
        r#"
apiVersion: 1
groups:
  - orgId: 1
    name: my_rule_group
    folder: my_first_folder
    interval: 60s
    rules:
      - uid: my_id_1
        title: my_first_rule
        condition: A
        data:
          - refId: A
            datasourceUid: '__expr__'
            model:
              conditions:
                - evaluator: {params: [3], type: gt}
                  operator: {type: and}
                  query: {params: [A]}
                  reducer: {type: last}
                  type: query
              datasource: {type: __expr__, uid: '__expr__'}
              expression: 1==0
              intervalMs: 1000
              maxDataPoints: 43200
              refId: A
              type: math
        dashboardUid: my_dashboard
        panelId: 123
        noDataState: Alerting
        for: 60s
        annotations: {some_key: some_value}
        labels: {team: sre_team_1}
"#,
    )
    .unwrap();
    let rule = &files.groups[0].rules[0];
    assert!(rule.plan.is_ok());
    assert_eq!(rule.on_error, OnError::Alerting, "what a file does not say");
    assert_eq!(
        (rule.no_data, rule.missing_evals_max, rule.keep_firing_ms),
        (NoDataState::Alerting, 2, 0)
    );
    assert_eq!(
        files.notes,
        [
            "there is no notification policy: alerts of rules without a receiver of their own go nowhere"
        ]
    );
    assert!(read("").unwrap().groups.is_empty());
    assert!(read("# nothing\n").unwrap().groups.is_empty());
    assert!(read(r#"{"apiVersion": 1, "groups": []}"#).unwrap().groups.is_empty(), "JSON is YAML");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let group = |rest: &str| {
        format!(
            "groups: [{{name: g, folder: f, interval: 1m, rules: [{{uid: u, title: t, condition: A, data: [], {rest}}}]}}]"
        )
    };
    let cases = [
        ("groups: {}".to_owned(), "groups", "a list is wanted"),
        ("[]".to_owned(), "a.yaml", "a mapping is wanted"),
        ("apiVersion: 2".to_owned(), "apiVersion", "only version"),
        ("groups: [{folder: f, interval: 1m}]".to_owned(), "groups[0].name", "missing"),
        ("groups: [{name: g, folder: f, interval: fast}]".to_owned(), "groups[0].interval", "a duration is wanted"),
        ("groups: [{name: g, folder: f, interval: 10ms}]".to_owned(), "groups[0].interval", "once a second"),
        (group("for: -1m"), "groups[0].rules[0].for", "a duration"),
        (group("noDataState: Fine"), "groups[0].rules[0].noDataState", "KeepLast"),
        (group("execErrState: Fine"), "groups[0].rules[0].execErrState", "KeepLast"),
        (group("isPaused: maybe"), "groups[0].rules[0].isPaused", "true or false"),
        (group("labels: {a: [1]}"), "groups[0].rules[0].labels.a", "a text"),
        (group("missing_series_evals_to_resolve: 0"), "missing_series_evals_to_resolve", "from 1 on"),
        (group("notification_settings: {receiver: gone}"), "gone", "the rule u"),
        ("policies: [{receiver: gone}]".to_owned(), "cannot find the contact point gone", "a notification policy"),
        ("contactPoints: [{name: c, receivers: []}]\npolicies: [{receiver: c, routes: [{mute_time_intervals: [x]}]}]".to_owned(), "cannot find the mute timing x", ""),
        ("policies: [{receiver: c, object_matchers: [[a, =, b]]}]".to_owned(), "policies[0].object_matchers", "the root"),
        ("policies: [{receiver: c, repeat_interval: 0s}]".to_owned(), "policies[0].repeat_interval", "more than nothing"),
        ("policies: [{receiver: c, routes: [{object_matchers: [[a, b]]}]}]".to_owned(), "policies[0].routes[0].object_matchers[0]", "[name, =, value]"),
        ("policies: [{receiver: c, routes: [{object_matchers: [[a, =~, '(']]}]}]".to_owned(), "object_matchers[0]", "no regular expression"),
        ("policies: [{receiver: c, routes: [{matchers: [severity]}]}]".to_owned(), "matchers[0]", "is no matcher"),
        ("muteTimes: [{name: n, time_intervals: [{times: [{start_time: '25:00', end_time: '26:00'}]}]}]".to_owned(), "times[0].start_time", "as 09:30"),
        ("muteTimes: [{name: n, time_intervals: [{times: [{start_time: '10:00', end_time: '09:00'}]}]}]".to_owned(), "times[0].end_time", "after start_time"),
        ("muteTimes: [{name: n, time_intervals: [{weekdays: [someday]}]}]".to_owned(), "time_intervals[0].weekdays", "someday"),
        ("muteTimes: [{name: n, time_intervals: [{days_of_month: ['0']}]}]".to_owned(), "days_of_month", "0 is no span"),
        ("muteTimes: [{name: n, time_intervals: [{months: ['5:2']}]}]".to_owned(), "months", "5:2"),
        ("muteTimes: [{name: n, time_intervals: [{location: Mars/Base}]}]".to_owned(), "location", "Mars/Base"),
        ("muteTimes: [{name: n}, {name: n}]".to_owned(), "muteTimes[1].name", "there already"),
        ("templates: [{name: n, template: a}, {name: n, template: b}]".to_owned(), "templates[1].name", "there already"),
        ("contactPoints: [{name: c, receivers: [{type: webhook, settings: {url: '$__file{/x}'}}]}]".to_owned(), "receivers[0].settings.url", "cannot read /x"),
        ("a: [".to_owned(), "cannot read a.yaml as YAML", ""),
        ("groups: [&a [*a]]".to_owned(), "a.yaml", ""),
    ];
    for (text, place, why) in cases {
        let error = read(&text).map(|_| ()).expect_err(&text).report();
        assert!(error.contains(place) && error.contains(why), "{text}\n{error}");
    }
}

#[test]
fn several_files_are_one() {
    let group = |uid: &str| {
        format!(
            "groups: [{{name: g, folder: f, interval: 1m, rules: [{{uid: {uid}, title: t, condition: A, data: []}}]}}]"
        )
    };
    let (a, b) = (group("u1"), group("u2"));
    let files = read_with(&[("a.yaml", &a), ("b.yaml", &b)]).unwrap();
    assert_eq!((files.groups.len(), files.groups[0].rules.len()), (1, 2));
    assert!(files.groups[0].rules[0].plan.is_err(), "an empty rule is kept, and fails");
    let error = read_with(&[("a.yaml", &a), ("b.yaml", &a)]).unwrap_err().report();
    assert!(error.contains("cannot read the rule u1"), "{error}");
    let slower = b.replace("1m", "2m");
    assert!(
        read_with(&[("a.yaml", &a), ("b.yaml", &slower)]).is_err(),
        "one group has one interval"
    );
    let policy = "contactPoints: [{name: c, receivers: []}]\npolicies: [{receiver: c}]";
    let error = read_with(&[("a.yaml", policy), ("b.yaml", "policies: [{receiver: c}]")])
        .unwrap_err()
        .report();
    assert!(error.contains("a.yaml has a notification policy already"), "{error}");
}

#[test]
fn what_has_no_effect_is_noted() {
    let files = read(
        "groups:\n- {name: g, folder: f, interval: 1m, rules: [{uid: u, title: t, record: {metric: m, from: A}}], limit: 3}\n\
         templates: [{name: bad, template: '{{ if }}'}]\nwhat: 1\nresetPolicies: [1]",
    )
    .unwrap();
    let notes = files.notes.join("\n");
    for note in [
        "groups[0].rules[0]: t is a recording rule",
        "groups[0].limit: is not known",
        "what: is not known",
        "resetPolicies",
        "template bad, line 1",
    ] {
        assert!(notes.contains(note), "{note}\n{notes}");
    }
    assert!(files.groups[0].rules.is_empty());
}

#[test]
fn a_file_cannot_grow_in_memory() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let refs = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{refs}]\n"));
    }
    assert!(read(&text).is_err());
    assert!(read(&"[".repeat(100_000)).is_err());
    assert!(read(&format!("groups: {}{}", "[".repeat(10_000), "]".repeat(10_000))).is_err());
}

#[test]
fn grafanas_own_contact_point_needs_no_file() {
    let files = read("policies: [{receiver: grafana-default-email}]").unwrap();
    assert!(files.notes[0].contains("goes nowhere"), "{:?}", files.notes);
}

#[test]
fn mail_to_nobody_is_said() {
    let text = "contactPoints: [{name: c, receivers: [{type: email, settings: {addresses: '${A};${B}'}}]}]";
    let files = read(text).unwrap();
    assert!(files.notes[0].contains("hold none"), "{:?}", files.notes);
}

#[test]
fn a_folder_is_read_by_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("b.yml"), "templates: [{name: b, template: x}]").unwrap();
    std::fs::write(folder.path().join("a.yaml"), "templates: [{name: a, template: x}]").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "{{{").unwrap();
    let around = Surroundings { var: &|_| None, file: &|_| Ok(String::new()) };
    let files = Files::of_folder(folder.path(), &around).unwrap();
    let names: Vec<&str> = files.templates.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(Files::of_folder(&folder.path().join("gone"), &around).unwrap().templates.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_is_read_without_a_panic(text in "(?s)[ -~\\n]{0,200}") {
        let _ = read(&text);
    }

    /// A file with one line changed.
    #[test]
    fn any_change_is_read_without_a_panic(line in 0_usize..100, with in "[ -~]{0,40}") {
        let lines: Vec<&str> = RULE.lines().collect();
        let at = line % lines.len();
        let indent: String = lines[at].chars().take_while(|c| *c == ' ').collect();
        let changed = format!("{indent}{with}");
        let text: Vec<&str> = lines.iter().enumerate().map(|(index, line)| if index == at { changed.as_str() } else { *line }).collect();
        let _ = read(&text.join("\n"));
    }
}
