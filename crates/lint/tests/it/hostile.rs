//! No text makes it panic, hang or run out of stack.

use lint::Linter;
use proptest::prelude::*;

fn read(text: &str) {
    let mut linter = Linter::new(None);
    linter.learn(text);
    let report = linter.lint(text);
    let lines = text.matches('\n').count() + 1;
    assert!(report.findings.iter().all(|finding| (1..=lines).contains(&finding.line)));
    assert!(report.troubles.iter().all(|trouble| (1..=lines).contains(&trouble.line)));
}

/// Words of which changes are made, and what breaks them.
const WORDS: &[&str] = &[
    "alter",
    "table",
    "add",
    "column",
    "drop",
    "create",
    "index",
    "concurrently",
    "on",
    "t",
    "a",
    "int",
    "text",
    "varchar(10)",
    "numeric(10,2)",
    "default",
    "now()",
    "random()",
    "not",
    "null",
    "primary",
    "key",
    "references",
    "r",
    "unique",
    "check",
    "(",
    ")",
    "(a > 0)",
    "valid",
    "type",
    "using",
    "rename",
    "to",
    "set",
    "schema",
    "s",
    "generated",
    "always",
    "as",
    "identity",
    "stored",
    "publication",
    "for",
    "all",
    "tables",
    "partition",
    "of",
    "attach",
    "values",
    "in",
    "(1)",
    "do",
    "$$",
    "begin",
    "end",
    "execute",
    "'x'",
    "'",
    "\"",
    "--",
    "\n",
    "/*",
    "*/",
    "\\",
    "$1",
    "$a$",
    "copy",
    "from",
    "stdin",
    "\\.",
    "-- +goose Up\n",
    "-- migrate:down\n",
    ";",
    ",",
    "update",
    "delete",
    "where",
    "true",
    "truncate",
    "cascade",
    "vacuum",
    "full",
    "enum",
    "value",
    "E'\\'",
    "\u{0}",
    "é",
    "🦀",
    "\u{feff}",
    "::",
    "[]",
    "select",
    "pg_drop_replication_slot('x')",
    "atomic",
    "function",
    "case",
    "lock_timeout",
    "=",
    "0",
    "interval",
    "1",
    ".",
    "replica",
    "full",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn any_order_of_words(words in prop::collection::vec(prop::sample::select(WORDS), 0..40)) {
        read(&words.join(" "));
    }

    /// Right statements of which a word is missing, doubled or another.
    #[test]
    fn statements_with_one_word_wrong(
        from in 0..crate::statements::OF_T.len(),
        at in any::<prop::sample::Index>(),
        word in prop::sample::select(WORDS),
        how in 0..3_u8,
    ) {
        let mut words: Vec<&str> = crate::statements::OF_T[from].split(' ').collect();
        let at = at.index(words.len());
        match how {
            0 => drop(words.remove(at)),
            1 => words.insert(at, word),
            _ => words[at] = word,
        }
        read(&words.join(" "));
    }
}

#[test]
fn depth_and_length_are_no_trouble_of_ours() {
    for times in [30, 100, 1_000, 20_000] {
        for (open, middle, close) in [
            ("(", "1", ")"),
            ("not ", "true", ""),
            ("1 + ", "1", ""),
            ("array[", "1", "]"),
            ("case when true then ", "1", " end"),
        ] {
            read(&format!("select {}{middle}{};", open.repeat(times), close.repeat(times)));
            read(&format!(
                "alter table t add a int default {}{middle}{};",
                open.repeat(times),
                close.repeat(times)
            ));
        }
        read(&format!("insert into t values {}(1);", "(1),".repeat(times)));
        read(&format!("do $$ {} {} $$;", "begin ".repeat(times), "end; ".repeat(times)));
        read(&"/*".repeat(times));
        read(&"$a$".repeat(times));
    }
}
