//! Postgres's own grammar: a statement's tree, or where it is wrong.

use pg_query::NodeEnum;

/// A statement that is longer is data, not a change of a schema.
const STATEMENT_BYTES_MAX: usize = 4 << 20;

/// What the grammar says of a text that is no statement.
pub(crate) struct Trouble {
    /// In bytes from the statement's begin.
    pub(crate) at: usize,
    pub(crate) message: String,
}

pub(crate) enum Parsed {
    Statement(Box<NodeEnum>),
    /// Right, but too large or too deep to be looked at.
    TooMuch,
}

pub(crate) fn parse(sql: &str) -> Result<Parsed, Trouble> {
    if sql.len() > STATEMENT_BYTES_MAX {
        return Ok(Parsed::TooMuch);
    }
    match pg_query::parse(sql, 0) {
        Ok(result) => {
            let node = result.protobuf.stmts.into_iter().next().and_then(|raw| raw.stmt);
            match node.and_then(|node| node.node) {
                Some(node) => Ok(Parsed::Statement(Box::new(node))),
                None => Err(Trouble { at: 0, message: "the statement is empty".into() }),
            }
        }
        // The grammar took it, and what carries its tree over did not.
        Err(pg_query::Error::Parse(message)) if message.starts_with("stack depth") => {
            Ok(Parsed::TooMuch)
        }
        Err(pg_query::Error::Parse(message)) => Err(Trouble { at: place(sql, &message), message }),
        Err(pg_query::Error::Conversion(error)) => Err(Trouble {
            at: error.nul_position(),
            message: "a zero byte stands in the statement".into(),
        }),
        Err(_) => Ok(Parsed::TooMuch),
    }
}

/// The message names the word that was too much, and not where it stands. Up to a word before it, the
/// text ends too early for the grammar; up to that word and further, the message is the same.
fn place(sql: &str, message: &str) -> usize {
    if message.ends_with("at end of input") {
        return sql.len();
    }
    let Some((_, near)) = message.rsplit_once("at or near \"") else { return 0 };
    let near = near.strip_suffix('"').unwrap_or(near);
    let is_before = |at: &usize| {
        let prefix = sql.get(..at + near.len()).map(|prefix| pg_query::parse(prefix, 0));
        !matches!(prefix, Some(Err(pg_query::Error::Parse(other))) if other == message)
    };
    let places: Vec<usize> = sql.match_indices(near).map(|(at, _)| at).collect();
    places.get(places.partition_point(is_before)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_where_the_wrong_word_is() {
        for (sql, at) in [
            ("alter table t add column x intt int", 32),
            ("selec 1", 0),
            ("select x from x x x", 18),
            ("alter table t add", 17),
            ("select 'abc", 7),
            ("select ) from )", 7),
        ] {
            let Err(trouble) = parse(sql) else { panic!("{sql} is right") };
            assert_eq!(trouble.at, at, "{sql}: {}", trouble.message);
        }
    }
}
