//! What is granted while the engine runs is exact, and what runs later, with the server's rights, was let
//! through with its author's.

use super::{MARK, PASSWORD, ask, code, sql};

fn refused(user: &str, text: &str) {
    let reply = ask(user, "/", text);
    let code = reply.header("x-clickhouse-exception-code").unwrap_or("0").to_owned();
    assert_eq!(code, "497", "{user}: {text}: {}", reply.text());
    assert!(!reply.text().contains(MARK), "{text}");
}

#[test]
fn a_grant_since_the_start_is_no_wider_than_it_says() {
    for text in [
        "CREATE DATABASE grown",
        "CREATE TABLE grown.t (x Int64, y Int64, INDEX i y TYPE minmax) ENGINE = MergeTree ORDER BY x",
        "CREATE VIEW grown.v AS SELECT 1 AS x",
        "CREATE DICTIONARY grown.d (k UInt64, x String) PRIMARY KEY k \
         SOURCE(CLICKHOUSE(QUERY 'SELECT 1 AS k, \\'fine\\' AS x')) LAYOUT(FLAT()) LIFETIME(0)",
        &format!("CREATE USER late IDENTIFIED BY '{PASSWORD}'"),
        "GRANT DROP VIEW, ALTER ADD COLUMN, dictGet ON grown.* TO late",
        &format!("CREATE USER shown IDENTIFIED BY '{PASSWORD}'"),
        "GRANT SHOW TABLES ON grown.* TO shown",
    ] {
        sql("root", text);
    }
    for text in [
        "DROP TABLE grown.t",
        "DROP VIEW grown.t",
        "DROP DATABASE grown",
        "DROP DICTIONARY grown.d",
        "DROP TABLE grown.v, grown.t",
        "TRUNCATE TABLE grown.t",
        "ALTER TABLE grown.t DROP COLUMN y",
        "ALTER TABLE grown.t ADD COLUMN z Int8, DROP COLUMN y",
        "ALTER TABLE grown.t DELETE WHERE 1",
        "ALTER TABLE grown.t DROP PARTITION tuple()",
        "ALTER TABLE grown.t CLEAR COLUMN y",
        "DROP INDEX i ON grown.t",
        "RENAME TABLE grown.v TO grown.w",
        "EXCHANGE TABLES grown.v AND grown.t",
        "SELECT dictGet('hidden.d', 'x', toUInt64(1))",
        "SELECT dictGet(hidden.d, 'x', toUInt64(1))",
        "SELECT dictGet(concat('hidden', '.d'), 'x', toUInt64(1))",
        "SELECT dictGet('hidden\\x2ed', 'x', toUInt64(1))",
        "WITH 'hidden.d' AS d SELECT dictGet(d, 'x', toUInt64(1))",
        "WITH 'hidden.d' AS `grown.d` SELECT dictGet(`grown.d`, 'x', toUInt64(1))",
        "SELECT dictHas('hidden.d', toUInt64(1))",
    ] {
        refused("late", text);
    }
    let seen = "SELECT count() FROM system.tables WHERE database IN ('hidden', 'partly')";
    assert_eq!(sql("shown", seen), "0\n");
    assert_eq!(sql("late", "SELECT dictGet('grown.d', 'x', toUInt64(1))"), "fine\n");
    for text in ["ALTER TABLE grown.t ADD COLUMN z Int8", "DROP VIEW grown.v"] {
        assert_eq!(code("late", text), "0", "{text}: {}", ask("late", "/", text).text());
    }
    assert_eq!(
        sql("root", "SELECT count() FROM system.columns WHERE database = 'grown' AND table = 't'"),
        "3\n"
    );
}

/// The role that covers it would have all columns.
#[test]
fn a_grant_since_the_start_opens_no_other_columns() {
    let made = format!("CREATE USER cora IDENTIFIED BY '{PASSWORD}'");
    sql("root", &made);
    sql("root", "GRANT SELECT(id, name) ON partly.people TO cora");
    for late in ["SELECT ON partly.closed", "ALL ON partly.closed"] {
        sql("root", &format!("GRANT {late} TO cora"));
        refused("cora", "SELECT salary FROM partly.people");
        refused("cora", "SELECT * FROM partly.people");
        refused("cora", "SELECT name FROM partly.people ORDER BY salary");
        refused("cora", "SELECT * FROM partly.closed");
        assert_eq!(sql("cora", "SELECT id, name FROM partly.people"), "1\tann\n");
    }
    sql("root", "GRANT SELECT ON *.* TO cora");
    assert_eq!(sql("cora", "SELECT count() FROM partly.closed"), "1\n");
}

#[test]
fn what_a_view_writes_and_reads_later_is_its_authors_to_write_and_read() {
    for text in [
        "CREATE TABLE freds.t (id Int64, region String) ENGINE = MergeTree ORDER BY id",
        "CREATE TABLE pats.t (x String) ENGINE = MergeTree ORDER BY x",
        "CREATE TABLE pats.of (id Int64, region String) ENGINE = MergeTree ORDER BY id",
        "INSERT INTO pats.of VALUES (1, 'EU')",
    ] {
        sql("root", text);
    }
    // Into tables of others.
    for (user, to) in [
        ("ed", "shop.orders"),
        ("ed", "`shop` . `orders`"),
        ("ed", "/* x */ shop.orders (id Int64, region String)"),
        ("pat", "shop.orders"),
    ] {
        let own = if user == "ed" { "marts" } else { "pats" };
        for view in ["MATERIALIZED VIEW", "OR REPLACE MATERIALIZED VIEW"] {
            refused(
                user,
                &format!("CREATE {view} {own}.bad TO {to} AS SELECT id, region FROM shop.orders"),
            );
        }
    }
    let named = ask(
        "pat",
        "/?param_t=shop.orders",
        "CREATE MATERIALIZED VIEW pats.bad TO {t:Identifier} AS SELECT id, region FROM shop.orders",
    );
    assert_eq!(named.status, 403, "{}", named.text());
    refused("pat", "ALTER TABLE pats.of MOVE PARTITION tuple() TO TABLE shop.orders");
    // What a view shows to its reader alone, and what a filter hides.
    for (user, text) in [
        ("pat", "CREATE MATERIALIZED VIEW pats.bad TO pats.t AS SELECT x FROM shop.peek"),
        (
            "pat",
            "CREATE MATERIALIZED VIEW pats.bad REFRESH EVERY 1 HOUR TO pats.t AS SELECT x FROM shop.peek",
        ),
        ("pat", "ALTER TABLE pats.t UPDATE x = (SELECT any(x) FROM shop.peek) WHERE 1"),
        ("pat", "ALTER TABLE pats.t DELETE WHERE x IN (SELECT x FROM shop.peek)"),
        ("pat", "DELETE FROM pats.t WHERE x IN shop.peek"),
        (
            "fred",
            "CREATE MATERIALIZED VIEW freds.bad TO freds.t AS SELECT id, region FROM filtered.orders",
        ),
        (
            "fred",
            "CREATE MATERIALIZED VIEW freds.bad REFRESH EVERY 1 HOUR TO freds.t AS SELECT * FROM filtered.shown",
        ),
        (
            "fred",
            "ALTER TABLE freds.t UPDATE region = (SELECT max(region) FROM filtered.orders) WHERE 1",
        ),
        ("fred", "ALTER TABLE freds.t DELETE WHERE region IN (SELECT region FROM filtered.orders)"),
        ("fred", "CREATE TABLE freds.copy CLONE AS filtered.orders"),
        ("fred", "ALTER TABLE freds.t ATTACH PARTITION tuple() FROM filtered.orders"),
        ("fred", "ALTER TABLE freds.t REPLACE PARTITION tuple() FROM filtered.orders"),
    ] {
        refused(user, text);
    }
    // What is theirs works, and words in other places are no clauses.
    for (user, text) in [
        (
            "ed",
            "CREATE MATERIALIZED VIEW marts.good TO marts.m AS SELECT region AS x FROM shop.orders",
        ),
        ("ed", "CREATE MATERIALIZED VIEW marts.peeks TO marts.m AS SELECT x FROM shop.peek"),
        ("pat", "CREATE MATERIALIZED VIEW pats.good TO pats.t AS SELECT region AS x FROM pats.of"),
        ("pat", "CREATE VIEW pats.v AS SELECT 1 AS definer, 2 AS security WHERE definer = 1"),
        (
            "pat",
            "CREATE VIEW pats.w AS SELECT name FROM system.tables WHERE engine = 'Memory' ORDER BY engine",
        ),
        ("pat", "CREATE TABLE pats.clone CLONE AS pats.of"),
        ("pat", "ALTER TABLE pats.clone ATTACH PARTITION tuple() FROM pats.of"),
        ("pat", "ALTER TABLE pats.clone DELETE WHERE id IN (SELECT id FROM pats.of)"),
        ("fred", "INSERT INTO freds.t SELECT * FROM filtered.orders"),
        (
            "fred",
            "CREATE TABLE freds.chosen ENGINE = MergeTree ORDER BY id AS SELECT * FROM filtered.orders",
        ),
    ] {
        assert_eq!(code(user, text), "0", "{user}: {text}");
    }
    for table in ["freds.t", "freds.chosen"] {
        assert_eq!(sql("root", &format!("SELECT groupArray(region) FROM {table}")), "['EU']\n");
    }
    for view in ["marts.good", "marts.peeks", "pats.good"] {
        sql("root", &format!("DROP VIEW {view}"));
    }
}
