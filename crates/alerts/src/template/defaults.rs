//! The templates that messages are written with as long as a contact point brings none of its own.
//!
//! Their names and what they say are Grafana's (its documentation shows both); the text is ours.

pub(super) const ALL: [(&str, &str); 8] = [
    ("default.title", TITLE),
    ("__alert_list", LIST),
    ("default.message", MESSAGE),
    ("default.message.text", r#"{{ template "default.message" . }}"#),
    ("slack.default.title", r#"{{ template "default.title" . }}"#),
    ("slack.default.text", r#"{{ template "default.message" . }}"#),
    ("teams.default.message", r#"{{ template "default.message" . }}"#),
    ("discord.default.message", r#"{{ template "default.message" . }}"#),
];

/// `[FIRING:2] High latency (shop)`: what the group is about, and in parentheses what else all alerts share.
const TITLE: &str = r#"
{{- define "default.title" -}}
[{{ .Status | toUpper }}{{ if eq .Status "firing" }}:{{ len .Alerts.Firing }}{{ if gt (len .Alerts.Resolved) 0 }}, RESOLVED:{{ len .Alerts.Resolved }}{{ end }}{{ end }}] {{ join " " .GroupLabels.SortedPairs.Values }} {{ if gt (len .CommonLabels) (len .GroupLabels) }}({{ with .CommonLabels.Remove .GroupLabels.Names }}{{ join " " .Values }}{{ end }}){{ end }}
{{- end -}}
"#;

const LIST: &str = r#"
{{- define "__alert_list" }}{{ range . }}
Value: {{ if .ValueString }}{{ range $name, $value := .Values }}{{ $name }}={{ $value }} {{ end }}{{ else }}[no value]{{ end }}
Labels:
{{ range .Labels.SortedPairs }} - {{ .Name }} = {{ .Value }}
{{ end }}Annotations:
{{ range .Annotations.SortedPairs }} - {{ .Name }} = {{ .Value }}
{{ end }}{{ if .GeneratorURL }}Source: {{ .GeneratorURL }}
{{ end }}{{ if .SilenceURL }}Silence: {{ .SilenceURL }}
{{ end }}{{ if .DashboardURL }}Dashboard: {{ .DashboardURL }}
{{ end }}{{ if .PanelURL }}Panel: {{ .PanelURL }}
{{ end }}{{ end }}{{ end -}}
"#;

const MESSAGE: &str = r#"
{{- define "default.message" -}}
{{ if .Alerts.Firing }}**Firing**
{{ template "__alert_list" .Alerts.Firing }}{{ if .Alerts.Resolved }}

{{ end }}{{ end }}{{ if .Alerts.Resolved }}**Resolved**
{{ template "__alert_list" .Alerts.Resolved }}{{ end }}
{{- end -}}
"#;
