//! `[alerts]`: what the project's rules need beyond Grafana's files, which stand in `alerting/`.

use super::Raw;
use ::serve::alerts::{Mail, MailTls, Password};
use model::{Error, Result};
use serde::Deserialize;

#[derive(Clone, Debug, Default)]
pub(crate) struct Alerts {
    /// The page's address for people; none: where it listens.
    pub(crate) url: Option<String>,
    smtp: Option<Smtp>,
}

#[derive(Clone, Debug)]
struct Smtp {
    host: String,
    port: u16,
    tls: MailTls,
    from: String,
    user: Option<String>,
    password: Option<Raw>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AlertsSection {
    url: Option<String>,
    smtp: Option<SmtpSection>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct SmtpSection {
    server: Option<String>,
    tls: Option<String>,
    from: Option<String>,
    user: Option<String>,
    password: Option<String>,
}

impl AlertsSection {
    pub(super) fn resolve(self, warnings: &mut Vec<String>) -> Result<Alerts> {
        let url =
            self.url.map(|url| match url.starts_with("http://") || url.starts_with("https://") {
                true => Ok(format!("{}/", url.trim_end_matches('/'))),
                false => Err(Error::definite(format!(
                    "cannot use alerts.url: {url:?} is no address of a page"
                ))
                .hint("url = \"https://millrace.example\" under [alerts]")),
            });
        let smtp = self.smtp.map(|section| section.resolve(warnings));
        Ok(Alerts { url: url.transpose()?, smtp: smtp.transpose()? })
    }
}

impl SmtpSection {
    fn resolve(self, warnings: &mut Vec<String>) -> Result<Smtp> {
        let cannot =
            |key: &str, why: &str| Error::definite(format!("cannot use alerts.smtp.{key}: {why}"));
        let server = self.server.ok_or_else(|| {
            cannot("server", "there is none")
                .hint("server = \"smtp.example:587\" under [alerts.smtp]")
        })?;
        let place =
            server.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = place.ok_or_else(|| {
            cannot("server", &format!("{server:?} is no host with a port"))
                .hint("server = \"smtp.example:587\"")
        })?;
        let is_near = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        let tls = match self.tls.as_deref().unwrap_or(if port == 465 {
            "whole"
        } else {
            "starttls"
        }) {
            "starttls" => MailTls::StartTls,
            "whole" => MailTls::Whole,
            "none" if is_near => MailTls::None,
            "none" => return Err(cannot(
                "tls",
                "without it passwords and alerts cross the network unencrypted",
            )
            .hint(
                "tls = \"starttls\", or \"whole\" where the server wants it from the first byte",
            )),
            other => {
                return Err(cannot("tls", &format!("{other:?} is not known"))
                    .hint("starttls, whole, and none for a server on this machine"));
            }
        };
        let from = self.from.ok_or_else(|| {
            cannot("from", "there is none").hint("from = \"Millrace <alerts@example.com>\"")
        })?;
        let password =
            self.password.map(|text| Raw::new("alerts.smtp.password", text)).transpose()?;
        if password.is_some() != self.user.is_some() {
            return Err(cannot("user", "a user and a password come together"));
        }
        if password.as_ref().is_some_and(Raw::is_literal) {
            warnings.push(
                "alerts.smtp.password stands in plain text; better: password = \"${SMTP_PASSWORD}\"".to_owned(),
            );
        }
        Ok(Smtp { host: host.to_owned(), port, tls, from, user: self.user, password })
    }
}

impl Alerts {
    pub(crate) fn mail(&self) -> Result<Option<Mail>> {
        let Some(smtp) = self.smtp.clone() else { return Ok(None) };
        let password = smtp.password.map(|raw| raw.resolve("alerts.smtp.password")).transpose()?;
        let password = password.map(|password| Password::new(password.expose()));
        let Smtp { host, port, tls, from, user, .. } = smtp;
        Ok(Some(Mail { host, port, tls, from, user, password }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<Alerts> {
        let section: AlertsSection = toml::from_str(text).unwrap();
        section.resolve(&mut Vec::new())
    }

    #[test]
    fn mail_goes_encrypted_unless_it_stays_on_this_machine() {
        let smtp = |lines: &str| resolve(&format!("[smtp]\nfrom = \"a@b.c\"\n{lines}"));
        let mail =
            smtp("server = \"mail.example:465\"\nuser = \"u\"\npassword = \"topsecret\"").unwrap();
        assert!(!format!("{mail:?}").contains("topsecret"));
        let mail = mail.mail().unwrap().unwrap();
        assert_eq!(
            (mail.host.as_str(), mail.port, mail.tls),
            ("mail.example", 465, MailTls::Whole)
        );
        assert!(!format!("{mail:?}").contains("topsecret"));
        assert!(smtp("server = \"127.0.0.1:25\"\ntls = \"none\"").is_ok());
        for (lines, why) in [
            ("", "there is none"),
            ("server = \"mail.example\"", "no host with a port"),
            ("server = \"mail.example:25\"\ntls = \"none\"", "unencrypted"),
            ("server = \"mail.example:25\"\ntls = \"ssl\"", "is not known"),
            ("server = \"mail.example:25\"\nuser = \"u\"", "come together"),
        ] {
            let error = smtp(lines).unwrap_err().report();
            assert!(error.contains(why), "{lines}: {error}");
        }
        assert_eq!(
            resolve("url = \"https://m.example\"").unwrap().url.unwrap(),
            "https://m.example/"
        );
        assert!(resolve("url = \"m.example\"").is_err());
    }
}
