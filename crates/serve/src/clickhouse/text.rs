//! A request's text, split into what the engine reads as SQL and the data that comes behind it.

use super::error::Failure;
use super::not_utf8;
use super::sql::{self, Outline, Start};
use std::borrow::Cow;

/// A text, split.
pub(super) enum Text {
    Statement(String),
    /// What comes before the data, and how much of that goes to the engine as the statement.
    Insert {
        text: String,
        head: usize,
        format: String,
        data: Vec<u8>,
    },
}

impl Text {
    pub(super) fn insert(
        mut text: Vec<u8>,
        head: usize,
        data: usize,
        format: String,
    ) -> Result<Text, Failure> {
        let data = text.split_off(data);
        let was = text.clone();
        let text = utf8(text)?;
        // Where it stands in the text that the engine gets.
        let head = match (text.as_bytes() == was, sql::start(text.as_bytes(), true)) {
            (true, _) => head,
            (false, Start::Insert { head, .. }) => head,
            (false, _) => return Err(Failure::syntax("Syntax error: the text is not UTF-8")),
        };
        Ok(Text::Insert { text, head, format, data })
    }

    pub(super) fn whole(text: Vec<u8>) -> Result<Text, Failure> {
        match sql::start(&text, true) {
            Start::Insert { head, data, format } => Text::insert(text, head, data, format),
            _ => Ok(Text::Statement(utf8(text)?)),
        }
    }

    /// As it was sent, without data.
    pub(super) fn shown(&self) -> &str {
        match self {
            Text::Statement(text) | Text::Insert { text, .. } => text,
        }
    }

    pub(super) fn outline(&self) -> Outline {
        match self {
            Text::Statement(sql) => sql::outline(sql),
            Text::Insert { .. } => Outline { verb: "INSERT".into(), ..Outline::default() },
        }
    }

    /// As a statement of its own.
    pub(super) fn sql(&self) -> Cow<'_, str> {
        match self {
            Text::Statement(sql) => sql.into(),
            Text::Insert { text, head, format, .. } => match format.as_str() {
                "Values" => format!("{} VALUES", &text[..*head]).into(),
                _ => format!("{} FORMAT {format}", &text[..*head]).into(),
            },
        }
    }
}

pub(super) fn utf8(text: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(text).or_else(|error| {
        let escaped = not_utf8::escape(error.as_bytes());
        escaped.ok_or_else(|| {
            Failure::syntax("Syntax error: outside of quotes and comments the text is not UTF-8")
        })
    })
}
