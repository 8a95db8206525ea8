//! What goes wrong at the door: always an exception in ClickHouse's form, and the HTTP status that
//! ClickHouse gives it. Clients read the number, people read the text.

use axum::http::StatusCode;
use std::{fmt, io};
use store::embedded::Exception;

/// An answer that is an error. Most come from the engine; some from HTTP alone.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) exception: Exception,
    pub(super) status: StatusCode,
}

impl Failure {
    /// An exception of the door's own.
    pub(super) fn new(code: u32, name: &str, text: impl AsRef<str>) -> Failure {
        Exception::new(code, name, text.as_ref()).into()
    }

    pub(super) fn syntax(text: impl AsRef<str>) -> Failure {
        Failure::new(62, "SYNTAX_ERROR", text)
    }

    pub(super) fn bad_argument(text: impl AsRef<str>) -> Failure {
        Failure::new(36, "BAD_ARGUMENTS", text)
    }

    pub(super) fn not_implemented(text: impl AsRef<str>) -> Failure {
        Failure::new(48, "NOT_IMPLEMENTED", text)
    }

    /// Why a body could not be read.
    pub(super) fn of_upload(error: &io::Error) -> Failure {
        let known = error.get_ref().and_then(|inner| inner.downcast_ref::<Failure>());
        known.cloned().unwrap_or_else(|| {
            let text = format!("Cannot read all data: the request's body is broken: {error}");
            Failure::new(33, "CANNOT_READ_ALL_DATA", text).caused_by_client()
        })
    }

    /// ClickHouse's table has no status for it, and the request is to blame.
    pub(super) fn caused_by_client(mut self) -> Failure {
        self.status = StatusCode::BAD_REQUEST;
        self
    }

    /// The body of the answer.
    pub(super) fn text(&self, version: &str) -> String {
        format!("{} (version {version} (official build))\n", self.exception.text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.exception.fmt(f)
    }
}

impl std::error::Error for Failure {}

/// Through the readers of a body; [`Failure::of_upload`] takes it out again.
impl From<Failure> for io::Error {
    fn from(failure: Failure) -> io::Error {
        io::Error::other(failure)
    }
}

impl From<Exception> for Failure {
    fn from(exception: Exception) -> Failure {
        let status = status(exception.code);
        Failure { exception, status }
    }
}

/// ClickHouse's own table (`exceptionCodeToHTTPStatus`).
fn status(code: u32) -> StatusCode {
    match code {
        194 => StatusCode::UNAUTHORIZED,
        192 | 193 | 497 | 512 | 516 => StatusCode::FORBIDDEN,
        6 | 8 | 15 | 25 | 26 | 27 | 36 | 38 | 41 | 43 | 44 | 53 | 62 | 72 | 117 | 167 | 168
        | 223 | 321 | 427 | 441 | 675 | 676 => StatusCode::BAD_REQUEST,
        46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 287 | 336 | 511 => StatusCode::NOT_FOUND,
        229 => StatusCode::PAYLOAD_TOO_LARGE,
        48 => StatusCode::NOT_IMPLEMENTED,
        76 | 202 | 209 | 439 => StatusCode::SERVICE_UNAVAILABLE,
        381 => StatusCode::LENGTH_REQUIRED,
        159 => StatusCode::REQUEST_TIMEOUT,
        415 => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_carries_its_status_and_its_text() {
        let failure = Failure::syntax("Syntax error: nothing to run");
        assert_eq!(failure.status, 400);
        assert_eq!(
            failure.text("26.7.2.1"),
            "Code: 62. DB::Exception: Syntax error: nothing to run (SYNTAX_ERROR) \
             (version 26.7.2.1 (official build))\n"
        );
        assert_eq!(status(60), 404);
        assert_eq!(status(516), 403);
        assert_eq!(status(241), 500);
    }
}
