//! Row filters that name who asks, made and asked through the door.

use super::{MARK, PASSWORD, ask, code, sql};

#[test]
fn who_asks_is_told_apart_from_what_looks_like_it() {
    sql("root", "CREATE DATABASE who");
    sql(
        "root",
        "CREATE TABLE who.t (owner String, `user` String) ENGINE = MergeTree ORDER BY owner",
    );
    sql(
        "root",
        "INSERT INTO who.t VALUES ('o\\'x', 'currentUser()'), ('default', 'b'), ('c', 'o\\'x')",
    );
    sql("root", &format!("CREATE USER `o'x` IDENTIFIED BY '{PASSWORD}'"));
    sql("root", "GRANT SELECT ON who.* TO `o'x`");
    for (condition, rows) in [
        ("owner = currentUser()", "o\\'x\n"),
        ("owner = user ()", "o\\'x\n"),
        ("owner = CURRENT_USER", "o\\'x\n"),
        ("owner = Session_User", "o\\'x\n"),
        ("owner = `currentUser`()", "o\\'x\n"),
        ("owner = authenticatedUser()", "o\\'x\n"),
        ("owner = /* currentUser() */ current_user()", "o\\'x\n"),
        ("`user` = 'currentUser()'", "o\\'x\n"),
        ("t.user = currentUser()", "c\n"),
    ] {
        let made = format!("CREATE OR REPLACE ROW POLICY p ON who.t USING {condition} TO `o'x`");
        sql("root", &made.replace("CREATE OR REPLACE ROW POLICY", "CREATE ROW POLICY OR REPLACE"));
        assert_eq!(sql("o'x", "SELECT owner FROM who.t"), rows, "{condition}");
    }
    for condition in ["owner = user", "owner = $x"] {
        let made = format!("CREATE ROW POLICY q ON who.t USING {condition} TO `o'x`");
        assert_eq!(code("root", &made), "36", "{condition}");
    }
}

#[test]
fn a_policy_to_a_role_that_is_called_all_is_not_for_all() {
    sql("root", "CREATE ROLE `ALL`");
    sql("root", "CREATE ROW POLICY of_all ON shop.orders USING 0 TO `ALL`");
    assert_eq!(sql("vera", "SELECT count() FROM shop.orders"), "2\n");
    assert!(sql("root", "SHOW ACCESS").contains("AS permissive TO `ALL`"));
    sql("root", "DROP ROW POLICY of_all ON shop.orders");
    sql("root", "DROP ROLE `ALL`");
}

/// Each name that may be a table costs the engine a statement.
#[test]
fn names_without_a_grant_are_looked_up_up_to_a_number() {
    let names = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("1 IN n{number}")).collect();
        format!("SELECT {}", names.join(", "))
    };
    assert_eq!(code("vera", &names(500)), "47");
    let many = ask("vera", "/", &names(5000));
    assert!(many.text().contains("more than 1000 names"), "{}", many.text());
}

fn refused(user: &str, target: &str, text: &str) {
    let reply = ask(user, target, text);
    assert_eq!(
        reply.header("x-clickhouse-exception-code"),
        Some("497"),
        "{user}: {text}: {}",
        reply.text()
    );
}

/// A database with a table that shows its user one row of two.
fn make_filtered(user: &str, database: &str, granted: &str) {
    for text in [
        format!("CREATE DATABASE {database}"),
        format!(
            "CREATE TABLE {database}.t (id Int64, region String) ENGINE = MergeTree ORDER BY id"
        ),
        format!("CREATE TABLE {database}.other AS {database}.t"),
        format!("INSERT INTO {database}.t VALUES (1, 'EU'), (2, '{MARK}')"),
        format!("CREATE USER {user} IDENTIFIED BY '{PASSWORD}'"),
        format!("GRANT {granted} ON {database}.* TO {user}"),
        format!("CREATE ROW POLICY p ON {database}.t USING region = 'EU' TO {user}"),
    ] {
        sql("root", &text);
    }
}

#[test]
fn a_filter_is_not_shed_by_altering_its_table() {
    make_filtered("nell", "nells", "SELECT, ALL");
    for text in [
        "RENAME TABLE nells.t TO nells.u",
        "EXCHANGE TABLES nells.t AND nells.other",
        "EXCHANGE TABLES nells.other AND nells.t",
        "ALTER TABLE nells.t MOVE PARTITION tuple() TO TABLE nells.other",
        "ALTER TABLE nells.t RENAME COLUMN region TO r",
        "ALTER TABLE nells.t UPDATE region = 'EU' WHERE 1",
        "ALTER TABLE `nells`.`t` DROP COLUMN region, ADD COLUMN region String DEFAULT 'EU'",
        "CREATE OR REPLACE VIEW nells.t AS SELECT 1 AS id, 'EU' AS region",
    ] {
        refused("nell", "/", text);
    }
    refused("nell", "/?database=nells", "ALTER TABLE t UPDATE region = 'EU' WHERE 1");
    sql("nell", "INSERT INTO nells.t VALUES (3, 'EU')");
    sql("nell", "ALTER TABLE nells.other ADD COLUMN x Int8");
    sql("nell", "RENAME TABLE nells.other TO nells.free");
    assert_eq!(sql("nell", "SELECT groupArray(id) FROM nells.t"), "[1,3]\n");
    assert_eq!(sql("root", "SELECT count() FROM nells.t WHERE region != 'EU'"), "1\n");
}

#[test]
fn a_filter_is_not_shed_by_a_table_that_passes_rows_on() {
    make_filtered("mila", "passing", "SELECT, dictGet");
    for text in [
        "CREATE TABLE passing.merged (id Int64, region String) ENGINE = Merge('passing', '^t$')",
        "CREATE TABLE passing.mine (id Int64, region String) ENGINE = Merge('passing', '^t$')",
        "CREATE TABLE passing.buffer (id Int64, region String) \
         ENGINE = Buffer('passing', 't', 1, 10, 100, 10, 100, 10, 100)",
        "CREATE DICTIONARY passing.d (id Int64, region String) PRIMARY KEY id \
         SOURCE(CLICKHOUSE(QUERY 'SELECT id, region FROM passing.t')) LAYOUT(HASHED()) LIFETIME(0)",
        "CREATE VIEW passing.v AS SELECT * FROM passing.t",
        "CREATE MATERIALIZED VIEW passing.filled TO passing.t AS SELECT id, region FROM passing.other",
        "CREATE MATERIALIZED VIEW passing.own ENGINE = MergeTree ORDER BY id AS SELECT id FROM passing.other",
        "CREATE ROW POLICY p ON passing.mine USING region = 'EU' TO mila",
        "CREATE TABLE passing.j (id Int64, region String) ENGINE = Join(ANY, LEFT, id)",
        "CREATE VIEW passing.of_view AS WITH w AS (SELECT id FROM passing.v) \
         SELECT id FROM w WHERE id IN (SELECT id FROM passing.mine)",
        "CREATE VIEW passing.definer SQL SECURITY DEFINER AS SELECT id FROM passing.t",
        "CREATE VIEW passing.of_merged AS SELECT id FROM passing.merged",
        "CREATE VIEW passing.of_that AS SELECT 1 AS id WHERE 1 IN (SELECT id FROM passing.of_merged)",
        "CREATE VIEW passing.of_in AS SELECT 1 AS id WHERE (1, 'EU') IN passing.buffer",
        "CREATE VIEW passing.of_alias AS WITH passing.buffer AS b SELECT 1 AS id WHERE (1, 'EU') IN b",
        "CREATE VIEW passing.of_function AS SELECT id FROM merge('passing', '^t$')",
        "CREATE VIEW passing.of_d AS SELECT dictGet('passing.d', 'region', 2) AS id",
        "CREATE VIEW passing.of_apply AS SELECT COLUMNS('id') APPLY(x -> dictGet('passing.d', 'region', x)) FROM passing.t",
        "CREATE VIEW passing.of_join AS SELECT joinGet('passing.j', 'region', 2::Int64) AS id",
        "CREATE VIEW passing.of_definer SQL SECURITY DEFINER AS SELECT id FROM passing.merged",
    ] {
        sql("root", text);
    }
    for text in [
        "SELECT * FROM passing.merged",
        "SELECT * FROM passing.buffer",
        "SELECT * FROM passing.d",
        "SELECT * FROM passing.filled",
        "SELECT (1, 'EU') IN passing.merged",
        "SELECT dictGet('passing.d', 'region', 2)",
        "SELECT * FROM passing.of_merged",
        "SELECT * FROM passing.of_that",
        "SELECT * FROM passing.of_in",
        "SELECT * FROM passing.of_alias",
        "SELECT * FROM passing.of_function",
        "SELECT * FROM passing.of_d",
        "SELECT * FROM passing.of_apply",
        "SELECT * FROM passing.of_join",
        "SELECT * FROM passing.of_definer",
        "SELECT 1 IN passing.of_merged",
    ] {
        refused("mila", "/", text);
    }
    refused("mila", "/?database=passing", "SELECT * FROM merged");
    refused("mila", "/?database=passing", "SELECT (1, 'EU') IN merged");
    for text in [
        "SELECT id FROM passing.t",
        "SELECT id FROM passing.v",
        "SELECT id FROM passing.mine",
        "SELECT id FROM passing.of_view",
        "SELECT id FROM passing.definer",
    ] {
        assert_eq!(sql("mila", text), "1\n", "{text}");
    }
    assert_eq!(sql("mila", "SELECT count() FROM passing.own"), "0\n");
    sql("mila", "SELECT count() FROM system.tables");
    sql("mila", "SELECT count() FROM information_schema.tables");
}

#[test]
fn a_filter_of_a_view_is_not_shed_by_altering_what_stands_behind_it() {
    for text in [
        "CREATE DATABASE behind",
        "CREATE TABLE behind.t (id Int64, region String) ENGINE = MergeTree ORDER BY id",
        "CREATE TABLE behind.other AS behind.t",
        &format!("INSERT INTO behind.t VALUES (1, 'EU'), (2, '{MARK}')"),
        "CREATE VIEW behind.v AS SELECT id, region FROM behind.t",
        "CREATE VIEW behind.w AS SELECT id, region FROM behind.v",
        &format!("CREATE USER bea IDENTIFIED BY '{PASSWORD}'"),
        "GRANT SELECT, ALL ON behind.* TO bea",
        "CREATE ROW POLICY p ON behind.w USING region = 'EU' TO bea",
    ] {
        sql("root", text);
    }
    for text in [
        "ALTER TABLE behind.t UPDATE region = 'EU' WHERE 1",
        "ALTER TABLE behind.t DROP COLUMN region, ADD COLUMN region String DEFAULT 'EU'",
        "RENAME TABLE behind.t TO behind.u",
        "EXCHANGE TABLES behind.other AND behind.t",
        "DROP TABLE behind.t",
        "TRUNCATE TABLE behind.t",
        "DROP VIEW behind.v",
        "CREATE OR REPLACE VIEW behind.v AS SELECT id, 'EU' AS region FROM behind.t",
        "CREATE OR REPLACE VIEW behind.w AS SELECT id, 'EU' AS region FROM behind.t",
    ] {
        refused("bea", "/", text);
    }
    refused("bea", "/?database=behind", "ALTER TABLE t UPDATE region = 'EU' WHERE 1");
    sql("bea", "INSERT INTO behind.t VALUES (3, 'EU')");
    sql("bea", "ALTER TABLE behind.other ADD COLUMN x Int8");
    sql("bea", "RENAME TABLE behind.other TO behind.free");
    assert_eq!(sql("bea", "SELECT groupArray(id) FROM behind.w"), "[1,3]\n");
}
