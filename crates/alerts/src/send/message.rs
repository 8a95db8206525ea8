//! A message: a group's alerts with all that templates see of them.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::Labels;
use crate::labels::common;
use crate::route::Alert;
use crate::template::{Set, Value, escape_url};

/// One notification names at most so many; the rest is counted.
pub(crate) const ALERTS_MAX: usize = 500;

/// What all messages share.
#[derive(Clone)]
pub struct Context {
    pub templates: Arc<Set>,
    /// The page's address, for links; it ends with a slash, or is empty.
    pub external_url: String,
}

/// A group's news for one receiver.
pub struct Message<'a> {
    pub context: &'a Context,
    /// The contact point.
    pub receiver: &'a str,
    pub group_key: &'a str,
    pub group_labels: &'a Labels,
    /// Firing ones first.
    pub alerts: &'a [Alert],
    /// The same for each try of it.
    pub id: &'a str,
}

impl Message<'_> {
    pub(crate) fn firing(&self) -> usize {
        self.alerts.iter().filter(|alert| alert.ends_ms.is_none()).count()
    }

    pub(crate) fn status(&self) -> &'static str {
        if self.firing() > 0 { "firing" } else { "resolved" }
    }

    fn common(&self) -> (Labels, Labels) {
        let labels = common(self.alerts.iter().map(|alert| &alert.labels));
        let annotations = common(self.alerts.iter().map(|alert| &alert.annotations));
        (shown(&labels), shown(&annotations))
    }

    /// The address that a title leads to.
    pub(crate) fn link(&self) -> Option<String> {
        (!self.context.external_url.is_empty())
            .then(|| format!("{}alerts", self.context.external_url))
    }

    /// A template of the contact point, or the default's. One that fails does not swallow the alert: what is known is said
    /// plainly, and why.
    pub(crate) fn text(&self, name: &str, custom: Option<&str>, default: &str) -> String {
        self.written(name, custom, default).0
    }

    /// And whether it is what the contact point's own template says, whose mark-up is meant.
    pub(crate) fn written(
        &self,
        name: &str,
        custom: Option<&str>,
        default: &str,
    ) -> (String, bool) {
        let template = custom.unwrap_or(default);
        match self.context.templates.expand(name, template, &self.data(), &[]) {
            Ok(text) => (text.trim().to_owned(), custom.is_some()),
            Err(error) => {
                tracing::warn!(contact_point = %self.receiver, %error, "a notification template failed; the alerts are sent in plain words");
                (self.plain(&error), false)
            }
        }
    }

    fn plain(&self, error: &str) -> String {
        let mut text = format!("[{}:{}]", self.status().to_uppercase(), self.alerts.len());
        for alert in self.alerts.iter().take(20) {
            let status = if alert.ends_ms.is_none() { "firing" } else { "resolved" };
            text.push_str(&format!("\n{status} {}", crate::labels::shown(&shown(&alert.labels))));
            if let Some(summary) = alert.annotations.get("summary") {
                text.push_str(&format!(": {summary}"));
            }
        }
        text.push_str(&format!("\n(its template failed: {error})"));
        text
    }

    /// `.` of templates.
    pub(crate) fn data(&self) -> Value {
        let (labels, annotations) = self.common();
        Value::of_fields(vec![
            ("Receiver", self.receiver.into()),
            ("Status", self.status().into()),
            (
                "Alerts",
                Value::list(
                    self.alerts.iter().take(ALERTS_MAX).map(|alert| self.alert(alert)).collect(),
                ),
            ),
            ("GroupLabels", Value::from(&shown(self.group_labels))),
            ("CommonLabels", Value::from(&labels)),
            ("CommonAnnotations", Value::from(&annotations)),
            ("ExternalURL", self.context.external_url.as_str().into()),
            ("GroupKey", self.group_key.into()),
            ("TruncatedAlerts", Value::Int(self.alerts.len().saturating_sub(ALERTS_MAX) as i64)),
        ])
    }

    fn alert(&self, alert: &Alert) -> Value {
        let links = self.links(alert);
        let value = |value: &Option<f64>| value.map_or(Value::Nil, Value::Float);
        Value::of_fields(vec![
            ("Status", if alert.ends_ms.is_none() { "firing" } else { "resolved" }.into()),
            ("Labels", Value::from(&shown(&alert.labels))),
            ("Annotations", Value::from(&shown(&alert.annotations))),
            ("StartsAt", Value::time(Some(alert.starts_ms))),
            ("EndsAt", Value::time(alert.ends_ms)),
            (
                "Values",
                Value::map(alert.values.iter().map(|(name, number)| (name.clone(), value(number)))),
            ),
            ("ValueString", alert.value_text.as_str().into()),
            ("Fingerprint", alert.fingerprint().into()),
            ("GeneratorURL", links.generator.into()),
            ("SilenceURL", links.silence.into()),
            ("DashboardURL", links.dashboard.into()),
            ("PanelURL", links.panel.into()),
            ("ImageURL", "".into()),
            ("EmbeddedImage", "".into()),
            ("OrgID", Value::Int(1)),
        ])
    }

    /// Grafana's body of a webhook.
    pub(crate) fn body(&self, title: &str, message: &str, alerts_max: usize) -> Json {
        let (labels, annotations) = self.common();
        let most = if alerts_max == 0 { ALERTS_MAX } else { alerts_max.min(ALERTS_MAX) };
        json!({
            "receiver": self.receiver,
            "status": self.status(),
            "orgId": 1,
            "alerts": self.alerts.iter().take(most).map(|alert| self.alert_body(alert)).collect::<Vec<_>>(),
            "groupLabels": shown(self.group_labels),
            "commonLabels": labels,
            "commonAnnotations": annotations,
            "externalURL": self.context.external_url,
            "version": "1",
            "groupKey": self.group_key,
            "truncatedAlerts": self.alerts.len().saturating_sub(most),
            "title": title,
            "state": if self.firing() > 0 { "alerting" } else { "ok" },
            "message": message,
        })
    }

    fn alert_body(&self, alert: &Alert) -> Json {
        let links = self.links(alert);
        let numbers: Map<String, Json> = alert
            .values
            .iter()
            .map(|(name, value)| (name.clone(), json!(value.filter(|v| v.is_finite()))))
            .collect();
        json!({
            "status": if alert.ends_ms.is_none() { "firing" } else { "resolved" },
            "labels": shown(&alert.labels),
            "annotations": shown(&alert.annotations),
            "startsAt": time(Some(alert.starts_ms)),
            "endsAt": time(alert.ends_ms),
            "generatorURL": links.generator,
            "fingerprint": alert.fingerprint(),
            "silenceURL": links.silence,
            "dashboardURL": links.dashboard,
            "panelURL": links.panel,
            "values": if numbers.is_empty() { Json::Null } else { Json::Object(numbers) },
            "valueString": alert.value_text,
        })
    }

    fn links(&self, alert: &Alert) -> Links {
        let base = &self.context.external_url;
        if base.is_empty() {
            return Links::default();
        }
        let matchers: Vec<String> =
            shown(&alert.labels).iter().map(|(name, value)| format!("{name}={value}")).collect();
        let matchers: Vec<String> =
            matchers.iter().map(|text| format!("matcher={}", escape_url(text))).collect();
        let dashboard = alert.dashboard.as_ref().map(|uid| format!("{base}d/{}", escape_url(uid)));
        Links {
            generator: format!("{base}alerts?rule={}", escape_url(&alert.rule)),
            silence: format!("{base}alerts?silence=new&{}", matchers.join("&")),
            panel: match (&dashboard, alert.panel) {
                (Some(dashboard), Some(panel)) => format!("{dashboard}?viewPanel={panel}"),
                _ => String::new(),
            },
            dashboard: dashboard.unwrap_or_default(),
        }
    }
}

#[derive(Default)]
struct Links {
    generator: String,
    silence: String,
    dashboard: String,
    panel: String,
}

/// Names with two underscores are for the machinery.
fn shown(labels: &Labels) -> Labels {
    let open = labels.iter().filter(|(name, _)| !(name.starts_with("__") && name.ends_with("__")));
    open.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn time(ms: Option<i64>) -> String {
    let at = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string())
}

/// The first so many characters.
pub(crate) fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

/// The first so many bytes of UTF-8.
pub(crate) fn cut_bytes(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..end])
}

pub(crate) const TITLE: &str = r#"{{ template "default.title" . }}"#;
pub(crate) const MESSAGE: &str = r#"{{ template "default.message" . }}"#;
