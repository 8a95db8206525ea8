//! What things are called in the project: names that dbt, YAML and ClickHouse read without quotes wherever that can be.

use std::collections::BTreeSet;

/// Words that ClickHouse does not read as a column everywhere (`all`, `top`, `null`, …: asked of the engine), and those
/// that every reader of SQL stumbles over.
const WORDS: &[&str] = &[
    "all",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "cast",
    "cross",
    "cube",
    "desc",
    "distinct",
    "else",
    "end",
    "except",
    "exists",
    "false",
    "final",
    "format",
    "from",
    "full",
    "group",
    "having",
    "in",
    "inf",
    "infinity",
    "inner",
    "intersect",
    "interval",
    "into",
    "is",
    "join",
    "left",
    "like",
    "limit",
    "nan",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "prewhere",
    "right",
    "rollup",
    "sample",
    "select",
    "set",
    "settings",
    "table",
    "then",
    "top",
    "totals",
    "true",
    "union",
    "using",
    "values",
    "when",
    "where",
    "window",
    "with",
];

/// Each once.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    pub(super) fn with(taken: impl IntoIterator<Item = String>) -> Names {
        Names(taken.into_iter().collect())
    }

    /// That name, or with a number behind it.
    pub(super) fn take(&mut self, wanted: &str) -> String {
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        let mut free = std::iter::once(wanted.to_owned()).chain(numbered);
        let name = free.find(|name| !self.0.contains(name)).unwrap_or_default();
        self.0.insert(name.clone());
        name
    }
}

/// `order_total` of `Order Total` and of `orderTotal`. Letters of any alphabet stay, and so does a name that is well.
pub(super) fn snake(name: &str) -> String {
    if has_plain_letters(name) {
        return name.to_owned();
    }
    let mut snake = String::with_capacity(name.len());
    let letters: Vec<char> = name.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let begins_word = letter.is_uppercase()
            && (before.is_some_and(|before| before.is_lowercase() || before.is_numeric())
                // The last capital of `HTTPStatus` begins a word.
                || before.is_some_and(char::is_uppercase)
                    && letters.get(at + 1).is_some_and(|after| after.is_lowercase()));
        if begins_word || !letter.is_alphanumeric() {
            snake.push('_');
        }
        // A lower-case letter may have a mark of its own behind it, which is none: İ.
        snake.extend(letter.to_lowercase().filter(|letter| letter.is_alphanumeric()));
    }
    let words: Vec<&str> = snake.split('_').filter(|word| !word.is_empty()).collect();
    match words.join("_") {
        empty if empty.is_empty() => "unnamed".to_owned(),
        digits if digits.starts_with(char::is_numeric) => format!("_{digits}"),
        words => words,
    }
}

/// Whether it needs no quotes in SQL.
pub(in crate::cli::init) fn is_plain(name: &str) -> bool {
    has_plain_letters(name) && !WORDS.contains(&name)
}

fn has_plain_letters(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.bytes().all(is_word)
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
}

/// Those that are as they should be keep their names; the others take what is left.
pub(super) fn of_columns(columns: &[&str]) -> Vec<String> {
    let mut names = Names::default();
    let mut staged: Vec<Option<String>> = columns
        .iter()
        .map(|column| (snake(column) == *column).then(|| names.take(column)))
        .collect();
    for (name, column) in staged.iter_mut().zip(columns) {
        name.get_or_insert_with(|| names.take(&snake(column)));
    }
    staged.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_plain_and_stay_apart() {
        for (name, expected) in [
            ("order_total", "order_total"),
            ("Order Total", "order_total"),
            ("orderTotal", "order_total"),
            ("userID", "user_id"),
            ("HTTPStatus", "http_status"),
            ("line2Total", "line2_total"),
            ("2fa", "_2fa"),
            ("__x__", "__x__"),
            ("__x--y__", "x_y"),
            ("\"`'\\{{%}}", "unnamed"),
            ("Größe", "größe"),
            ("İ", "i"),
        ] {
            assert_eq!(snake(name), expected, "{name}");
            assert_eq!(snake(&snake(name)), snake(name));
        }
        let columns = ["Total", "total", "total_2", "TOTAL", "_x", "x"];
        assert_eq!(of_columns(&columns), ["total_3", "total", "total_2", "total_4", "_x", "x"]);
    }

    #[test]
    fn words_of_sql_are_not_plain() {
        assert!(is_plain("user_id") && is_plain("_2fa"));
        for name in ["order", "null", "2fa", "größe", "", "A", "a b"] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
