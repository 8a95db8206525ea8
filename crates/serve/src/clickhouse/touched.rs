//! Which tables a statement names: what stands behind `FROM`, `JOIN`, `INTO`, `TABLE` and `UPDATE`. Told by the
//! text, because the engine does not say what its analysis found; so a view's own tables are not among
//! them, and a name without a database is only told where its database is known.

use super::sql::{Kind, Token, Tokens};
use std::collections::BTreeSet;

/// As `database.table`; those that the statement brings along are its own affair.
pub(super) fn tables(sql: &str, verb: &str, database: &str, own: &[String]) -> BTreeSet<String> {
    if matches!(verb, "SHOW" | "SET" | "USE" | "SYSTEM" | "KILL" | "GRANT" | "REVOKE") {
        return BTreeSet::new();
    }
    let tokens: Vec<Token> = Tokens::new(sql.as_bytes()).collect();
    let mut defined = own.iter().map(String::as_str).collect();
    let mut reader =
        Reader { sql, tokens: &tokens, database, defined: BTreeSet::new(), found: BTreeSet::new() };
    reader.define(&mut defined);
    reader.defined = defined;
    reader.read();
    reader.found
}

struct Reader<'a> {
    sql: &'a str,
    tokens: &'a [Token],
    database: &'a str,
    /// Brought along, or `WITH name AS (`.
    defined: BTreeSet<&'a str>,
    found: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    fn text(&self, index: usize) -> &'a str {
        self.tokens.get(index).map_or("", |token| &self.sql[token.start..token.end])
    }

    fn is(&self, index: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.text(index).eq_ignore_ascii_case(word))
    }

    fn name(&self, index: usize) -> Option<&'a str> {
        match self.tokens.get(index)?.kind {
            Kind::Word => Some(self.text(index)),
            Kind::Quoted => Some(&self.text(index)[1..self.text(index).len() - 1]),
            _ => None,
        }
    }

    fn read(&mut self) {
        // Inside a call, `FROM` is of the function: extract(YEAR FROM at).
        let mut is_call = vec![false];
        for index in 0..self.tokens.len() {
            let before = index.checked_sub(1);
            let is_behind = |words| before.is_some_and(|before| self.is(before, words));
            match self.tokens[index].kind {
                Kind::Mark(b'(') => is_call.push(
                    before.is_some_and(|before| self.name(before).is_some())
                        && !self.is(index + 1, &["SELECT", "WITH", "FROM", "("]),
                ),
                Kind::Mark(b')') => drop(is_call.pop()),
                Kind::Word if is_call.last() == Some(&true) => {}
                Kind::Word if self.is(index, &["FROM"]) && !is_behind(&["DISTINCT"]) => {
                    self.list(index + 1);
                }
                Kind::Word if self.is(index, &["JOIN"]) && !is_behind(&["ARRAY"]) => {
                    self.list(index + 1);
                }
                Kind::Word if self.is(index, &["INTO"]) => {
                    let _ = self.one(index + 1, true);
                }
                // Only what the statement is of: a column may be called so.
                Kind::Word if index < 4 && self.is(index, &["TABLE", "VIEW", "UPDATE"]) => {
                    let _ = self.one(index + 1, true);
                }
                _ => {}
            }
        }
    }

    /// `a AS x, b.c y`
    fn list(&mut self, mut index: usize) {
        while let Some(mut next) = self.one(index, false) {
            next += usize::from(self.is(next, &["AS"]));
            next += usize::from(self.name(next).is_some() && self.text(next + 1) == ",");
            if self.text(next) != "," {
                return;
            }
            index = next + 1;
        }
    }

    /// Takes a table's name, and tells what is behind it; `None`: it is none.
    fn one(&mut self, mut index: usize, has_columns: bool) -> Option<usize> {
        while self.is(index, &["TABLE", "IF", "NOT", "EXISTS"]) {
            index += 1;
        }
        let first = self.name(index).filter(|_| !self.is(index, &["FUNCTION", "SELECT"]))?;
        let (database, table, next) = match (self.text(index + 1), self.name(index + 2)) {
            (".", Some(second)) => (first, second, index + 3),
            _ => (self.database, first, index + 1),
        };
        let is_function = self.text(next) == "(" && !has_columns;
        let is_defined_here = next == index + 1 && self.defined.contains(first);
        if is_function || is_defined_here || database.is_empty() {
            return Some(next).filter(|_| !is_function);
        }
        self.found.insert(format!("{database}.{table}"));
        Some(next)
    }

    fn define(&self, defined: &mut BTreeSet<&'a str>) {
        let is_one = |index: &usize| self.is(index + 1, &["AS"]) && self.text(index + 2) == "(";
        defined.extend((0..self.tokens.len()).filter(is_one).filter_map(|index| self.name(index)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tables_are_told_by_where_they_stand() {
        let cases = [
            ("SELECT 1", ""),
            ("SELECT a FROM t WHERE b = 'FROM x'", "main.t"),
            (
                "select * from shop.orders o, `a b`.c AS x, d join public.users using id",
                "a b.c main.d public.users shop.orders",
            ),
            ("WITH x AS (SELECT 1 FROM t) SELECT * FROM x LEFT JOIN y ON 1", "main.t main.y"),
            ("SELECT extract(YEAR FROM at), a IS DISTINCT FROM b FROM s.t ARRAY JOIN c", "s.t"),
            ("SELECT count() FROM (SELECT 1 FROM a.b UNION ALL SELECT 2 FROM numbers(3))", "a.b"),
            ("SELECT x IN (SELECT y FROM c.d), f((SELECT 1 FROM e.f))", "c.d e.f"),
            ("INSERT INTO TABLE a.b (c, d) SELECT * FROM e", "a.b main.e"),
            ("INSERT INTO FUNCTION null('x Int8') SELECT 1", ""),
            ("CREATE TABLE IF NOT EXISTS a.b (table Int8) ENGINE = Memory", "a.b"),
            ("ALTER TABLE t ADD COLUMN x Int8", "main.t"),
            ("DELETE FROM a.b WHERE 1", "a.b"),
            ("CREATE OR REPLACE VIEW v AS SELECT 1 FROM t", "main.t main.v"),
            ("SELECT 1 FROM", ""),
        ];
        for (sql, expected) in cases {
            let verb = sql.split(' ').next().unwrap().to_ascii_uppercase();
            let found: Vec<String> = tables(sql, &verb, "main", &[]).into_iter().collect();
            assert_eq!(found.join(" "), expected, "{sql}");
        }
        assert!(tables("SHOW TABLES FROM shop", "SHOW", "main", &[]).is_empty());
        assert!(tables("SELECT 1 FROM t, a.b", "SELECT", "", &[]).contains("a.b"));
        let own = ["ids".to_owned()];
        let found = tables(
            "SELECT 1 FROM t WHERE 1 IN ids AND 2 IN (SELECT * FROM ids JOIN a.ids)",
            "SELECT",
            "main",
            &own,
        );
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a.ids", "main.t"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(words in proptest::collection::vec(prop_oneof![
            Just("FROM"), Just("JOIN"), Just("a"), Just("."), Just("`"), Just("`é`"), Just("("), Just(")"), Just(","),
            Just("AS"), Just("INTO"), Just("TABLE"), Just("\""), Just("''"), Just("WITH"), Just("SELECT"),
        ], 0..16)) {
            tables(&words.join(" "), "SELECT", "main", &[]);
        }
    }
}
