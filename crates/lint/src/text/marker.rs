//! Comments by which migration tools say what a part of a file is.

use super::Wrapped;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Marker {
    Up { wrapped: Wrapped },
    Down,
    NoTransaction,
}

/// A line comment with its dashes.
pub(super) fn read(comment: &str) -> Option<Marker> {
    let text = comment.strip_prefix("--")?.trim().to_ascii_lowercase();
    let mut words = text.split_whitespace();
    let (first, second) = (words.next()?, words.next());
    let says = |word: &str| text.split_whitespace().any(|other| other == word);
    let wrapped = |is_off: bool| if is_off { Wrapped::No } else { Wrapped::Yes };
    Some(match (first, second) {
        // goose, and sql-migrate with its option in the same line.
        ("+goose" | "+migrate", Some("up")) => {
            Marker::Up { wrapped: wrapped(says("notransaction")) }
        }
        ("+goose" | "+migrate", Some("down")) => Marker::Down,
        ("+goose", Some("no")) if says("transaction") => Marker::NoTransaction,
        // dbmate.
        ("migrate:up", _) => Marker::Up { wrapped: wrapped(says("transaction:false")) },
        ("migrate:down", _) => Marker::Down,
        // node-pg-migrate.
        ("up", Some("migration")) => Marker::Up { wrapped: Wrapped::Yes },
        ("down", Some("migration")) => Marker::Down,
        // sqlx.
        ("no-transaction", None) => Marker::NoTransaction,
        _ => return None,
    })
}
