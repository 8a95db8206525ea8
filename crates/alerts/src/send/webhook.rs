//! Webhooks, with Grafana's body.

use super::http::{Http, Login};
use super::message::{MESSAGE, Message, TITLE};
use super::{Secret, Settings, Tried};

#[derive(Clone, Debug)]
pub struct Webhook {
    url: Secret,
    method: &'static str,
    authorization: Option<Secret>,
    /// 0 is all.
    alerts_max: usize,
    title: Option<String>,
    message: Option<String>,
}

impl Webhook {
    pub(super) fn read(settings: &Settings<'_>) -> Result<Webhook, String> {
        let method = match settings.text("httpMethod").as_deref() {
            None | Some("POST") => "POST",
            Some("PUT") => "PUT",
            Some(_) => return Err("the httpMethod of a webhook is POST or PUT".to_owned()),
        };
        let basic = settings.text("username").or_else(|| settings.text("password"));
        let credentials = settings.text("authorization_credentials");
        let authorization = match (basic, credentials) {
            (Some(_), Some(_)) => {
                return Err("a webhook has username and password, or authorization_credentials, and not both".to_owned());
            }
            (Some(_), None) => {
                let part = |key| settings.text(key).unwrap_or_default();
                Some(Secret::new(format!(
                    "Basic {}",
                    base64(&format!("{}:{}", part("username"), part("password")))
                )))
            }
            (None, Some(credentials)) => {
                let scheme =
                    settings.text("authorization_scheme").unwrap_or_else(|| "Bearer".to_owned());
                Some(Secret::new(format!("{scheme} {credentials}")))
            }
            (None, None) => None,
        };
        let alerts_max = settings.text("maxAlerts").map_or(Ok(0), |text| text.trim().parse());
        Ok(Webhook {
            url: settings.address("url")?,
            method,
            authorization,
            alerts_max: alerts_max
                .map_err(|_| "the maxAlerts of a webhook is a number".to_owned())?,
            title: settings.text("title"),
            message: settings.text("message"),
        })
    }

    pub(super) fn send(&self, http: &Http, message: &Message<'_>) -> Tried {
        let title = message.text("title", self.title.as_deref(), TITLE);
        let text = message.text("message", self.message.as_deref(), MESSAGE);
        let body = message.body(&title, &text, self.alerts_max);
        let login =
            self.authorization.as_ref().map_or(Login::None, |value| Login::Header(value.open()));
        http.send(self.method, self.url.open(), login, message.id, &body).map(drop)
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(text: &str) -> String {
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            let sextet = (bits >> (18 - 6 * index) & 63) as usize;
            out.push(if index <= chunk.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (text, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("a:b", "YTpi"),
        ] {
            assert_eq!(super::base64(text), coded);
        }
    }
}
