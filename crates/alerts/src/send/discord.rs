//! Discord's webhooks.

use serde_json::{Value as Json, json};

use super::http::{Http, Login};
use super::message::{Message, TITLE, cut};
use super::{Secret, Settings, Tried};

/// Discord refuses longer ones.
const CONTENT_CHARS_MAX: usize = 2_000;
const TITLE_CHARS_MAX: usize = 256;
const RED: u32 = 0x00d6_3232;
const GREEN: u32 = 0x0036_a64f;

#[derive(Clone, Debug)]
pub struct Discord {
    url: Secret,
    title: Option<String>,
    message: Option<String>,
    avatar_url: Option<String>,
    /// The name that the webhook has in Discord stays.
    own_name: bool,
}

impl Discord {
    pub(super) fn read(settings: &Settings<'_>) -> Result<Discord, String> {
        Ok(Discord {
            url: settings.address("url")?,
            title: settings.text("title"),
            message: settings.text("message"),
            avatar_url: settings.text("avatar_url"),
            own_name: settings.flag("use_discord_username"),
        })
    }

    pub(super) fn send(&self, http: &Http, message: &Message<'_>) -> Tried {
        let title = message.text("title", self.title.as_deref(), TITLE);
        let (text, is_own) = message.written(
            "message",
            self.message.as_deref(),
            r#"{{ template "discord.default.message" . }}"#,
        );
        let mut embed = json!({
            "title": cut(&title, TITLE_CHARS_MAX),
            "color": if message.firing() > 0 { RED } else { GREEN },
            "type": "rich",
            "footer": {"text": "Millrace"},
        });
        if let Some(link) = message.link() {
            embed["url"] = Json::String(link);
        }
        // What a label says mentions nobody.
        let mut body = json!({
            "content": cut(&text, CONTENT_CHARS_MAX),
            "embeds": [embed],
            "allowed_mentions": {"parse": []},
        });
        if let Some(own) = self.message.as_ref().filter(|_| is_own) {
            // A mention that the contact point's own template writes is meant. Everybody is called by its own words alone.
            let everyone = own.contains("@everyone") || own.contains("@here");
            let kinds = ["users", "roles", "everyone"];
            body["allowed_mentions"] = json!({"parse": &kinds[..if everyone { 3 } else { 2 }]});
        }
        if !self.own_name {
            body["username"] = json!("Millrace");
        }
        if let Some(avatar) = &self.avatar_url {
            body["avatar_url"] = Json::String(message.text("avatar_url", Some(avatar), ""));
        }
        http.send("POST", self.url.open(), Login::None, message.id, &body).map(drop)
    }
}
