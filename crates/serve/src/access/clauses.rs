//! Settings that a statement names for itself, wherever it does.

use crate::clickhouse::sql::{Kind, Tokens};

/// Settings that a statement names for itself, and its verb.
pub(super) fn settings_in(text: &str) -> (Vec<(String, String)>, String) {
    let tokens: Vec<_> = Tokens::new(text.as_bytes()).collect();
    let at = |index: usize| tokens.get(index).map_or("", |token| &text[token.start..token.end]);
    let verb = at(0).to_ascii_uppercase();
    let mut pairs = Vec::new();
    for start in 0..tokens.len() {
        let word = at(start).to_ascii_uppercase();
        let begins =
            matches!(word.as_str(), "SETTINGS" | "SETTING") || (word == "SET" && start == 0);
        if !begins || tokens[start].kind != Kind::Word {
            continue;
        }
        let mut name = start + 1;
        while tokens.get(name).is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Quoted))
        {
            let mut bare = at(name).trim_matches(['`', '"']).to_owned();
            let mut next = name + 1;
            while at(next) == "." {
                bare = format!("{bare}.{}", at(next + 1));
                next += 2;
            }
            // `SET x` alone means 1.
            let value = if at(next) == "=" {
                next += 1;
                at(next).trim_matches('\'').to_owned()
            } else {
                "1".into()
            };
            let is_pair = at(next - 1) == "=" || verb == "SET";
            if !is_pair {
                break;
            }
            pairs.push((bare, value));
            // A value may be a map or a list.
            let mut depth = 0i32;
            while next < tokens.len() {
                match at(next) {
                    // Not of the value: looked at in its turn, so that a text is gone through once.
                    word if word.eq_ignore_ascii_case("SETTINGS") => break,
                    "(" | "[" | "{" => depth += 1,
                    ")" | "]" | "}" => depth -= 1,
                    "," if depth <= 0 => break,
                    _ => {}
                }
                if depth < 0 {
                    break;
                }
                next += 1;
            }
            if at(next) != "," {
                break;
            }
            name = next + 1;
        }
    }
    (pairs, verb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_statement_are_found() {
        let named = |text: &str| -> Vec<String> {
            settings_in(text).0.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
        };
        assert_eq!(named("SELECT 1 SETTINGS max_threads = 2, readonly=0 FORMAT JSON").len(), 2);
        assert_eq!(named("SET a.b = 'x', `c` = 1"), ["a.b=x", "c=1"]);
        assert_eq!(
            named("SELECT (SELECT 1 SETTINGS x = 1) SETTINGS y = {'a': 'b, c'}, z = 2"),
            ["x=1", "y={", "z=2"]
        );
        assert_eq!(named("ALTER TABLE t MODIFY SETTING a = 1"), ["a=1"]);
        assert!(named("SELECT settings, x = 1 FROM t WHERE 'SETTINGS a = 1' = y").is_empty());
    }
}
