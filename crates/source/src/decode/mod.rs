//! From Postgres's forms of values to columns. No value object in between: a decoder pushes into
//! [`model::Cells`] or says why ClickHouse cannot carry the value.
//!
//! ```text
//! binary, text      one value of a type ─▶ Cells
//! array, numeric, clock, …   what both forms share
//! json              row types, as `to_json` writes them
//! printed           binary forms that become the text that Postgres prints
//! row               a tuple of the stream ─▶ a row of a Block, a tombstone or a Reject
//! copy              COPY (FORMAT binary) ─▶ Blocks
//! rule              what becomes of a value that cannot be carried
//! tuple             the same for who is not the stream: Kafka's way in and out
//! print, reject     what is kept aside, as Postgres prints it; again   the way back
//! ```

pub mod again;
mod array;
mod binary;
mod clock;
mod copy;
mod cursor;
mod float;
pub(crate) mod hstore;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod invariants;
mod json;
mod money;
mod network;
mod numeric;
pub(crate) mod print;
mod printed;
pub(crate) mod range;
mod record;
pub mod reject;
mod row;
mod rule;
mod search;
mod shape;
mod text;
pub mod tuple;

pub(crate) use array::delimiter as array_delimiter;
pub use copy::CopyDecoder;
pub(crate) use cursor::{Cursor, Malformed};
pub use row::Field;
pub(crate) use row::{Old, push_delete, push_new, push_update};

/// Why a value cannot be carried exactly. Holds no value itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) String);

/// A JSON column of ClickHouse's has no NULL: it becomes an object without fields, which is counted.
pub(crate) fn push_no_object(cells: &mut model::Cells) -> Result<u64, Refusal> {
    cells.push_text(b"{}");
    Ok(1)
}

/// NULL; where ClickHouse has none, what stands for it is counted unless it can be nothing else.
#[inline]
pub(crate) fn push_null(cells: &mut model::Cells) -> u64 {
    cells.push_null();
    u64::from(cells.kind().null_is_bent())
}

/// Postgres has seen to it that it is JSON.
pub(crate) fn check_object(pg: &model::PgType, value: &[u8]) -> Result<(), Refusal> {
    let value = match pg {
        model::PgType::Composite(_) => return Ok(()),
        model::PgType::Jsonb => value.strip_prefix(&[1]).unwrap_or(value),
        _ => value,
    };
    match value.trim_ascii_start().first() {
        Some(b'{') => Ok(()),
        _ => Err(Refusal::new("a JSON column takes objects, and this is none")),
    }
}

impl Refusal {
    pub(crate) fn new(reason: impl Into<String>) -> Refusal {
        Refusal(reason.into())
    }
}

/// How many values a documented rule altered, beside the push itself.
pub(crate) type Pushed = Result<u64, Refusal>;

fn bad_form() -> Refusal {
    Refusal::new("its form is not the one of its type")
}

#[cfg(test)]
mod tests;
