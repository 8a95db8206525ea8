//! Who asks, in the condition of a row filter: to the engine everybody is `default`, so her name takes the
//! place of what stands for it. By tokens: a literal that looks like it, or a comment, stays.

use crate::clickhouse::error::Failure;
use crate::clickhouse::plain::is_plain;
use crate::clickhouse::sql::{Kind, Token, Tokens};

/// Functions without an argument; the engine has them under all of these names.
const WHO: [&str; 6] =
    ["currentUser", "current_user", "session_user", "user", "authenticatedUser", "authUser"];
/// The engine also takes these for the function where there is no such column.
const WITHOUT_BRACKETS: [&str; 2] = ["current_user", "session_user"];

/// The condition with the user's name in its place.
pub(super) fn of_user(filter: &str, user: &str) -> String {
    let tokens: Vec<Token> = Tokens::new(filter.as_bytes()).collect();
    let name = store::ddl::literal(user);
    let (mut out, mut copied) = (String::with_capacity(filter.len()), 0);
    for at in 0..tokens.len() {
        if let Some(end) = who(filter, &tokens, at) {
            out.push_str(&filter[copied..tokens[at].start]);
            out.push_str(&name);
            copied = end;
        }
    }
    out + &filter[copied..]
}

/// Where that ends which stands for the user and begins at this token.
fn who(filter: &str, tokens: &[Token], at: usize) -> Option<usize> {
    let word = name(filter, tokens, at)?;
    let is_mark = |at: usize, mark| tokens.get(at).is_some_and(|t| t.kind == Kind::Mark(mark));
    // A column of some table.
    if (at > 0 && is_mark(at - 1, b'.')) || is_mark(at + 1, b'.') {
        return None;
    }
    let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(word));
    if is_mark(at + 1, b'(') && is_mark(at + 2, b')') {
        return is(&WHO).then(|| tokens[at + 2].end);
    }
    let is_called = is_mark(at + 1, b'(');
    (tokens[at].kind == Kind::Word && !is_called && is(&WITHOUT_BRACKETS)).then(|| tokens[at].end)
}

fn name<'a>(filter: &'a str, tokens: &[Token], at: usize) -> Option<&'a str> {
    let token = tokens.get(at)?;
    let text = &filter[token.start..token.end];
    match token.kind {
        Kind::Word => Some(text),
        Kind::Quoted => Some(&text[1..text.len() - 1]),
        _ => None,
    }
}

/// Before it is taken: it must be told for sure what stands for the user.
pub(super) fn check(filter: &str) -> Result<(), Failure> {
    if !is_plain(filter) {
        return Err(Failure::bad_argument(
            "A condition has, outside of quotes and comments, only ASCII without $, # and \\ (put such \
             a name into backticks)",
        ));
    }
    let tokens: Vec<Token> = Tokens::new(filter.as_bytes()).collect();
    let is_bare = |at: usize| {
        let bare = tokens[at].kind == Kind::Word && who(filter, &tokens, at).is_none();
        let is_mark = |at: usize| tokens.get(at).is_some_and(|t| t.kind == Kind::Mark(b'.'));
        let alone = !is_mark(at + 1) && (at == 0 || !is_mark(at - 1));
        bare && alone && filter[tokens[at].start..tokens[at].end].eq_ignore_ascii_case("user")
    };
    match (0..tokens.len()).any(is_bare) {
        true => Err(Failure::bad_argument(
            "`user` by itself may be a column, or who asks: write currentUser() for who asks, and a \
             column in backticks",
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_takes_the_place_of_what_stands_for_it_and_of_nothing_else() {
        for (filter, wanted) in [
            ("owner = currentUser()", "owner = 'o\\'x'"),
            ("owner = currentUser ( /* ) */ )", "owner = 'o\\'x'"),
            ("User() = a AND CURRENT_USER = b", "'o\\'x' = a AND 'o\\'x' = b"),
            ("`currentUser`() = session_user", "'o\\'x' = 'o\\'x'"),
            ("note = 'currentUser()'", "note = 'currentUser()'"),
            (
                "note = 'it''s currentUser()' /* user() */",
                "note = 'it''s currentUser()' /* user() */",
            ),
            (
                "`current_user` = 1 AND t.user = t.current_user",
                "`current_user` = 1 AND t.user = t.current_user",
            ),
            ("current_user(1)", "current_user(1)"),
            ("lower(currentUserName)", "lower(currentUserName)"),
        ] {
            assert_eq!(of_user(filter, "o'x"), wanted);
            check(filter).unwrap();
        }
        for filter in ["user = owner", "owner = USER", "é = 1", "x = $$y$$"] {
            assert!(check(filter).is_err(), "{filter}");
        }
        check("`user` = 'x' AND t.user = 'y'").unwrap();
    }
}
