//! Microsoft Teams: a message with one adaptive card.

use serde_json::json;

use super::http::{Http, Login};
use super::message::{Message, TITLE, cut, cut_bytes};
use super::{Secret, Settings, Tried};

/// A card has 28 kB at most.
const TEXT_BYTES_MAX: usize = 12_000;
const TITLE_CHARS_MAX: usize = 1_000;

#[derive(Clone, Debug)]
pub struct Teams {
    url: Secret,
    title: Option<String>,
    section: Option<String>,
    message: Option<String>,
}

impl Teams {
    pub(super) fn read(settings: &Settings<'_>) -> Result<Teams, String> {
        Ok(Teams {
            url: settings.address("url")?,
            title: settings.text("title"),
            section: settings.text("sectiontitle"),
            message: settings.text("message"),
        })
    }

    pub(super) fn send(&self, http: &Http, message: &Message<'_>) -> Tried {
        let title = cut(&message.text("title", self.title.as_deref(), TITLE), TITLE_CHARS_MAX);
        let text = message.text(
            "message",
            self.message.as_deref(),
            r#"{{ template "teams.default.message" . }}"#,
        );
        let color = if message.firing() > 0 { "attention" } else { "good" };
        let mut blocks = vec![json!({
            "type": "TextBlock", "text": title, "weight": "bolder", "size": "large", "color": color, "wrap": true,
        })];
        if let Some(section) = &self.section {
            let section = cut(&message.text("sectiontitle", Some(section), ""), TITLE_CHARS_MAX);
            blocks.push(
                json!({"type": "TextBlock", "text": section, "weight": "bolder", "wrap": true}),
            );
        }
        blocks.push(
            json!({"type": "TextBlock", "text": cut_bytes(&text, TEXT_BYTES_MAX), "wrap": true}),
        );
        let mut card = json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": blocks,
            "msTeams": {"width": "Full"},
        });
        if let Some(link) = message.link() {
            card["actions"] = json!([{"type": "Action.OpenUrl", "title": "View", "url": link}]);
        }
        let body = json!({
            "type": "message",
            "summary": title,
            "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
        });
        http.send("POST", self.url.open(), Login::None, message.id, &body).map(drop)
    }
}
