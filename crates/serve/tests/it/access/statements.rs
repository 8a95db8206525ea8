//! Users by SQL, what they may then do, and what ClickHouse's tables say of them.

use super::{PASSWORD, ask, code, door, sql};
use crate::http::post_with;
use crate::{CORES, ports};

#[test]
fn users_made_by_sql_come_in_and_have_what_they_are_granted() {
    sql("root", "CREATE USER IF NOT EXISTS 'sam' IDENTIFIED WITH sha256_password BY 'topsecret'");
    assert_eq!(code("root", "CREATE USER sam IDENTIFIED BY 'x'"), "493");
    assert_eq!(sql("sam", "SELECT 1"), "1\n");
    assert_eq!(code("sam", "SELECT count() FROM shop.orders"), "497");
    sql("root", "CREATE ROLE sams");
    sql("root", "GRANT SELECT ON shop.* TO sams");
    sql("root", "GRANT sams TO sam");
    assert_eq!(sql("sam", "SELECT count() FROM shop.orders"), "2\n");
    assert_eq!(code("sam", "SELECT count() FROM hidden.t"), "497");
    assert_eq!(sql("sam", "SHOW GRANTS"), "GRANT sams TO sam\n");
    assert_eq!(sql("root", "SHOW GRANTS FOR sams"), "GRANT SELECT ON shop.* TO sams\n");
    assert_eq!(sql("sam", "SHOW CURRENT ROLES"), "sams\n");
    assert_eq!(ask("sam", "/?role=sams", "SELECT count() FROM shop.orders").text(), "2\n");
    let code_of = |reply: crate::http::Reply| {
        reply.header("x-clickhouse-exception-code").unwrap_or("0").to_owned()
    };
    assert_eq!(code_of(ask("sam", "/?role=admin", "SELECT 1")), "512");
    assert_eq!(code_of(ask("sam", "/?role=nosuch", "SELECT 1")), "511");
    sql("root", "REVOKE sams FROM sam");
    assert_eq!(code("sam", "SELECT count() FROM shop.orders"), "497");
    sql("root", "ALTER USER sam IDENTIFIED WITH bcrypt_password BY 'topsecret'");
    assert_eq!(sql("sam", "SELECT 1"), "1\n");
    sql("root", "ALTER USER sam IDENTIFIED BY 'another'");
    assert_eq!(code("sam", "SELECT 1"), "516");
    sql("root", "DROP USER sam");
    assert_eq!(code("root", "SHOW GRANTS FOR sam"), "192");
    assert_eq!(code("root", "DROP USER root"), "495");
    sql("root", "DROP ROLE sams");
}

/// The engine has no role for these: a wider one of its own stands in, and the gate is exact.
#[test]
fn what_is_granted_after_the_start_is_exact_too() {
    for text in [
        "CREATE DATABASE late",
        "CREATE TABLE late.mine (x String) ENGINE = MergeTree ORDER BY x",
        "CREATE TABLE late.other (x String) ENGINE = MergeTree ORDER BY x",
        "INSERT INTO late.other SELECT 'not-for-everybody'",
        "CREATE USER OR REPLACE lee IDENTIFIED BY 'topsecret'",
        "GRANT SELECT ON late.mine TO lee",
    ] {
        sql("root", text);
    }
    assert_eq!(sql("lee", "SELECT count() FROM late.mine"), "0\n");
    for text in [
        "SELECT * FROM late.other",
        "SELECT * FROM hidden.t",
        "SELECT 1 IN late.other",
        "SELECT * FROM shop.peek",
        "SELECT * FROM millrace.access",
        "DESCRIBE late.other",
        "SELECT dictGet('hidden.d', 'x', toUInt64(1))",
        "INSERT INTO late.mine SELECT 'x'",
        "CREATE TABLE late.new (x Int8) ENGINE = Memory",
    ] {
        let reply = ask("lee", "/", text);
        assert!(reply.status >= 400, "{text}: {}", reply.text());
        assert!(!reply.text().contains(super::MARK), "{text}: {}", reply.text());
    }
    let other = ask("lee", "/?database=late", "SELECT * FROM other");
    assert!(other.status >= 400 && !other.text().contains(super::MARK));
    // Columns are the engine's to tell apart, and it does not know these yet.
    sql("root", "REVOKE SELECT ON late.mine FROM lee");
    sql("root", "GRANT SELECT(x) ON late.mine TO lee");
    assert_eq!(code("lee", "SELECT x FROM late.mine"), "497");
    // To write; with a grant of columns that waits, too.
    sql("root", "GRANT INSERT, CREATE TABLE ON late.mine TO lee");
    assert_eq!(code("lee", "INSERT INTO late.mine SELECT 'x'"), "497");
    sql("root", "REVOKE SELECT(x) ON late.mine FROM lee");
    sql("lee", "INSERT INTO late.mine SELECT 'x'");
    for text in [
        "INSERT INTO late.other SELECT 'x'",
        "INSERT INTO hidden.t SELECT 'x'",
        "INSERT INTO late.mine SELECT x FROM hidden.t",
        "CREATE TABLE late.mine2 AS late.other",
        "CREATE TABLE late.mine AS hidden.t",
        "DROP TABLE late.mine",
    ] {
        let reply = ask("lee", "/", text);
        assert!(reply.status >= 400, "{text}: {}", reply.text());
    }
    assert_eq!(sql("root", "SELECT count() FROM late.other"), "1\n");
    sql("root", "DROP USER lee");
    sql("root", "DROP DATABASE late");
}

#[test]
fn a_role_is_chosen_for_a_request_or_a_session() {
    assert_eq!(ask("root", "/?role=admin", "SELECT 1").text(), "1\n");
    let session = "/?session_id=chosen";
    assert_eq!(ask("root", session, "SELECT count() > 0 FROM millrace.access").status, 200);
    assert_eq!(ask("root", session, "SET ROLE NONE").status, 200);
    let refused = ask("root", session, "SELECT count() FROM hidden.t");
    assert_eq!(refused.header("x-clickhouse-exception-code"), Some("497"), "{}", refused.text());
    assert_eq!(ask("root", session, "SET ROLE DEFAULT").status, 200);
    assert_eq!(ask("root", session, "SELECT count() FROM hidden.t").text(), "1\n");
}

#[test]
fn a_name_without_a_database_means_where_the_session_is() {
    let session = "/?session_id=granting";
    sql("root", "CREATE USER OR REPLACE placed");
    assert_eq!(ask("root", session, "USE marts").status, 200);
    assert_eq!(ask("root", session, "GRANT SELECT ON m TO placed").status, 200);
    assert_eq!(ask("root", "/?database=shop", "GRANT SELECT ON orders TO placed").status, 200);
    let granted = sql("root", "SHOW GRANTS FOR placed");
    let expected = "GRANT SELECT ON marts.m TO placed\nGRANT SELECT ON shop.orders TO placed\n";
    assert_eq!(granted, expected);
    sql("root", "DROP USER placed");
}

#[test]
fn an_admin_who_only_reads_ends_no_statement_of_others() {
    let target = "/?query_id=of-ed&max_execution_time=60";
    let running =
        std::thread::spawn(move || ask("ed", target, "SELECT count() FROM numbers(1e13)"));
    let kill = "KILL QUERY WHERE query_id = 'of-ed'";
    while sql("root", &format!("{kill} TEST")).is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(ask("root", "/?readonly=2", kill).text(), "");
    assert!(sql("root", &format!("{kill} SYNC")).starts_with("finished\tof-ed\ted\t"));
    assert_eq!(running.join().unwrap().header("x-clickhouse-exception-code"), Some("394"));
}

/// What dbt looks up of its grants.
#[test]
fn the_tables_of_grants_say_what_was_granted() {
    let _shown = super::SHOWN.read().unwrap_or_else(|poisoned| poisoned.into_inner());
    sql(
        "root",
        "CREATE USER OR REPLACE dbt_user IDENTIFIED WITH sha256_hash BY \
         '30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4'",
    );
    sql("root", "GRANT SELECT, INSERT ON marts.m TO dbt_user");
    let rows = "SELECT access_type, user_name, role_name, database, table FROM system.grants \
                WHERE user_name = 'dbt_user' ORDER BY ALL";
    let expected = "INSERT\tdbt_user\t\\N\tmarts\tm\nSELECT\tdbt_user\t\\N\tmarts\tm\n";
    // Another door of these tests may show its own users meanwhile.
    while sql("root", rows) != expected {
        sql("root", "GRANT SELECT ON marts.m TO dbt_user");
    }
    assert_eq!(sql("ed", "SELECT count() > 0 FROM system.grants"), "1\n");
    assert_eq!(code("root", "GRANT SELECT ON marts.m TO nosuch"), "511");
    let wrong = ask("root", "/", "GRANT fake_privilege ON marts.m TO dbt_user");
    assert!(wrong.text().contains("Syntax error"), "{}", wrong.text());
    sql("root", "REVOKE INSERT ON marts.m FROM dbt_user");
    assert_eq!(
        sql("root", "SHOW GRANTS FOR dbt_user FORMAT JSONEachRow"),
        "{\"GRANTS FOR dbt_user\":\"GRANT SELECT ON marts.m TO dbt_user\"}\n"
    );
    let kept = "SELECT countIf(statements LIKE '%topsecret%'), count() > 0 FROM millrace.access";
    assert_eq!(sql("root", kept), "0\t1\n");
    sql("root", "DROP USER dbt_user");
}

#[test]
fn an_editor_does_the_work_of_dbt() {
    let session = "/?session_id=dbt&database=marts";
    let run = |text: &str| {
        let reply = ask("ed", session, text);
        assert_eq!(reply.status, 200, "{text}: {}", reply.text());
        reply.text()
    };
    for text in [
        "CREATE DATABASE IF NOT EXISTS marts",
        "SET mutations_sync = 3",
        "CREATE TABLE marts.a ENGINE = MergeTree ORDER BY id SETTINGS index_granularity = 1024 AS SELECT id, region FROM shop.orders",
        "CREATE OR REPLACE VIEW `marts`.`v` AS SELECT id, toString(region) AS region FROM marts.a WHERE id IN (SELECT id FROM shop.orders)",
        "CREATE TABLE b (id Int64, region String) ORDER BY id",
        "INSERT INTO b SELECT * FROM marts.v",
        "INSERT INTO `marts`.`b` (id, region) SETTINGS async_insert = 0 VALUES (3, 'AP')",
        "INSERT INTO marts.b FORMAT CSV\n4,'AF'\n",
        "ALTER TABLE marts.b ADD COLUMN note String DEFAULT concat(region, '!')",
        "ALTER TABLE marts.b MODIFY COMMENT 'x'",
        "ALTER TABLE marts.b DELETE WHERE id = 4 SETTINGS mutations_sync = 2",
        "DELETE FROM marts.b WHERE id = 1",
        "EXCHANGE TABLES marts.a AND marts.b",
        "RENAME TABLE marts.a TO marts.c",
        "CREATE MATERIALIZED VIEW marts.mv ENGINE = SummingMergeTree ORDER BY region AS SELECT region, count() AS n FROM marts.c GROUP BY region",
        "CREATE TEMPORARY TABLE tmp AS SELECT 1 AS x",
        "INSERT INTO tmp SELECT 2",
        "TRUNCATE TABLE marts.mv",
        "OPTIMIZE TABLE marts.c FINAL",
        "EXISTS DATABASE marts",
        "DESCRIBE TABLE marts.c",
        "SHOW CREATE TABLE marts.c",
        "SELECT name, engine FROM system.tables WHERE database = 'marts'",
        "SELECT name, value, readonly FROM system.settings LIMIT 10",
        "SELECT version(), timezone()",
        "WITH x AS (SELECT number FROM numbers(3)) SELECT count() FROM x JOIN marts.c ON toInt64(x.number) = c.id",
    ] {
        run(text);
    }
    assert_eq!(run("SELECT sum(x) FROM tmp"), "3\n");
    assert_eq!(run("SELECT groupArray(id) FROM (SELECT id FROM marts.c ORDER BY id)"), "[2,3]\n");
    for text in [
        "DROP VIEW marts.v",
        "DROP TABLE IF EXISTS marts.mv",
        "DROP TABLE marts.b",
        "DROP TABLE marts.c",
    ] {
        run(text);
    }
}

#[test]
fn a_viewer_does_the_work_of_a_dashboard() {
    let expected = [
        ("SELECT count() FROM shop.orders", "2\n"),
        ("SELECT region FROM shop.orders ORDER BY id LIMIT 1", "EU\n"),
        ("WITH t AS (SELECT * FROM shop.orders) SELECT count() FROM t", "2\n"),
        ("SELECT sumIf(id, region = 'EU') FROM shop.orders", "1\n"),
        ("SELECT count() FROM shop.orders WHERE id IN (SELECT number FROM numbers(2))", "1\n"),
        ("SELECT * APPLY(toString) FROM (SELECT 1 AS x)", "1\n"),
        ("SELECT * APPLY toString FROM (SELECT 1 AS x)", "1\n"),
        ("SELECT * APPLY(quantiles(0.5, 1)) FROM (SELECT 1 AS x)", "[1,1]\n"),
        ("SELECT apply, (apply) FROM (SELECT 1 AS apply) WHERE apply IN (1, 2)", "1\t1\n"),
        ("SELECT arrayMap(x -> x + 1, [1])", "[2]\n"),
        ("SELECT hidden_plus(1)", "2\n"),
        ("SELECT b FROM values('a Int8, b String', (1, 'x'))", "x\n"),
        ("SELECT sum(c1) FROM values((1, 2), (3, 4))", "4\n"),
        ("SELECT DISTINCT toDate('2020-01-01') + INTERVAL 1 DAY", "2020-01-02\n"),
        ("SELECT id FROM partly.open", "7\n"),
        ("SELECT id, name FROM partly.people", "1\tann\n"),
        ("SELECT name FROM (SELECT name FROM partly.people) WHERE name LIKE 'a%'", "ann\n"),
        ("SHOW DATABASES LIKE 'shop'", "shop\n"),
        ("SHOW TABLES FROM hidden", ""),
        ("SELECT count() FROM system.tables WHERE database = 'hidden'", "0\n"),
        ("SELECT count() FROM system.columns WHERE database = 'hidden'", "0\n"),
        ("SELECT count() FROM system.databases WHERE name = 'hidden'", "0\n"),
        ("SELECT groupArray(name) FROM system.columns WHERE table = 'people'", "['id','name']\n"),
        ("SELECT count() > 1000 FROM system.functions", "1\n"),
        ("SELECT table_name FROM INFORMATION_SCHEMA.TABLES WHERE table_schema = 'hidden'", ""),
        ("EXISTS TABLE shop.orders", "1\n"),
        ("SELECT currentDatabase()", "main\n"),
    ];
    for (text, answer) in expected {
        assert_eq!(sql("vera", text), answer, "{text}");
    }
    assert!(sql("vera", "DESCRIBE shop.orders").contains("region"));
    assert!(sql("vera", "EXPLAIN SELECT * FROM shop.orders").contains("shop.orders"));
    let shop = ask(
        "vera",
        "/?database=shop&session_id=s&session_timezone=UTC",
        "SELECT count() FROM orders",
    );
    assert_eq!(shop.text(), "2\n");
    let json = ask(
        "vera",
        "/?output_format_json_quote_64bit_integers=0",
        "SELECT 1 AS x FORMAT JSONEachRow",
    );
    assert_eq!(json.text(), "{\"x\":1}\n");
}

#[test]
fn a_filter_holds_wherever_the_table_is_read() {
    for text in [
        "SELECT id FROM filtered.orders",
        "SELECT id FROM filtered.shown",
        "SELECT id FROM (SELECT id FROM (SELECT * FROM filtered.orders))",
        "WITH t AS (SELECT id FROM filtered.orders) SELECT id FROM t",
        "SELECT arrayJoin((SELECT groupArray(id) FROM filtered.orders))",
        "SELECT number FROM numbers(10) WHERE number IN (SELECT id FROM filtered.orders)",
        "SELECT o.id FROM filtered.orders AS o",
        "SELECT id FROM view(SELECT id FROM filtered.orders)",
        "SELECT b.id FROM numbers(10) AS n JOIN filtered.orders AS b ON toInt64(n.number) = b.id",
        "SELECT count() FROM filtered.orders",
        "SELECT min(id) FROM filtered.orders GROUP BY region",
    ] {
        assert_eq!(sql("vera", text), "1\n", "{text}");
    }
    let in_database = ask("vera", "/?database=filtered", "SELECT id FROM orders");
    assert_eq!(in_database.text(), "1\n");
    assert_eq!(code("vera", "SELECT id FROM merge('filtered', 'orders')"), "497");
    assert_eq!(sql("root", "SELECT count() FROM filtered.orders"), "2\n");
    // By SQL: for a role, and gone with it.
    sql("root", "CREATE ROLE europe");
    sql("root", "CREATE USER per IDENTIFIED BY 'topsecret'");
    sql("root", "GRANT SELECT ON filtered.* TO per");
    sql("root", "CREATE ROW POLICY only_eu ON filtered.orders USING region = 'EU' TO europe");
    assert_eq!(sql("per", "SELECT count() FROM filtered.orders"), "2\n");
    sql("root", "GRANT europe TO per");
    assert_eq!(sql("per", "SELECT count() FROM filtered.orders"), "1\n");
    assert_eq!(code("root", "CREATE ROW POLICY bad ON filtered.orders USING (1 TO europe"), "62");
    sql("root", "DROP ROW POLICY only_eu ON filtered.orders");
    assert_eq!(sql("per", "SELECT count() FROM filtered.orders"), "2\n");
    sql("root", "DROP USER per");
    sql("root", "DROP ROLE europe");
}

#[test]
fn a_quota_ends() {
    for _ in 0..3 {
        assert_eq!(sql("poor", "SELECT 1"), "1\n");
    }
    assert_eq!(code("poor", "SELECT 1"), "201");
    assert_eq!(sql("vera", "SELECT 1"), "1\n");
}

/// A door that opens later on the same store knows who was made before.
#[test]
fn users_made_by_sql_are_there_after_a_start() {
    sql("root", "CREATE USER kept IDENTIFIED BY 'topsecret' SETTINGS max_threads = 3");
    sql("root", "GRANT SELECT(id) ON shop.orders TO kept");
    sql("root", "CREATE ROLE kept_role");
    sql("root", "GRANT kept_role TO kept");
    // The role is newer than who has it.
    sql("root", "ALTER ROLE kept_role SETTINGS max_result_rows = 7");
    let engine = ports().engine.clone();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (send, port) = std::sync::mpsc::channel();
    let served = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap().port()).unwrap();
            let shutdown = async { drop(stopped.await) };
            let users = super::users();
            serve::clickhouse::serve(vec![listener.into()], engine, users, CORES, shutdown)
                .await
                .unwrap();
        });
    });
    let port = port.recv().unwrap();
    let headers = [("X-ClickHouse-User", "kept"), ("X-ClickHouse-Key", PASSWORD)];
    let reply = post_with(port, "/", &headers, b"SHOW GRANTS");
    assert_eq!(reply.text(), "GRANT SELECT(id) ON shop.orders TO kept\nGRANT kept_role TO kept\n");
    let shown = b"SELECT getSetting('max_threads'), getSetting('max_result_rows')";
    assert_eq!(post_with(port, "/", &headers, shown).text(), "3\t7\n");
    stop.send(()).unwrap();
    served.join().unwrap();
    sql("root", "DROP USER kept");
    sql("root", "DROP ROLE kept_role");
    assert_eq!(code("kept", "SELECT 1"), "516");
    let _ = door();
}

/// What a filter hides does not come out by an error, or by another order of things.
#[test]
fn a_filter_holds_in_errors_too() {
    let all = "SELECT 1 FROM filtered.orders";
    for text in [
        "SELECT 1 FROM filtered.orders PREWHERE id = 2 AND toInt64(region) = 1",
        "SELECT 1 FROM filtered.orders PREWHERE if(id = 2, toInt64(region), 0)",
        "SELECT count() FROM filtered.orders WHERE id = 2 AND toInt64(region) = 1",
        "SELECT count() FROM filtered.orders WHERE toInt64(region) = 1",
        "SELECT count() FROM filtered.orders WHERE id = 2 AND toDate(region) = today()",
        "SELECT count() FROM filtered.orders WHERE CAST(region, 'Enum8(\'EU\' = 1)') = 'EU'",
        "SELECT toInt64(region) FROM filtered.orders SETTINGS short_circuit_function_evaluation = 'disable'",
        "SELECT * FROM shop.orders AS `filtered.orders`",
        "SELECT * FROM filtered.orders AS `shop.a`",
    ] {
        let reply = ask("vera", "/", text);
        let told = reply.text();
        assert!(!told.contains("not-for-everybody") && !told.contains("'EU' as"), "{text}: {told}");
        assert!(text.contains("Enum8") || reply.status >= 400, "{text}: {told}");
    }
    let disabled = "/?short_circuit_function_evaluation=disable";
    assert_eq!(ask("vera", disabled, all).header("x-clickhouse-exception-code"), Some("452"));
    let told = ask("vera", "/", "SELECT toInt64(region) FROM filtered.orders").text();
    assert!(
        told.contains("Code: 6.")
            && told.contains("withheld")
            && told.contains("CANNOT_PARSE_TEXT"),
        "{told}"
    );
    let told = ask("vera", "/", "SELECT nosuch FROM filtered.orders").text();
    assert!(told.contains("nosuch"), "{told}");
    // Without a filter everything is told.
    assert!(ask("ed", "/", "SELECT toInt64(region) FROM shop.orders").text().contains("'EU'"));
}

#[test]
fn a_filter_of_a_role_is_not_shed_with_the_role() {
    sql("root", "CREATE ROLE reads");
    sql("root", "CREATE ROLE only_eu");
    sql("root", "GRANT SELECT ON shop.* TO reads");
    sql("root", "CREATE ROW POLICY shed_eu ON shop.orders USING region = 'EU' TO only_eu");
    sql("root", "CREATE USER shed IDENTIFIED BY 'topsecret'");
    sql("root", "GRANT reads, only_eu TO shed");
    for target in ["/", "/?role=reads", "/?role=reads&role=only_eu"] {
        assert_eq!(
            ask("shed", target, "SELECT count() FROM shop.orders").text(),
            "1\n",
            "{target}"
        );
    }
    for text in [
        "DROP USER shed",
        "DROP ROW POLICY shed_eu ON shop.orders",
        "DROP ROLE reads",
        "DROP ROLE only_eu",
    ] {
        sql("root", text);
    }
}

/// A newer engine's settings of texts are looked at before they are let through.
#[test]
fn settings_of_texts_that_pass_are_known() {
    let listed = sql(
        "root",
        "SELECT name, value FROM system.settings WHERE type = 'String' AND \
         match(name, '^(input_format_|output_format_|format_csv_|format_tsv_)') ORDER BY name",
    );
    let pairs = listed.lines().map(|line| line.split_once('\t').unwrap_or((line, "")));
    let passes = |(name, value): &(&str, &str)| {
        let reply = ask("vera", &format!("/?{name}={}", crate::http::encode(value)), "SELECT 1");
        reply.header("x-clickhouse-exception-code") != Some("452")
    };
    let passing: Vec<&str> = pairs.filter(passes).map(|(name, _)| name).collect();
    let known = [
        "format_csv_null_representation",
        "format_tsv_null_representation",
        "input_format_mysql_dump_table_name",
        "input_format_orc_reader_time_zone_name",
        "output_format_avro_codec",
        "output_format_avro_confluent_subject",
        "output_format_avro_string_column_pattern",
        "output_format_image_terminal_mode",
        "output_format_orc_writer_time_zone_name",
        "output_format_pretty_grid_charset",
        "output_format_sql_insert_table_name",
    ];
    assert_eq!(passing, known);
}
