//! Templates against what Go and Grafana's pages say they come to.

use proptest::prelude::*;

use super::{Set, Value};
use crate::labels::of;

fn alert(status: &str, host: &str) -> Value {
    Value::of_fields(vec![
        ("Status", status.into()),
        ("Labels", Value::from(&of(&[("alertname", "Latency"), ("host", host)]))),
        ("Annotations", Value::from(&of(&[("summary", "slow <b>")]))),
        ("StartsAt", Value::time(Some(1_634_032_263_157))),
        ("Values", Value::map([("B".to_owned(), Value::Float(44.25))])),
        ("ValueString", "[ var='B' ]".into()),
        ("GeneratorURL", "".into()),
        ("SilenceURL", "".into()),
        ("DashboardURL", "".into()),
        ("PanelURL", "".into()),
    ])
}

fn data() -> Value {
    Value::of_fields(vec![
        ("Status", "firing".into()),
        ("Receiver", "shop".into()),
        (
            "Alerts",
            Value::list(vec![alert("firing", "a"), alert("firing", "b"), alert("resolved", "c")]),
        ),
        ("GroupLabels", Value::from(&of(&[("alertname", "Latency")]))),
        ("CommonLabels", Value::from(&of(&[("alertname", "Latency"), ("team", "blue")]))),
        ("CommonAnnotations", Value::from(&of(&[]))),
    ])
}

fn written(text: &str) -> String {
    let set = Set { external_url: "http://shop.example/m/".to_owned(), ..Set::with_defaults() };
    let labels = of(&[("instance", "server1:9090"), ("job", "api")]);
    let number = Value::Struct(std::sync::Arc::new(super::Struct {
        fields: vec![("Value", Value::Float(81.2345)), ("Labels", Value::from(&labels))],
        shown: Some(Value::Float(81.2345)),
    }));
    let variables = [
        ("labels", Value::from(&labels)),
        ("values", Value::map([("A".to_owned(), number), ("1B".to_owned(), Value::Float(2.0))])),
        ("value", "81.2345".into()),
    ];
    set.expand("t", text, &data(), &variables).unwrap_or_else(|error| format!("!{error}"))
}

fn check(cases: &[(&str, &str)]) {
    for (text, out) in cases {
        assert_eq!(written(text), *out, "{text}");
    }
}

#[test]
fn annotations_as_grafana_documents_them() {
    check(&[
        ("plain $text", "plain $text"),
        ("{{ $values.A.Value }} for {{ $labels.instance }}", "81.2345 for server1:9090"),
        ("{{ $values.A }} {{ $value }}", "81.2345 81.2345"),
        ("{{ index $values \"1B\" }} {{ index $labels \"job\" }}", "2 api"),
        ("{{ $values.A.Labels.job }}", "api"),
        ("{{ $labels.gone }}|{{ $values.Z }}", "|<no value>"),
        ("{{ $labels }}", "instance=server1:9090, job=api"),
        ("{{ printf \"%.1f\" $values.A.Value }}", "81.2"),
        ("{{ $values.A | humanize }}", "81.23"),
        ("{{ humanize 1000.0 }} {{ humanize 0.0012 }} {{ humanize 0 }}", "1k 1.2m 0"),
        ("{{ humanize1024 1024.0 }}", "1ki"),
        (
            "{{ humanizeDuration 60.0 }} {{ humanizeDuration 93784 }} {{ humanizeDuration 0.5 }}",
            "1m 0s 1d 2h 3m 4s 500ms",
        ),
        ("{{ humanizePercentage 0.2 }} {{ humanizePercentage 0.12345 }}", "20% 12.35%"),
        ("{{ humanizeTimestamp 1577836800.0 }}", "2020-01-01 00:00:00 +0000 UTC"),
        ("{{ (toTime 1727802106) }}", "2024-10-01 17:01:46 +0000 UTC"),
        (
            "{{ title \"hello, world!\" }} {{ toUpper \"a\" }} {{ toLower \"B\" }}",
            "Hello, World! A b",
        ),
        ("{{ match \"a.*\" \"abc\" }}", "true"),
        (
            "{{ reReplaceAll \"localhost:(.*)\" \"example.com:$1\" \"localhost:8080\" }}",
            "example.com:8080",
        ),
        ("{{ stripPort $labels.instance }} {{ stripDomain \"a.b.c\" }}", "server1 a"),
        ("{{ parseDuration \"1h\" }}", "3600"),
        ("{{ externalURL }} {{ pathPrefix }}", "http://shop.example/m/ /m"),
        (
            "{{ if gt $values.A.Value 80.0 }}high{{ else if gt $values.A.Value 50.0 }}mid{{ else }}low{{ end }}",
            "high",
        ),
    ]);
}

#[test]
fn the_language() {
    check(&[
        ("{{ range .Alerts }}{{ .Labels.host }}{{ end }}", "abc"),
        ("{{ range $i, $a := .Alerts }}{{ $i }}{{ $a.Labels.host }} {{ end }}", "0a 1b 2c "),
        (
            "{{ range $k, $v := .CommonLabels }}{{ $k }}={{ $v }};{{ end }}",
            "alertname=Latency;team=blue;",
        ),
        ("{{ range .CommonAnnotations }}x{{ else }}none{{ end }}", "none"),
        (
            "{{ range .Alerts }}{{ if eq .Labels.host \"b\" }}{{ break }}{{ end }}{{ .Labels.host }}{{ end }}",
            "a",
        ),
        (
            "{{ range .Alerts }}{{ if eq .Labels.host \"b\" }}{{ continue }}{{ end }}{{ .Labels.host }}{{ end }}",
            "ac",
        ),
        ("{{ len .Alerts }} {{ len .Alerts.Firing }} {{ len .Alerts.Resolved }}", "3 2 1"),
        (
            "{{ with .CommonLabels.team }}<{{ . }}>{{ end }}{{ with .CommonLabels.gone }}x{{ else }}y{{ end }}",
            "<blue>y",
        ),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $y := 3 }}{{ end }}{{ $x }}", "2"),
        ("a {{- 1 -}} b", "a1b"),
        ("a {{/* said\nnothing */}}b", "a b"),
        ("{{ \"}}\" }}{{ `{{` }}", "}}{{"),
        ("{{ join \"-\" (stringSlice \"a\" \"b\") }} {{ stringSlice \"a\" \"b\" }}", "a-b [a b]"),
        ("{{ .CommonLabels.Names }} {{ .CommonLabels.Values }}", "[alertname team] [Latency blue]"),
        ("{{ (.CommonLabels.Remove (stringSlice \"team\")).Names | join \",\" }}", "alertname"),
        (
            "{{ range .CommonLabels.SortedPairs }}{{ .Name }}:{{ .Value }} {{ end }}",
            "alertname:Latency team:blue ",
        ),
        ("{{ (index .Alerts 0).StartsAt | date \"15:04:05 MST\" }}", "09:51:03 UTC"),
        (
            "{{ (index .Alerts 0).StartsAt | tz \"Europe/Paris\" | date \"Mon Jan 2 15:04:05.000 MST 2006\" }}",
            "Tue Oct 12 11:51:03.157 CEST 2021",
        ),
        (
            "{{ (index .Alerts 0).StartsAt.Format \"2006-01-02T15:04:05Z07:00\" }}",
            "2021-10-12T09:51:03Z",
        ),
        ("{{ (index .Alerts 0).StartsAt.Unix }}", "1634032263"),
        ("{{ and true 0 }} {{ or 0 \"x\" }} {{ not 1 }}", "0 x false"),
        (
            "{{ eq 1 2 1 }} {{ ne \"a\" \"b\" }} {{ lt 1 2.5 }} {{ le 2 2 }} {{ ge 1 2 }}",
            "true true true true false",
        ),
        (
            "{{ printf \"%s %d %5.2f|%-4s|%03d %q %t %v %x %%\" \"a\" 7 1.234 \"b\" 5 \"c\" true 1.5 255 }}",
            "a 7  1.23|b   |005 \"c\" true 1.5 ff %",
        ),
        ("{{ printf \"%d\" 1.5 }} {{ printf \"%s\" }}", "%!d(1.5) %!s(MISSING)"),
        ("{{ print 1 2 \"a\" \"b\" }}{{ println \"x\" 1 }}", "1 2abx 1\n"),
        ("{{ slice \"abcdef\" 1 3 }} {{ index (stringSlice \"a\" \"b\") 1 }}", "bc b"),
        ("{{ 1e6 }} {{ 1e21 }} {{ 0.00001 }} {{ 0x1f }} {{ -3 }}", "1e+06 1e+21 1e-05 31 -3"),
        ("{{ define \"x\" }}[{{ . }}]{{ end }}{{ template \"x\" \"in\" }}", "[in]"),
        ("{{ block \"y\" .Status }}<{{ . }}>{{ end }}", "<firing>"),
        (
            "{{ html \"<a>\" }} {{ urlquery \"a b&c\" }} {{ safeHtml \"<b>\" }} {{ trimSpace \" x \" }}",
            "&lt;a&gt; a+b%26c <b> x",
        ),
    ]);
}

#[test]
fn what_is_wrong_names_template_and_line() {
    check(&[
        ("\n{{ if }}x{{ end }}", "!template t, line 2: a value is wanted"),
        ("{{ if true }}x", "!template t, line 1: what begins here has no {{ end }}"),
        ("x{{ end }}", "!template t, line 1: nothing is open that could be closed here"),
        ("{{ .Status", "!template t, line 1: {{ has no }}"),
        ("{{ \"a }}", "!template t, line 1: {{ has no }}"),
        ("{{ $x }}", "!template t, line 1: $x is not declared"),
        ("\n\n{{ .Gone }}", "!template t, line 3: there is no field .Gone here"),
        ("{{ nothing 1 }}", "!template t, line 1: nothing is not known here"),
        ("{{ template \"gone\" }}", "!template t, line 1: there is no template \"gone\""),
        (
            "{{ define \"l\" }}\n{{ template \"l\" }}{{ end }}{{ template \"l\" }}",
            "!template l, line 2: templates call each other more than 32 deep",
        ),
        (
            "{{ range 1000000000 }}x{{ end }}",
            "!template t, line 1: it takes more than 200000 steps",
        ),
        ("{{ match \"(\" \"a\" }}", "!template t, line 1: the pattern is no regular expression"),
        ("{{ $values.1B.Value }}", "!template t, line 1: \".1B.Value\" is no number"),
    ]);
}

#[test]
fn a_template_cannot_take_all_there_is() {
    // It doubles a text in each turn.
    let text =
        "{{ $x := \"aaaaaaaaaaaaaaaa\" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}{{ $x }}";
    assert!(written(text).contains("it makes more than"), "{}", written(text));
    let text = "{{ $x := 1 }}{{ range 5000 }}{{ $x = args $x }}{{ end }}";
    assert!(written(text).contains("nested more than 8 deep"), "{}", written(text));
    // A map's pairs are objects around it.
    let text = "{{ $x := dict }}{{ range 50000 }}{{ $x = (dict \"a\" $x).SortedPairs }}{{ end }}";
    assert!(written(text).starts_with('!'), "{}", written(text));
    let text = "{{ $x := \"\" }}{{ range 50000 }}{{ $x = (args $x).SortedPairs }}{{ end }}";
    assert!(written(text).starts_with('!'), "{}", written(text));
    let text = format!("{}x{}", "{{ range 200000 }}".repeat(90), "{{ end }}".repeat(90));
    assert!(written(&text).starts_with('!'));
    let text = "{{ $x := .Alerts }}{{ range 200000 }}{{ $x = append $x 1 }}{{ end }}";
    assert!(written(text).starts_with('!'));
    for deep in ["{{ (((( 1 )))) }}", "{{ if 1 }}"] {
        assert!(!written(deep).is_empty());
    }
    // Values that share parts have few of them, and many ways through them.
    let many = "$x ".repeat(100);
    let shared =
        format!("{{{{ $x := list 1 }}}}{}", format!("{{{{ $x = list {many}}}}}").repeat(7));
    assert!(written(&shared).starts_with('!'));
    let patterns: String = (0..200).map(|n| format!("{{{{ match \"a{n}\" \"b\" }}}}")).collect();
    assert!(written(&patterns).contains("patterns"), "{}", written(&patterns));
    let nested = format!("{}x{}", "{{ if 1 }}".repeat(5_000), "{{ end }}".repeat(5_000));
    assert!(written(&nested).starts_with('!'));
    let nested = format!("{{{{ {}1{} }}}}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(written(&nested).starts_with('!'));
    let chain = format!("{{{{ if 0 }}}}{}{{{{ end }}}}", "{{ else if 0 }}x".repeat(5_000));
    assert!(written(&chain).starts_with('!'));
}

#[test]
fn the_default_texts() {
    assert_eq!(
        written("{{ template \"default.title\" . }}"),
        "[FIRING:2, RESOLVED:1] Latency (blue)"
    );
    let message = written("{{ template \"default.message\" . }}");
    assert!(message.starts_with("**Firing**\n\nValue: B=44.25 \nLabels:\n - alertname = Latency\n - host = a\nAnnotations:\n - summary = slow <b>\n"), "{message}");
    assert!(message.contains("\n**Resolved**\n\nValue: B=44.25"), "{message}");
    assert_eq!(
        written("{{ template \"slack.default.title\" . }}"),
        "[FIRING:2, RESOLVED:1] Latency (blue)"
    );
}

#[test]
fn a_file_defines_templates_under_their_names() {
    let mut set = Set::default();
    set.add(
        "file",
        "{{ define \"a\" }}A{{ end }}\n{{ define \"b\" }}{{ template \"a\" }}B{{ end }}\n",
    )
    .unwrap();
    set.add("whole", "no define {{ template \"b\" }}").unwrap();
    assert_eq!(
        set.expand("t", "{{ template \"whole\" }}", &Value::Nil, &[]).unwrap(),
        "no define AB"
    );
    assert!(set.expand("t", "{{ template \"file\" }}", &Value::Nil, &[]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_is_read_without_a_panic(text in "(?s)[ -~\\n{}äß$|\"`]{0,200}") {
        let _ = written(&text);
    }

    #[test]
    fn any_action_is_read_without_a_panic(inside in "[ -~]{0,60}", tail in "[ -~]{0,20}") {
        let _ = written(&format!("{{{{ {inside} }}}}{tail}"));
        let _ = written(&format!("{{{{ if {inside} }}}}x{{{{ else }}}}{tail}{{{{ end }}}}"));
        let _ = written(&format!("{{{{ range $i, $x := {inside} }}}}{{{{ $x }}}}{{{{ end }}}}"));
    }

    #[test]
    fn printf_takes_any_format(format in "[ -~]{0,30}", number in any::<f64>()) {
        let _ = super::go::printf(&format, &[Value::Float(number), Value::from("x"), Value::Int(3)], 10_000);
    }

    #[test]
    fn times_take_any_layout(layout in "[ -~]{0,40}", ms in any::<i32>()) {
        let _ = super::go::time(&jiff::Timestamp::from_second(i64::from(ms)).unwrap(), &jiff::tz::TimeZone::UTC, &layout);
    }
}
