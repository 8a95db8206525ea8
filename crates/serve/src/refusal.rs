//! An error as JSON, on the port of people: what happened, why, what helps.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use model::{Error, Fate};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Refusal {
    #[serde(skip)]
    pub(crate) status: StatusCode,
    error: String,
    detail: Option<String>,
    hint: Option<String>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, error: &str) -> Refusal {
        Refusal { status, error: error.to_owned(), detail: None, hint: None }
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Refusal {
        self.detail = Some(detail.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Refusal {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let status = match error.fate() {
            Fate::Transient => StatusCode::SERVICE_UNAVAILABLE,
            Fate::Definite | Fate::Refused => StatusCode::CONFLICT,
            Fate::Bug => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let report = error.report();
        let detail = report.lines().find_map(|line| line.strip_prefix("detail: "));
        let first = report.lines().next().unwrap_or_default().to_owned();
        let hint = error.hint_text().map(str::to_owned);
        Refusal { status, error: first, detail: detail.map(str::to_owned), hint }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_keep_what_why_and_what_helps() {
        let error = Error::definite("cannot verify").detail("No such table.").hint("name another");
        let refusal = Refusal::from(error);
        assert_eq!(refusal.status, StatusCode::CONFLICT);
        let json = serde_json::to_string(&refusal).unwrap();
        assert_eq!(
            json,
            r#"{"error":"cannot verify","detail":"No such table.","hint":"name another"}"#
        );
    }
}
