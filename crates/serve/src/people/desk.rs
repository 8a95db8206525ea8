//! Where the page's questions go, and who asks them: the door, with its users; or, where the store is a server,
//! that server, as the user that we have there, reading only.

use crate::access::{Caller, Credentials};
use crate::clickhouse::error::Failure;
use crate::clickhouse::{Inside, Question};
use crate::refusal::Refusal;
use axum::http::StatusCode;
use bytes::Bytes;
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use store::Reader;

pub(super) const RESULT_ROWS_MAX: u64 = 100_000;
const EXECUTION_SECONDS_MAX: u64 = 60;

#[derive(Clone)]
pub enum Desk {
    Door(Inside),
    Server(Arc<dyn Reader>),
}

/// What is known of a question beside its text.
pub(super) struct Asking {
    /// Where on the page.
    pub(super) place: String,
    pub(super) peer: Option<SocketAddr>,
    /// Of the answer.
    pub(super) bytes_max: usize,
    /// It stands in a dashboard, which somebody else may have written.
    pub(super) by_others: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Viewer,
    Editor,
    Admin,
}

/// Who looks at the page.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) name: String,
    pub(super) role: Role,
    /// At the door; none where there is no door, or nothing is asked of it.
    caller: Option<Caller>,
}

impl Visitor {
    /// One of our own verbs.
    pub(super) fn own() -> Visitor {
        Visitor { name: "millrace".into(), role: Role::Admin, caller: None }
    }

    pub(super) fn password_mark(&self) -> String {
        self.caller.as_ref().map_or_else(String::new, Caller::password_mark)
    }
}

impl From<Caller> for Visitor {
    fn from(caller: Caller) -> Visitor {
        let role = match (caller.is_admin() && !caller.is_readonly(), caller.is_editor()) {
            (true, _) => Role::Admin,
            (_, true) => Role::Editor,
            _ => Role::Viewer,
        };
        Visitor { name: caller.user.clone(), role, caller: Some(caller) }
    }
}

impl Desk {
    /// Whether whoever reaches the port is an admin.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Desk::Door(door) => door.is_open(),
            Desk::Server(_) => true,
        }
    }

    /// Whoever comes, where nobody is asked.
    pub(super) fn anybody(&self) -> Option<Visitor> {
        match self {
            Desk::Door(door) if door.is_open() => {
                Some(door.recall("default", |_| true).ok()?.into())
            }
            Desk::Door(_) => None,
            Desk::Server(_) => Some(Visitor { name: "default".into(), ..Visitor::own() }),
        }
    }

    pub(super) async fn login(
        &self,
        credentials: &Credentials,
        address: IpAddr,
    ) -> Result<Visitor, Refusal> {
        match self {
            Desk::Door(door) => {
                let caller = door.login(credentials, address).await;
                caller.map(Visitor::from).map_err(|failure| {
                    Refusal::new(StatusCode::UNAUTHORIZED, "this name and password do not come in")
                        .detail(failure.exception.text)
                })
            }
            Desk::Server(_) => Err(no_login()),
        }
    }

    /// Somebody who came in before (`is_same`: by the same password), or whom a proxy has let in.
    pub(super) fn recall(
        &self,
        user: &str,
        is_same: impl FnOnce(&str) -> bool,
    ) -> Result<Visitor, Refusal> {
        match self {
            Desk::Door(door) => match door.recall(user, is_same) {
                Ok(caller) => Ok(caller.into()),
                Err(_) => Err(Refusal::new(StatusCode::UNAUTHORIZED, "log in again")),
            },
            Desk::Server(_) => Err(no_login()),
        }
    }

    /// The answer as `JSONCompact`: numbers that JavaScript would bend and times are texts.
    pub(super) async fn ask(
        &self,
        visitor: &Visitor,
        sql: String,
        Asking { place, peer, bytes_max, by_others }: Asking,
    ) -> Result<Bytes, Refusal> {
        const FORMAT: &str = "JSONCompact";
        let settings = [
            ("output_format_json_quote_64bit_integers", "1".into()),
            ("output_format_json_quote_decimals", "1".into()),
            ("output_format_json_quote_denormals", "1".into()),
            ("date_time_output_format", "unix_timestamp".into()),
            ("max_result_rows", RESULT_ROWS_MAX.to_string()),
            ("result_overflow_mode", "break".to_owned()),
            ("max_execution_time", EXECUTION_SECONDS_MAX.to_string()),
            ("max_result_bytes", bytes_max.to_string()),
        ];
        match self {
            Desk::Door(door) => {
                let nobody = || Refusal::new(StatusCode::FORBIDDEN, "this token asks no questions");
                let caller = visitor.caller.as_ref().ok_or_else(nobody)?;
                let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
                let question = Question {
                    sql,
                    format: FORMAT,
                    settings,
                    referer: place,
                    address: peer,
                    answer_bytes_max: bytes_max,
                    by_others,
                };
                Ok(door.ask(caller, question).await?)
            }
            Desk::Server(reader) => {
                Ok(reader.document(&sql, FORMAT, settings.to_vec()).await?.into())
            }
        }
    }
}

fn no_login() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "nobody logs in here: the store is a server of its own")
}

/// ClickHouse's words are for whoever asked.
impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        Refusal::new(failure.status, "the query failed").detail(failure.exception.text)
    }
}
