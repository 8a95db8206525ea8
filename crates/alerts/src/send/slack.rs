//! Slack: an incoming webhook, or a token and `chat.postMessage`.

use model::Error;
use serde_json::{Value as Json, json};

use super::http::{Http, Login};
use super::message::{Message, cut};
use super::{Secret, Settings, Tried};

const POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";
/// Slack cuts attachments longer than that itself, in the middle of a word.
const TEXT_CHARS_MAX: usize = 7_000;
const TITLE_CHARS_MAX: usize = 1_024;

#[derive(Clone, Debug)]
pub struct Slack {
    url: Secret,
    token: Option<Secret>,
    recipient: Option<String>,
    username: String,
    icon_emoji: Option<String>,
    icon_url: Option<String>,
    mentions: Vec<String>,
    title: Option<String>,
    text: Option<String>,
    color: Option<String>,
}

impl Slack {
    pub(super) fn read(settings: &Settings<'_>) -> Result<Slack, String> {
        let token = settings.text("token").map(Secret::new);
        let recipient = settings.text("recipient");
        let url = if settings.text("url").is_some() {
            settings.address("url")?
        } else if token.is_none() {
            return Err("a slack receiver has a url, or a token and a recipient".to_owned());
        } else if recipient.is_none() {
            return Err("a slack receiver with a token needs a recipient".to_owned());
        } else if settings.text("endpointUrl").is_some() {
            settings.address("endpointUrl")?
        } else {
            Secret::new(POST_MESSAGE)
        };
        // A webhook knows its channel and takes no token.
        let token = token.filter(|_| settings.text("url").is_none());
        let mut mentions = Vec::new();
        let split = |key| settings.text(key).unwrap_or_default();
        mentions.extend(
            split("mentionUsers")
                .split(',')
                .filter(|id| !id.trim().is_empty())
                .map(|id| format!("<@{}>", id.trim())),
        );
        mentions.extend(
            split("mentionGroups")
                .split(',')
                .filter(|id| !id.trim().is_empty())
                .map(|id| format!("<!subteam^{}>", id.trim())),
        );
        match settings.text("mentionChannel").as_deref() {
            None => {}
            Some(channel @ ("here" | "channel")) => mentions.push(format!("<!{channel}>")),
            Some(_) => return Err("the mentionChannel of slack is here or channel".to_owned()),
        }
        Ok(Slack {
            url,
            token,
            recipient,
            username: settings.text("username").unwrap_or_else(|| "Millrace".to_owned()),
            icon_emoji: settings.text("icon_emoji"),
            icon_url: settings.text("icon_url"),
            mentions,
            title: settings.text("title"),
            text: settings.text("text"),
            color: settings.text("color"),
        })
    }

    pub(super) fn send(&self, http: &Http, message: &Message<'_>) -> Tried {
        let title = written(
            message,
            "title",
            self.title.as_deref(),
            r#"{{ template "slack.default.title" . }}"#,
        );
        let text = written(
            message,
            "text",
            self.text.as_deref(),
            r#"{{ template "slack.default.text" . }}"#,
        );
        let standard = if message.firing() > 0 { "#D63232" } else { "#36a64f" };
        let mut body = json!({
            "username": self.username,
            "attachments": [{
                "color": message.text("color", self.color.as_deref(), standard),
                "title": cut(&title, TITLE_CHARS_MAX),
                "fallback": cut(&title, TITLE_CHARS_MAX),
                "text": cut(&text, TEXT_CHARS_MAX),
                "mrkdwn_in": ["text", "pretext"],
            }],
        });
        let mut add = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                body[key] = Json::String(value);
            }
        };
        add("channel", self.recipient.clone());
        add("icon_emoji", self.icon_emoji.clone());
        add("icon_url", self.icon_url.clone());
        add("text", (!self.mentions.is_empty()).then(|| self.mentions.join(" ")));
        if let Some(link) = message.link() {
            body["attachments"][0]["title_link"] = Json::String(link);
        }
        let header =
            self.token.as_ref().map(|token| Secret::new(format!("Bearer {}", token.open())));
        let login = header.as_ref().map_or(Login::None, |value| Login::Header(value.open()));
        let answer = http.send("POST", self.url.open(), login, message.id, &body)?;
        if self.token.is_some() { said(&answer) } else { Ok(()) }
    }
}

/// What a label says calls nobody and links nowhere; what a contact point's own template says is meant.
fn written(message: &Message<'_>, name: &str, custom: Option<&str>, standard: &str) -> String {
    let (text, is_own) = message.written(name, custom, standard);
    if is_own {
        return text;
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// `chat.postMessage` answers 200 to what it refuses too.
fn said(answer: &str) -> Tried {
    let answer: Json = serde_json::from_str(answer).unwrap_or(Json::Null);
    if answer.get("ok") == Some(&Json::Bool(true)) {
        return Ok(());
    }
    let code = answer.get("error").and_then(Json::as_str).unwrap_or("no reason");
    let code: String =
        code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(60).collect();
    if matches!(
        code.as_str(),
        "ratelimited" | "rate_limited" | "internal_error" | "fatal_error" | "service_unavailable"
    ) {
        return Err(Error::transient(format!("could not post to Slack: {code}")).into());
    }
    Err(Error::definite(format!("cannot post to Slack: {code}"))
        .hint("look at token and recipient of the contact point")
        .into())
}
