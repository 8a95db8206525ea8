//! Names in the engine's lists, of which it shows too many until its next start.

use super::{PASSWORD, ask, sql};

#[test]
fn names_of_a_database_made_since_the_start_are_those_that_are_granted() {
    for text in [
        "CREATE DATABASE named",
        "CREATE DATABASE unnamed",
        "CREATE TABLE named.a (mine Int64) ENGINE = MergeTree ORDER BY mine",
        "CREATE TABLE named.b (theirs Int64) ENGINE = MergeTree ORDER BY theirs",
        "CREATE TABLE unnamed.c (theirs Int64) ENGINE = MergeTree ORDER BY theirs",
        "INSERT INTO named.a VALUES (1)",
        "INSERT INTO named.b VALUES (1)",
        "INSERT INTO unnamed.c VALUES (1)",
        &format!("CREATE USER namer, painter IDENTIFIED BY '{PASSWORD}'"),
        "GRANT SELECT ON named.a TO namer, painter",
        "GRANT INSERT ON named.a TO painter",
    ] {
        sql("root", text);
    }
    for user in ["namer", "painter"] {
        let of = |text: &str| sql(user, text);
        assert_eq!(of("SELECT mine FROM named.a"), "1\n");
        assert_eq!(of("SHOW TABLES FROM named"), "a\n");
        assert_eq!(of("SHOW DATABASES LIKE '%named'"), "named\n");
        for list in ["columns", "parts", "parts_columns", "tables"] {
            let name = if list == "tables" { "name" } else { "table" };
            let text =
                format!("SELECT DISTINCT {name} FROM system.{list} WHERE database LIKE '%named'");
            assert_eq!(of(&text), "a\n");
            // The engine would take the filter of the other one.
            let text = text.replace(" WHERE", " AS `system.databases` WHERE");
            assert_eq!(ask(user, "/", &text).status, 403, "{text}");
        }
        for text in ["SELECT * FROM bb", "SELECT * FROM named.bb", "SELECT * FROM named.cc"] {
            let told = ask(user, "/", text).text();
            assert!(!told.contains("named.b.") && !told.contains("meant"), "{text}: {told}");
        }
        let standard =
            "SELECT table_name FROM information_schema.tables WHERE table_schema LIKE '%named'";
        assert_eq!(of(standard), "a\n");
        let words = "SELECT count() FROM system.completions WHERE word IN ('theirs', 'unnamed')";
        assert_eq!(of(words), "0\n");
    }
    assert_eq!(sql("root", "SHOW TABLES FROM named"), "a\nb\n");
}
