//! The `up` that runs on this machine: it leaves a note in its data directory, and other verbs ask it.

use model::{Error, Result};
use serde::{Deserialize, Serialize};
use serve::people::TOKEN_HEADER;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::Agent;

const NOTE: &str = "up.json";
/// On loopback; who does not answer within this is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// An answer of ours that is larger is none.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// The note.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) pid: u32,
    /// The door; none where the store is a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clickhouse: Option<SocketAddr>,
    /// The same over TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clickhouse_tls: Option<SocketAddr>,
    pub(crate) ui: SocketAddr,
    /// By which our own verbs come in at `ui`. The note is its owner's alone.
    #[serde(default)]
    pub(crate) token: String,
}

/// Takes the note away when `up` ends.
pub(crate) struct Note(PathBuf);

impl Drop for Note {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Running {
    /// Written whole or not at all: others may read it at any moment.
    pub(crate) fn leave_note(&self, data_dir: &Path) -> Result<Note> {
        let path = data_dir.join(NOTE);
        let fresh = data_dir.join(format!("{NOTE}.{}", std::process::id()));
        let text = serde_json::to_vec(self)
            .map_err(|error| Error::bug("cannot write up.json").source(error))?;
        let mut options = std::fs::OpenOptions::new();
        let options = options.create(true).truncate(true).write(true).mode(0o600);
        let written = options.open(&fresh).and_then(|mut file| file.write_all(&text));
        written.and_then(|()| std::fs::rename(&fresh, &path)).map_err(|error| {
            Error::definite(format!("cannot write {}", path.display())).source(error)
        })?;
        Ok(Note(path))
    }

    /// `None`: nothing runs on that directory. A note that a `kill -9` left behind counts as none.
    pub(crate) fn find(data_dir: &Path) -> Option<Running> {
        let text = std::fs::read(data_dir.join(NOTE)).ok()?;
        let running: Running = serde_json::from_slice(&text).ok()?;
        TcpStream::connect_timeout(&running.ui, CONNECT_TIMEOUT).ok()?;
        Some(running)
    }

    pub(crate) fn need(data_dir: &Path) -> Result<Running> {
        Running::find(data_dir).ok_or_else(|| {
            Error::definite("cannot ask the pipeline: it is not running")
                .detail(format!("No `millrace up` has {} open.", data_dir.display()))
                .hint("millrace up")
        })
    }

    /// `GET` of the ops port.
    pub(crate) fn get(&self, path: &str) -> Result<String> {
        let url = format!("http://{}{path}", self.ui);
        let request = agent(Some(Duration::from_secs(30))).get(&url);
        answer(request.header(TOKEN_HEADER, &self.token).call(), &url)
    }

    /// `POST` of the ops port; takes as long as it takes.
    pub(crate) fn post(&self, path: &str, json: &str) -> Result<String> {
        let url = format!("http://{}{path}", self.ui);
        let request = agent(None).post(&url).header("content-type", "application/json");
        let request = request.header(TOKEN_HEADER, &self.token);
        answer(request.send(json), &url)
    }
}

pub(crate) fn agent(whole: Option<Duration>) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(whole)
        .proxy(None)
        .build()
        .into()
}

type Response = ureq::http::Response<ureq::Body>;

fn answer(response: Result<Response, ureq::Error>, url: &str) -> Result<String> {
    let could_not = |error| Error::transient(format!("could not ask {url}")).source(error);
    let mut response: Response = response.map_err(could_not)?;
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
    let body = body.map_err(could_not)?;
    match response.status().as_u16() {
        200 => Ok(body),
        status => {
            let error = told(&body).unwrap_or_else(|| {
                Error::definite(format!("cannot ask {url}: it answered {status}"))
            });
            Err(if status == 503 { error.passing() } else { error })
        }
    }
}

/// The error that the other side tells: `{"error": …, "detail": …, "hint": …}`.
fn told(body: &str) -> Option<Error> {
    #[derive(Deserialize)]
    struct Told {
        error: String,
        detail: Option<String>,
        hint: Option<String>,
    }
    let told: Told = serde_json::from_str(body).ok()?;
    let mut error = Error::definite(told.error);
    if let Some(detail) = told.detail {
        error = error.detail(detail);
    }
    if let Some(hint) = told.hint {
        error = error.hint(hint);
    }
    Some(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_found_only_while_somebody_listens() {
        let folder = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap();
        let running = Running {
            pid: 1,
            clickhouse: Some(place),
            clickhouse_tls: None,
            ui: place,
            token: "t".into(),
        };
        assert_eq!(Running::find(folder.path()), None);
        let note = running.leave_note(folder.path()).unwrap();
        assert_eq!(Running::find(folder.path()), Some(running.clone()));
        drop(listener);
        assert_eq!(Running::find(folder.path()), None);
        drop(note);
        assert!(!folder.path().join(NOTE).exists());
        assert!(Running::need(folder.path()).unwrap_err().hint_text() == Some("millrace up"));
    }

    #[test]
    fn the_other_sides_error_is_told_on() {
        let error = told(r#"{"error":"cannot verify x","detail":null,"hint":"do y"}"#).unwrap();
        assert_eq!(error.report(), "cannot verify x\nhint: do y");
        assert!(told("<html>").is_none());
    }
}
