//! Contact points: what a group of alerts becomes on the way to people and their tools.
//!
//! ```text
//! Message (alerts, labels) ─▶ texts (templates) ─▶ webhook │ slack │ email │ pagerduty │ teams │ discord ─▶ one request
//! ```
//!
//! Here a message is tried once, and blocks; `engine::sending` tries again. An error has a fate: what may pass (network, 429,
//! 5xx) is transient. It never holds an address: that of a Slack or Discord webhook is the secret itself.

mod discord;
mod email;
mod http;
mod message;
mod pagerduty;
mod secret;
mod slack;
mod teams;
mod webhook;

use model::{Error, Result};
use serde_json::Value as Json;

pub use email::{Smtp, SmtpTls};
pub use http::Http;
pub use message::{Context, Message};
pub use secret::Secret;

/// A receiver's kind with its settings.
#[derive(Clone, Debug)]
pub enum Kind {
    Webhook(webhook::Webhook),
    Slack(slack::Slack),
    Email(email::Email),
    PagerDuty(pagerduty::PagerDuty),
    Teams(teams::Teams),
    Discord(discord::Discord),
}

impl Kind {
    pub(crate) fn read(kind: &str, settings: &Json) -> Result<Kind, String> {
        let settings = Settings { kind, json: settings };
        match kind {
            "webhook" => webhook::Webhook::read(&settings).map(Kind::Webhook),
            "slack" => slack::Slack::read(&settings).map(Kind::Slack),
            "email" => email::Email::read(&settings).map(Kind::Email),
            "pagerduty" => pagerduty::PagerDuty::read(&settings).map(Kind::PagerDuty),
            "teams" => teams::Teams::read(&settings).map(Kind::Teams),
            "discord" => discord::Discord::read(&settings).map(Kind::Discord),
            other => Err(format!(
                "receivers of type {other} are not sent to; there are webhook, slack, email, pagerduty, teams, discord"
            )),
        }
    }

    /// Settings that are read, by kind; of the others a file is told that they have no effect.
    pub(crate) fn known_settings(kind: &str) -> &'static [&'static str] {
        match kind {
            "webhook" => &[
                "url",
                "httpMethod",
                "username",
                "password",
                "authorization_scheme",
                "authorization_credentials",
                "maxAlerts",
                "title",
                "message",
            ],
            "slack" => &[
                "url",
                "token",
                "recipient",
                "endpointUrl",
                "username",
                "icon_emoji",
                "icon_url",
                "mentionUsers",
                "mentionGroups",
                "mentionChannel",
                "title",
                "text",
                "color",
            ],
            "email" => &["addresses", "singleEmail", "subject", "message"],
            "pagerduty" => &[
                "url",
                "integrationKey",
                "severity",
                "class",
                "component",
                "group",
                "summary",
                "source",
                "client",
                "client_url",
            ],
            "teams" => &["url", "title", "sectiontitle", "message"],
            "discord" => &["url", "title", "message", "avatar_url", "use_discord_username"],
            _ => &[],
        }
    }

    /// Whether who receives it can tell a second try from a second message: by `Idempotency-Key`, or by `dedup_key`.
    pub fn tells_repeats(&self) -> bool {
        matches!(self, Kind::Webhook(_) | Kind::PagerDuty(_))
    }
}

/// Why a message was not sent.
#[derive(Debug)]
pub struct Failed {
    pub error: Error,
    /// It may have been taken all the same: the answer did not come, or is that of somebody between.
    pub perhaps: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed { error, perhaps: false }
    }
}

/// What came of one try.
pub type Tried<T = ()> = std::result::Result<T, Failed>;

/// What sends: made once, since certificates are read for it.
#[derive(Clone)]
pub struct Office {
    http: Http,
    smtp: Option<email::Post>,
}

impl Office {
    pub fn new(http: Http, smtp: Option<&Smtp>) -> Result<Office> {
        Ok(Office { http, smtp: smtp.map(email::Post::new).transpose()? })
    }

    /// Tries once, and blocks.
    pub fn send(&self, kind: &Kind, message: &Message<'_>) -> Tried {
        match kind {
            Kind::Webhook(settings) => settings.send(&self.http, message),
            Kind::Slack(settings) => settings.send(&self.http, message),
            Kind::PagerDuty(settings) => settings.send(&self.http, message),
            Kind::Teams(settings) => settings.send(&self.http, message),
            Kind::Discord(settings) => settings.send(&self.http, message),
            Kind::Email(settings) => {
                let post = self.smtp.as_ref().ok_or_else(|| {
                    Error::definite("cannot send mail").detail("No SMTP server is configured.")
                })?;
                settings.send(post, message)
            }
        }
    }
}

/// The settings of a receiver as the file has them.
pub(crate) struct Settings<'a> {
    kind: &'a str,
    json: &'a Json,
}

impl Settings<'_> {
    fn text(&self, key: &str) -> Option<String> {
        match self.json.get(key)? {
            Json::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
            Json::Number(number) => Some(number.to_string()),
            Json::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    fn needed(&self, key: &str) -> Result<String, String> {
        let found = self.text(key);
        let text = found.ok_or_else(|| format!("the {} receiver lacks its {key}", self.kind))?;
        // Grafana writes this into what it exports.
        if text.contains("[REDACTED]") || text.contains("<redacted>") {
            return Err(format!(
                "the {key} of the {} receiver was taken out by an export; write it as ${{NAME}}",
                self.kind
            ));
        }
        Ok(text)
    }

    fn secret(&self, key: &str) -> Result<Secret, String> {
        self.needed(key).map(|text| Secret::new(text.trim()))
    }

    fn address(&self, key: &str) -> Result<Secret, String> {
        let text = self.needed(key)?;
        let text = text.trim();
        let is_http = text.starts_with("http://") || text.starts_with("https://");
        let wrong =
            || format!("the {key} of the {} receiver is no address of http or https", self.kind);
        is_http.then(|| Secret::new(text)).ok_or_else(wrong)
    }

    fn flag(&self, key: &str) -> bool {
        self.text(key).as_deref() == Some("true")
    }
}
