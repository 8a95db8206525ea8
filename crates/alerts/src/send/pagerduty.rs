//! PagerDuty's Events API v2. A group is one incident: its `dedup_key` is made of the group's key.

use serde_json::{Value as Json, json};

use super::http::{Http, Login};
use super::message::{Message, TITLE, cut};
use super::{Secret, Settings, Tried};

const ENQUEUE: &str = "https://events.pagerduty.com/v2/enqueue";
/// PagerDuty refuses longer ones.
const SUMMARY_CHARS_MAX: usize = 1_024;
const DETAIL_CHARS_MAX: usize = 60_000;

#[derive(Clone, Debug)]
pub struct PagerDuty {
    url: Secret,
    key: Secret,
    severity: Option<String>,
    class: Option<String>,
    component: Option<String>,
    group: Option<String>,
    summary: Option<String>,
    source: Option<String>,
    client: Option<String>,
    client_url: Option<String>,
}

impl PagerDuty {
    pub(super) fn read(settings: &Settings<'_>) -> Result<PagerDuty, String> {
        let url = if settings.text("url").is_some() {
            settings.address("url")?
        } else {
            Secret::new(ENQUEUE)
        };
        Ok(PagerDuty {
            url,
            key: settings.secret("integrationKey")?,
            severity: settings.text("severity"),
            class: settings.text("class"),
            component: settings.text("component"),
            group: settings.text("group"),
            summary: settings.text("summary"),
            source: settings.text("source"),
            client: settings.text("client"),
            client_url: settings.text("client_url"),
        })
    }

    pub(super) fn send(&self, http: &Http, message: &Message<'_>) -> Tried {
        let fires = message.firing() > 0;
        // What comes to nothing would be refused.
        let text = |name: &str, custom: &Option<String>, default: &str| {
            let own = custom.as_deref().map(|own| message.text(name, Some(own), default));
            own.filter(|text| !text.is_empty()).unwrap_or_else(|| message.text(name, None, default))
        };
        let severity = text("severity", &self.severity, "critical").to_lowercase();
        let known = ["critical", "error", "warning", "info"].contains(&severity.as_str());
        let list = |which: &str| {
            let template = format!("{{{{ template \"__alert_list\" .Alerts.{which} }}}}");
            Json::String(cut(&message.text("details", None, &template), DETAIL_CHARS_MAX))
        };
        let link = message.link();
        let mut body = json!({
            "routing_key": self.key.open(),
            "event_action": if fires { "trigger" } else { "resolve" },
            "dedup_key": crate::engine::digest(message.group_key),
            "payload": {
                "summary": cut(&text("summary", &self.summary, TITLE), SUMMARY_CHARS_MAX),
                "source": text("source", &self.source, "millrace"),
                "severity": if known { severity.as_str() } else { "critical" },
                "class": text("class", &self.class, "default"),
                "component": text("component", &self.component, "Millrace"),
                "group": text("group", &self.group, "default"),
                "custom_details": {
                    "firing": list("Firing"),
                    "resolved": list("Resolved"),
                    "num_firing": message.firing().to_string(),
                    "num_resolved": (message.alerts.len() - message.firing()).to_string(),
                },
            },
            "client": text("client", &self.client, "Millrace"),
        });
        if self.client_url.is_some() || link.is_some() {
            body["client_url"] = Json::String(text(
                "client_url",
                &self.client_url,
                link.as_deref().unwrap_or_default(),
            ));
        }
        http.send("POST", self.url.open(), Login::None, message.id, &body).map(drop)
    }
}
