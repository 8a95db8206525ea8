//! Mail by SMTP. The server is the host's; a contact point names addresses.

use std::time::{Duration, Instant};

use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Message as Mail, SmtpTransport, Transport};
use model::{Error, Fate, Result};

use super::message::{MESSAGE, Message, TITLE, cut};
use super::{Failed, Secret, Settings, Tried};
use crate::template::escape_html;

const TIMEOUT: Duration = Duration::from_secs(15);
const SUBJECT_CHARS_MAX: usize = 250;
const ADDRESSES_MAX: usize = 100;
/// For the rest of the mails, when the server took some.
const ROUNDS_MAX: u32 = 3;
const BETWEEN_ROUNDS: Duration = Duration::from_secs(1);

/// The server that takes our mail.
#[derive(Clone, Debug)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    pub login: Option<(String, Secret)>,
    /// `Millrace <alerts@example.com>`
    pub from: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SmtpTls {
    /// On this machine alone.
    None,
    StartTls,
    /// From the first byte, port 465.
    Whole,
}

/// Ready to send: certificates are read once.
#[derive(Clone)]
pub(super) struct Post {
    transport: SmtpTransport,
    from: Mailbox,
    domain: String,
}

impl Post {
    pub(super) fn new(smtp: &Smtp) -> Result<Post> {
        let from: Mailbox = smtp.from.parse().map_err(|_| {
            Error::definite("cannot send mail from this address")
                .hint("write it as Millrace <alerts@example.com>")
        })?;
        let parameters = || {
            let made = TlsParameters::builder(smtp.host.clone()).build_rustls();
            made.map_err(|_| {
                Error::definite(format!("cannot speak TLS with the mail server {}", smtp.host))
            })
        };
        let tls = match smtp.tls {
            SmtpTls::None => Tls::None,
            SmtpTls::StartTls => Tls::Required(parameters()?),
            SmtpTls::Whole => Tls::Wrapper(parameters()?),
        };
        let mut builder = SmtpTransport::builder_dangerous(&smtp.host)
            .port(smtp.port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = &smtp.login {
            builder =
                builder.credentials(Credentials::new(user.clone(), password.open().to_owned()));
        }
        let domain = from.email.domain().to_owned();
        Ok(Post { transport: builder.build(), from, domain })
    }
}

#[derive(Clone, Debug)]
pub struct Email {
    to: Vec<Mailbox>,
    /// All in one mail, who see each other.
    single: bool,
    subject: Option<String>,
    message: Option<String>,
}

impl Email {
    pub(super) fn read(settings: &Settings<'_>) -> Result<Email, String> {
        let addresses = settings.needed("addresses")?;
        let split = addresses
            .split([';', ',', '\n', ' '])
            .map(str::trim)
            .filter(|address| !address.is_empty());
        let to: Vec<Mailbox> = split
            .map(|address| {
                address.parse().map_err(|_| {
                    "the addresses of an email receiver hold one that is none".to_owned()
                })
            })
            .collect::<Result<_, String>>()?;
        if to.is_empty() {
            return Err("the addresses of an email receiver hold none".to_owned());
        }
        if to.len() > ADDRESSES_MAX {
            return Err(format!("an email receiver has {ADDRESSES_MAX} addresses at most"));
        }
        Ok(Email {
            to,
            single: settings.flag("singleEmail"),
            subject: settings.text("subject"),
            message: settings.text("message"),
        })
    }

    pub(super) fn send(&self, post: &Post, message: &Message<'_>) -> Tried {
        let subject = message.text("subject", self.subject.as_deref(), TITLE);
        let subject: String = cut(&subject, SUBJECT_CHARS_MAX)
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let mut text = message.text("message", self.message.as_deref(), MESSAGE);
        if let Some(link) = message.link() {
            text.push_str(&format!("\n\n{link}\n"));
        }
        let mut waiting: Vec<(usize, Vec<&Mailbox>)> = if self.single {
            vec![(0, self.to.iter().collect())]
        } else {
            self.to.iter().map(|to| vec![to]).enumerate().collect()
        };
        let count = waiting.len();
        let mut answered = Instant::now();
        // Those who were refused, and what is said of them.
        let (mut refused, mut last) = (0, None);
        for round in 0..ROUNDS_MAX {
            if round > 0 {
                std::thread::sleep(BETWEEN_ROUNDS);
            }
            waiting.retain(|(index, to)| {
                // A server that does not answer is not asked for each address.
                if answered.elapsed() >= TIMEOUT {
                    return true;
                }
                match deliver(post, message.id, *index, to, &subject, &text) {
                    Err(failed) if failed.error.fate() == Fate::Transient => {
                        // A quick "later" is an answer, too.
                        if answered.elapsed() < TIMEOUT {
                            answered = Instant::now();
                        }
                        last = Some(failed);
                        true
                    }
                    sent => {
                        answered = Instant::now();
                        if let Err(failed) = sent {
                            refused += 1;
                            last.get_or_insert(failed);
                        }
                        false
                    }
                }
            });
            // Nothing was taken: whoever asked tries all of it again. Something was: only the rest is tried again.
            if waiting.is_empty() || waiting.len() + refused == count {
                break;
            }
        }
        let missing = waiting.len() + refused;
        match last {
            Some(failed) if missing == count => Err(failed),
            // Those who have it must not get it with each try for those who do not.
            Some(Failed { error, .. }) if missing > 0 => {
                tracing::error!(
                    contact_point = %message.receiver, missing, of = count, error = %error.report(),
                    "some mails were not taken, and are given up"
                );
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn deliver(
    post: &Post,
    id: &str,
    index: usize,
    to: &[&Mailbox],
    subject: &str,
    text: &str,
) -> Tried {
    let mut builder = Mail::builder()
        .from(post.from.clone())
        .subject(subject)
        // The same for a second try, by which servers and readers tell it.
        .message_id(Some(format!("<{id}.{index}@{}>", post.domain)));
    for address in to {
        builder = builder.to((*address).clone());
    }
    let html = format!(
        "<!doctype html><pre style=\"font-family:inherit;white-space:pre-wrap\">{}</pre>",
        escape_html(text)
    );
    let mail = builder
        .multipart(MultiPart::alternative_plain_html(text.to_owned(), html))
        .map_err(|_| Error::definite("cannot write the mail"))?;
    match post.transport.send(&mail) {
        Ok(_) => Ok(()),
        // The server's words may quote the address; its code does not.
        Err(error) => {
            let code = error.status().map_or_else(String::new, |code| format!(" with {code}"));
            if error.is_permanent() {
                Err(Error::definite(format!("cannot send the mail: the server refused it{code}"))
                    .into())
            } else if error.is_client() {
                Err(Error::definite("cannot send the mail: the server lacks what it needs")
                    .hint("look at its TLS and login")
                    .into())
            } else {
                // With a code it says that it did not take it.
                let perhaps = error.status().is_none();
                let text = format!("could not send the mail: the server did not take it{code}");
                Err(Failed { error: Error::transient(text), perhaps })
            }
        }
    }
}
