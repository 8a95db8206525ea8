//! One statement at the door, from its admission to its end: what it is called, what it is killed
//! by, what others may see of it, and whether anybody still waits for it.

use super::client::cut;
use super::request::Request;
use super::secrets;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

/// What is kept of a text, as at ClickHouse (`log_queries_cut_to_length`).
const TEXT_BYTES_MAX: usize = 100_000;

pub(super) struct Statement {
    pub(super) query_id: String,
    pub(super) user: String,
    /// Its `log_comment` in the engine, which it is found by there.
    pub(super) comment: String,
    started: SystemTime,
    since: Instant,
    /// `None` until it has been read.
    text: Mutex<Option<Text>>,
    gone: AtomicBool,
    done: AtomicBool,
}

/// What is known once the text has been read.
#[derive(Clone)]
pub(super) struct Text {
    /// As the client sent it, without data, secrets and what is too long.
    pub(super) shown: String,
    /// The first word of it.
    pub(super) verb: String,
    /// Something in it was hidden, so that an error that quotes it is hidden, too.
    pub(super) has_secrets: bool,
}

impl Statement {
    pub(super) fn new(request: &Request, number: u64) -> Statement {
        let comment = comment(number, request.user(), &request.query_id);
        Statement {
            query_id: request.query_id.clone(),
            user: request.user().to_owned(),
            comment: match request.setting("log_comment") {
                Some(own) => format!("{comment}|{own}"),
                None => comment,
            },
            started: SystemTime::now(),
            since: Instant::now(),
            text: Mutex::default(),
            gone: AtomicBool::new(false),
            done: AtomicBool::new(false),
        }
    }

    pub(super) fn set_text(&self, text: &str, verb: &str) {
        let hidden = secrets::hide(text);
        let has_secrets = hidden.is_some();
        let shown = cut(hidden.as_deref().unwrap_or(text), TEXT_BYTES_MAX).to_owned();
        *self.lock() = Some(Text { shown, verb: verb.to_owned(), has_secrets });
    }

    /// The engine knows of a secret in it.
    pub(super) fn has_secrets(&self) {
        if let Some(text) = self.lock().as_mut().filter(|text| !text.has_secrets) {
            text.shown = secrets::hide_all(&text.shown);
            text.has_secrets = true;
        }
    }

    pub(super) fn text(&self) -> Option<Text> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Text>> {
        self.text.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn started(&self) -> SystemTime {
        self.started
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// Nobody waits for its answer any more.
    pub(super) fn give_up(&self) {
        self.gone.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.gone.load(Ordering::SeqCst)
    }

    /// The engine has no more to do for it.
    pub(super) fn end(&self) {
        self.done.store(true, Ordering::SeqCst);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }
}

/// Names a statement for the engine, so that its own list can be shown with the client's names:
/// `door.17.default.report%201`, then `|` and what the client set as its comment.
fn comment(number: u64, user: &str, query_id: &str) -> String {
    format!("door.{number}.{}.{}", percent_encode(user), percent_encode(query_id))
}

fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_holds_nothing_that_divides_it() {
        assert_eq!(comment(17, "default", "report 1|x.y"), "door.17.default.report%201%7Cx%2Ey");
    }

    #[test]
    fn a_text_is_shown_without_secrets_and_not_whole_for_ever() {
        let request = Request { query_id: "q".into(), ..Request::default() };
        let statement = Statement::new(&request, 1);
        statement.set_text("  SELECT 1 ; ", "SELECT");
        assert_eq!(statement.text().unwrap().shown, "  SELECT 1 ; ");
        statement.has_secrets();
        statement.set_text("CREATE USER x IDENTIFIED BY 'oh'", "CREATE");
        assert!(statement.text().unwrap().has_secrets);
        assert!(!statement.text().unwrap().shown.contains("oh"));
        statement.set_text(&"é".repeat(TEXT_BYTES_MAX), "SELECT");
        assert!(statement.text().unwrap().shown.len() <= TEXT_BYTES_MAX);
    }
}
