//! Which tables are sent, which columns of them, and to which topics.

use super::options::SinkOptions;
use model::{Error, Result, TableName};
use regex::Regex;

/// The most letters of a topic's name.
const TOPIC_MAX: usize = 249;

/// Where a topic's messages go instead.
#[derive(Clone, Debug)]
pub struct Route {
    matches: Regex,
    replacement: String,
}

impl Route {
    /// As Debezium's ByLogicalTableRouter: the whole name must match; `$1` is the first group.
    pub fn new(regex: &str, replacement: impl Into<String>) -> Result<Route> {
        let matches = Regex::new(&format!("^(?:{regex})$")).map_err(|error| {
            Error::definite(format!("cannot route by `{regex}`: it is no regular expression"))
                .source(error)
        })?;
        Ok(Route { matches, replacement: replacement.into() })
    }

    /// A table by its name, to one topic.
    pub fn of_table(prefix: &str, table: &TableName, topic: impl Into<String>) -> Result<Route> {
        let topic = topic.into().replace('$', "$$");
        Route::new(&regex::escape(&natural(prefix, table)), topic)
    }
}

fn natural(prefix: &str, table: &TableName) -> String {
    format!("{prefix}.{}.{}", table.schema, table.table)
}

impl SinkOptions {
    /// The topic of a table.
    pub fn topic(&self, table: &TableName) -> Result<String> {
        let natural = natural(&self.topic_prefix, table);
        let route = self.routes.iter().find(|route| route.matches.is_match(&natural));
        let named = match route {
            Some(route) => route.matches.replace(&natural, route.replacement.as_str()).into_owned(),
            None => natural,
        };
        let topic = sanitized(&named);
        match topic.is_empty() || topic.len() > TOPIC_MAX || topic == "." || topic == ".." {
            false => Ok(topic),
            true => Err(Error::definite(format!(
                "cannot send table {table}: `{topic}` is no name for a topic"
            ))
            .hint("route it: a topic's name has 1 to 249 letters, digits, `.`, `_` and `-`")),
        }
    }

    pub fn sends(&self, table: &TableName) -> bool {
        let name = table.to_string();
        let matches = |pattern: &String| is_like(&name, pattern);
        let tables = &self.tables;
        (tables.include.is_empty() || tables.include.iter().any(matches))
            && !tables.exclude.iter().any(matches)
    }

    pub fn sends_column(&self, table: &TableName, column: &str) -> bool {
        let name = format!("{table}.{column}");
        !self.columns_exclude.iter().any(|pattern| is_like(&name, pattern))
    }
}

/// As Debezium: what Kafka does not take becomes `_`.
pub(super) fn sanitized(name: &str) -> String {
    let letter = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => letter,
        _ => '_',
    };
    name.chars().map(letter).collect()
}

/// `*` stands for any letters.
fn is_like(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
    }
    match last {
        Some(last) => rest.ends_with(last),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> SinkOptions {
        SinkOptions::new("localhost:9092", "shop")
    }

    #[test]
    fn tables_have_topics_of_their_own_unless_they_are_routed() {
        let orders = TableName::new("public", "orders");
        let mut options = options();
        assert_eq!(options.topic(&orders).unwrap(), "shop.public.orders");
        let odd = TableName::new("public", "Größe n");
        assert_eq!(options.topic(&odd).unwrap(), "shop.public.Gr__e_n");
        options.routes = vec![
            Route::new("shop\\.(\\w+)\\.orders_\\d+", "all.$1.orders").unwrap(),
            Route::of_table("shop", &orders, "orders").unwrap(),
        ];
        assert_eq!(options.topic(&orders).unwrap(), "orders");
        let part = TableName::new("public", "orders_7");
        assert_eq!(options.topic(&part).unwrap(), "all.public.orders");
        let other = TableName::new("public", "orders_7b");
        assert_eq!(options.topic(&other).unwrap(), "shop.public.orders_7b");
        assert!(Route::new("(", "x").is_err());
        assert!(options.topic(&TableName::new("public", "x".repeat(300))).is_err());
    }

    #[test]
    fn patterns_choose_tables_and_columns() {
        let mut options = options();
        options.tables.include = vec!["public.*".into()];
        options.tables.exclude = vec!["*.tmp_*".into(), "public.audit".into()];
        options.columns_exclude = vec!["public.users.password".into(), "*.secret".into()];
        let sends = |table: &str| options.sends(&TableName::new("public", table));
        assert!(sends("orders") && sends("auditor") && !sends("audit") && !sends("tmp_1"));
        assert!(!options.sends(&TableName::new("other", "orders")));
        let users = TableName::new("public", "users");
        let sent = ["password", "secret", "secrets"].map(|one| options.sends_column(&users, one));
        assert_eq!(sent, [false, false, true]);
        assert!(is_like("abcabc", "a*c") && is_like("ab", "*") && !is_like("ab", "b*"));
        assert!(is_like("abab", "ab*ab") && !is_like("ab", "ab*ab"));
    }
}
