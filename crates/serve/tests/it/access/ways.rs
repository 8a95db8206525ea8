//! The ways in beside a plain statement: forms, frames, KILL, the log of statements. The same fences
//! stand before all of them.

use super::attacks::{ATTACKS, OF_VIEWERS, flaw, none, nothing_is_lost};
use super::{MARK, PASSWORD, ask, door, sql};
use crate::coding::{frame, unframe};
use crate::forms::{HEADER, form};
use crate::http::{Reply, encode, post, post_with};

const LONG: &str = "SELECT count() FROM numbers(1e13)";

fn send(user: &str, target: &str, parts: &[(&str, &[u8])]) -> Reply {
    let headers = [HEADER, ("X-ClickHouse-User", user), ("X-ClickHouse-Key", PASSWORD)];
    post_with(door(), target, &headers, &form(parts))
}

fn code(reply: &Reply) -> &str {
    reply.header("x-clickhouse-exception-code").unwrap_or("0")
}

#[test]
fn a_statement_in_a_form_is_one_like_any() {
    let field = |user: &str, target: &str, text: &str| {
        flaw(user, text, &send(user, target, &[("query", text.as_bytes())]))
    };
    none(ATTACKS.iter().chain(OF_VIEWERS).map(|text| field("vera", "/", text)));
    none(ATTACKS.iter().map(|text| field("ed", "/?session_id=form-attack", text)));
    // Behind a table of one's own.
    let url = "/?ext_types=UInt8";
    let with_table = |user: &str, text: &str| {
        let parts: [(&str, &[u8]); 2] = [("ext@", b"1\n"), ("query", text.as_bytes())];
        flaw(user, text, &send(user, url, &parts))
    };
    none(ATTACKS.iter().chain(OF_VIEWERS).map(|text| with_table("vera", text)));
    none(ATTACKS.iter().map(|text| with_table("ed", text)));
    nothing_is_lost();
}

/// Names without a database are let through by where the statement is, and no setting has a say in that.
#[test]
fn settings_do_not_hide_where_a_statement_is() {
    for settings in [
        "offset=1",
        "limit=1&offset=1",
        "extremes=1",
        "output_format_tsv_crlf_end_of_line=1",
        "max_result_rows=1",
    ] {
        for table in ["processes", "users", "row_policies", "mutations"] {
            let text = format!("SELECT 'x' UNION ALL SELECT toString(count()) FROM {table}");
            let target = format!("/?database=system&ext_types=UInt8&{settings}");
            let parts: [(&str, &[u8]); 2] = [("ext@", b"1\n"), ("query", text.as_bytes())];
            let plain = ask("vera", &format!("/?database=system&{settings}"), &text);
            let session = format!("/?session_id=where-{table}&database=system&{settings}");
            for (user, reply) in [
                ("vera", send("vera", &target, &parts)),
                ("ed", send("ed", &target, &parts)),
                ("ed", ask("ed", &session, &text)),
            ] {
                assert_eq!(
                    reply.status,
                    plain.status,
                    "{user} {settings} {table}: {}",
                    reply.text()
                );
                if plain.status != 200 {
                    assert_eq!(code(&reply), code(&plain), "{user} {table}: {}", reply.text());
                }
            }
        }
    }
}

/// A document's format is written into the statement behind the gate.
#[test]
fn a_format_in_the_url_is_a_name_and_nothing_else() {
    for format in [
        "JSON SETTINGS additional_table_filters = {}",
        "JSON SETTINGS max_threads = 1",
        "JSON -- ",
        "JSON;",
        "`JSON`",
        "JSON/**/",
        "",
    ] {
        for user in ["vera", "root"] {
            let target = format!("/?default_format={}", encode(format));
            let reply = ask(user, &target, "SELECT id FROM filtered.orders ORDER BY id LIMIT 1");
            let told = reply.text();
            match format {
                // As if there were none.
                "" => assert_eq!(told, "1\n"),
                _ => assert_eq!(code(&reply), "73", "{format}: {told}"),
            }
        }
    }
    let document = ask("vera", "/?default_format=JSONCompact", "SELECT id FROM filtered.orders");
    let json: serde_json::Value = serde_json::from_slice(&document.body).unwrap();
    assert_eq!(json["data"], serde_json::json!([[1]]), "{json}");
}

#[test]
fn readers_bring_tables_of_values_and_nothing_else() {
    let count = "SELECT sum(_1) + count() FROM ext, shop.orders";
    let parts: [(&str, &[u8]); 2] = [("ext@", b"1\n2\n"), ("query", count.as_bytes())];
    for user in ["vera", "ed", "root"] {
        let reply = send(user, "/?ext_types=UInt64", &parts);
        assert_eq!((reply.status, reply.text().as_str()), (200, "10\n"), "{user}");
        let reply = send(user, "/?ext_types=UInt64&session_id=brings", &parts);
        assert_eq!((reply.status, reply.text().as_str()), (200, "10\n"), "{user}");
        // Her session goes on without it, and in her own roles.
        let after = |text: &str| ask(user, "/?session_id=brings", text);
        assert_eq!(code(&after("SELECT * FROM ext")), "60", "{user}");
        assert_eq!(after("SELECT 7").text(), "7\n");
        assert_eq!(after("SELECT * FROM millrace.access").status == 200, user == "root");
    }
    // The engine alone, without the gate, would also refuse this in her roles.
    let both: [(&str, &[u8]); 2] = [("ext@", b"1\n"), ("query", b"SELECT salary FROM people, ext")];
    let reply = send("vera", "/?ext_types=UInt8&database=partly", &both);
    assert_eq!(code(&reply), "497", "{}", reply.text());
    for structure in [
        "x String DEFAULT file('/etc/hostname')",
        "x UInt8, y String ALIAS file('/etc/hostname')",
        "x UInt8, y String MATERIALIZED file('/etc/hostname')",
        "x UInt8, y String EPHEMERAL file('/etc/hostname')",
        "x UInt8, y String/**/ALIAS file('/etc/hostname')",
        "x UInt8, y String al\\x69as file('/etc/hostname')",
        "x UInt8', 'y') AS SELECT file('/etc/hostname') -- ",
    ] {
        let url = format!("/?ext_structure={}", encode(structure));
        let read: [(&str, &[u8]); 2] = [("ext@", b"1\n"), ("query", b"SELECT * FROM ext")];
        none(["vera", "ed"].iter().map(|user| flaw(user, structure, &send(user, &url, &read))));
    }
    // Data that would be worked out, and formats that are none.
    for (format, data) in [
        ("Values", "(file('/etc/hostname'))"),
        ("Values", "(upper(file('/etc/hostname'))), (upper(file('/etc/passwd')))"),
        ("Values", "((SELECT name FROM millrace.access LIMIT 1))"),
        ("CSV SELECT file('/etc/hostname')", "1"),
        ("Template", "1"),
        ("CSV SETTINGS input_format_values_interpret_expressions=1", "1"),
    ] {
        for more in ["", "&input_format_values_interpret_expressions=1"] {
            let url = format!("/?ext_types=String&ext_format={}{more}", encode(format));
            let read: [(&str, &[u8]); 2] =
                [("ext@", data.as_bytes()), ("query", b"SELECT * FROM ext")];
            none(["vera", "ed"].iter().map(|user| flaw(user, data, &send(user, &url, &read))));
        }
    }
    let plain: [(&str, &[u8]); 2] =
        [("ext@", b"('a', [1, 2]), ('b', NULL)"), ("query", b"SELECT _1, _2 FROM ext")];
    let url = format!("/?ext_types={}&ext_format=Values", encode("String, Array(UInt8)"));
    assert_eq!(send("vera", &url, &plain).text(), "a\t[1,2]\nb\t[]\n");
}

#[test]
fn nobody_comes_in_by_a_field_of_a_form() {
    let fields: [(&str, &[u8]); 3] =
        [("user", b"root"), ("password", PASSWORD.as_bytes()), ("query", b"SELECT 1")];
    let as_stranger = post_with(door(), "/", &[HEADER], &form(&fields));
    assert_eq!(as_stranger.status, 401, "{}", as_stranger.text());
    for field in ["user", "password", "role"] {
        let parts: [(&str, &[u8]); 2] = [(field, PASSWORD.as_bytes()), ("query", b"SELECT 1")];
        let reply = send("vera", "/", &parts);
        assert_eq!((reply.status, code(&reply)), (403, "516"), "{field}");
        assert!(!reply.text().contains(PASSWORD));
    }
    // A setting in a form is none.
    let parts: [(&str, &[u8]); 2] = [("readonly", b"0"), ("query", b"SELECT * FROM hidden.t")];
    none(std::iter::once(flaw("vera", "readonly", &send("vera", "/", &parts))));
}

#[test]
fn refusals_come_in_the_clients_frames() {
    let headers = [("X-ClickHouse-User", "vera"), ("X-ClickHouse-Key", "wrong-one")];
    let reply = post_with(door(), "/?compress=1", &headers, b"SELECT 1");
    let text = String::from_utf8(unframe(&reply.body).0).unwrap();
    assert_eq!((reply.status, code(&reply)), (403, "516"));
    assert!(text.starts_with("Code: 516.") && !text.contains("wrong-one"), "{text}");
    let stranger = post(door(), "/?compress=1", "SELECT 1");
    let text = String::from_utf8(unframe(&stranger.body).0).unwrap();
    assert!(stranger.status == 401 && text.starts_with("Code: 194."), "{text}");
    assert!(stranger.header("www-authenticate").is_some());
    let headers = [("X-ClickHouse-User", "vera"), ("X-ClickHouse-Key", PASSWORD)];
    for text in ["SELECT file('/etc/hostname')", "SELECT * FROM hidden.t", "SELECT 1; SELECT 2"] {
        let target = "/?decompress=1&compress=1";
        let mut reply = post_with(door(), target, &headers, &frame(text.as_bytes()));
        reply.body = unframe(&reply.body).0;
        none(std::iter::once(flaw("vera", text, &reply)));
    }
    // What is asked beside a statement is asked in her roles, too.
    let zoned = "SELECT toDateTime('2020-01-01 00:00:00', 'Asia/Tokyo') AS t, id FROM shop.orders";
    for user in ["vera", "ed", "root"] {
        let reply = ask(user, "/?default_format=Native", zoned);
        let found = String::from_utf8_lossy(&reply.body).contains("DateTime('Asia/Tokyo')");
        assert!(reply.status == 200 && found, "{user}: {}", reply.text());
    }
    let fine = post_with(door(), "/?decompress=1", &headers, &frame(b"SELECT 5"));
    assert_eq!(fine.text(), "5\n");
}

fn runs(id: &str) -> String {
    sql(
        "root",
        &format!(
            "SELECT count(), any(user) FROM system.processes \
             WHERE query_id = '{id}' AND NOT is_cancelled"
        ),
    )
}

#[test]
fn one_ends_ones_own_statements_and_an_admin_all() {
    let start = |user: &'static str, id: &'static str| {
        let target = format!("/?query_id={id}");
        let running = std::thread::spawn(move || ask(user, &target, LONG));
        while runs(id) != format!("1\t{user}\n") {
            assert!(!running.is_finished(), "{:?}", running.join());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        running
    };
    let of_root = start("root", "of-root");
    let of_vera = start("vera", "of-vera");
    for user in ["vera", "ed"] {
        for kill in [
            "KILL QUERY WHERE query_id = 'of-root'",
            "KILL QUERY WHERE query_id = 'of-root' TEST",
            "KILL QUERY WHERE user = 'root' SYNC",
            "KILL QUERY WHERE query_id IN ('of-root') AND user = 'root'",
        ] {
            let reply = ask(user, "/", kill);
            assert_eq!((reply.status, reply.text().as_str()), (200, ""), "{user}: {kill}");
        }
        // Nor by taking its place.
        let reply = ask(user, "/?query_id=of-root&replace_running_query=1", "SELECT 1");
        assert_eq!(code(&reply), "216", "{}", reply.text());
    }
    assert_eq!(ask("ed", "/", "KILL QUERY WHERE query_id = 'of-vera'").text(), "");
    assert_eq!(runs("of-root") + &runs("of-vera"), "1\troot\n1\tvera\n");
    let own = ask("vera", "/", "KILL QUERY WHERE query_id = 'of-vera' SYNC");
    assert_eq!(own.text(), format!("finished\tof-vera\tvera\t{LONG}\n"));
    assert_eq!(code(&of_vera.join().unwrap()), "394");
    let of_vera = start("vera", "of-vera");
    // Vera's of other tests go on.
    let kill =
        "KILL QUERY WHERE user IN ('vera', 'root') AND query_id IN ('of-vera', 'of-root') SYNC";
    let all = ask("root", "/", kill).text();
    assert_eq!(all.matches("finished\tof-").count(), 2, "{all}");
    assert_eq!(code(&of_vera.join().unwrap()), "394");
    assert_eq!(code(&of_root.join().unwrap()), "394");
}

#[test]
fn the_log_names_users_and_no_passwords() {
    const SECRET: &str = "hunter2hunter2";
    for text in [
        "CREATE USER logged IDENTIFIED WITH sha256_password BY 'hunter2hunter2'",
        "ALTER USER logged IDENTIFIED WITH plaintext_password BY 'hunter2hunter2'",
        "CREATE USER IF NOT EXISTS logged IDENTIFIED BY 'hunter2hunter2' SETTINGS max_threads = 1",
    ] {
        assert_eq!(ask("root", "/?query_id=log-of-users", text).status, 200, "{text}");
    }
    for text in [
        "CREATE USER logged2 IDENTIFID BY 'hunter2hunter2'",
        "CREATE USER logged2 IDENTIFIED WITH nosuch_password BY 'hunter2hunter2'",
        "CREATE USER logged IDENTIFIED BY 'hunter2hunter2'",
        "ALTER USER nosuch IDENTIFIED BY 'hunter2hunter2'",
        "CREATE USER logged3 HOST LIKE 'hunter2hunter2'",
    ] {
        let reply = ask("root", "/?query_id=log-of-users", text);
        assert!(reply.status >= 400, "{text}");
    }
    // A stranger's try, and somebody who may not.
    let headers = [("X-ClickHouse-User", "vera"), ("X-ClickHouse-Key", SECRET)];
    assert_eq!(post_with(door(), "/", &headers, b"SELECT 'of-a-stranger'").status, 403);
    let text = "CREATE USER eve IDENTIFIED BY 'hunter2hunter2'";
    assert!(ask("vera", "/?query_id=log-of-vera", text).status >= 400);
    sql("vera", "SELECT 'by-vera-herself'");
    sql("root", "DROP USER logged");
    sql("root", "SYSTEM FLUSH LOGS");
    let log = |what: &str, condition: &str| {
        sql("root", &format!("SELECT {what} FROM system.query_log WHERE {condition}"))
    };
    // In two pieces, so that this question does not find itself.
    let anywhere =
        "position(concat(query, exception, toString(Settings)), concat('hunter2', 'hunter2')) > 0";
    assert_eq!(log("groupArray(query)", anywhere), "[]\n");
    let hidden = "query_id = 'log-of-users' AND position(query, '[HIDDEN]') > 0";
    assert_eq!(log("countIf(type = 2), countIf(exception_code != 0) > 4", hidden), "3\t1\n");
    assert_eq!(log("DISTINCT user, exception_code", "query_id = 'log-of-vera'"), "vera\t497\n");
    let by_vera = "query LIKE '%by-vera-' || 'herself%' AND type = 2 AND user != 'root'";
    assert_eq!(log("user, port > 0", by_vera), "vera\t1\n");
    let stranger = "query LIKE '%of-a-' || 'stranger%'";
    assert_eq!(log("count()", stranger), "0\n");
    assert!(!log("groupArray(exception)", "user = 'vera'").contains(MARK));
}

#[test]
fn a_text_that_is_large_or_deep_ends_nothing() {
    let brackets = "(".repeat(200 << 10);
    let texts = [
        format!("KILL QUERY WHERE {brackets}"),
        format!("SELECT {brackets}"),
        format!("SELECT {}1", "[".repeat(200 << 10)),
        format!("SELECT 1 {}", "SETTINGS x = (".repeat(15_000)),
        format!("SELECT 1 {}", "SETTINGS max_threads = 1 ".repeat(9_000)),
        format!("SELECT 1 FROM {}t", "a AS x, ".repeat(25_000)),
        format!("SELECT {}1", "1 IN nosuch, ".repeat(15_000)),
        format!("CREATE USER x {}", "IDENTIFIED WITH bcrypt_password BY 'x' ".repeat(5_000)),
        format!("SELECT '{}'", "x".repeat(256 << 10)),
    ];
    for text in texts {
        for user in ["vera", "ed"] {
            let reply = ask(user, "/", &text);
            assert!(reply.status >= 400, "{user}: {}: {}", &text[..40], reply.text());
        }
    }
    for user in ["vera", "ed", "root"] {
        assert_eq!(sql(user, "SELECT 5"), "5\n");
    }
}

#[test]
fn who_only_reads_sets_what_is_theirs_in_a_text() {
    let all = "SELECT id FROM shop.orders ORDER BY id";
    assert_eq!(sql("vera", &format!("{all} SETTINGS limit = 1")), "1\n");
    assert_eq!(sql("vera", &format!("{all} FORMAT CSV SETTINGS max_threads = 1, limit=1")), "1\n");
    assert_eq!(
        ask(
            "vera",
            "/",
            "SELECT 1 AS x FORMAT JSONEachRow SETTINGS output_format_json_array_of_rows = 1"
        )
        .text(),
        "[\n{\"x\":1}\n]\n"
    );
    let refused = |text: &str| super::code("vera", text);
    assert_eq!(refused("SELECT 1 SETTINGS max_threads = 64"), "452");
    assert_eq!(refused("SELECT 1 SETTINGS readonly = 0"), "452");
    assert_eq!(refused("SELECT 1 SETTINGS use_query_cache = 1"), "452");
    // The engine lets those of a part pass, which the gate has looked at.
    assert_eq!(refused("SELECT * FROM (SELECT 1 SETTINGS max_block_size = 1)"), "0");
    assert_eq!(refused("SELECT * FROM (SELECT 1 SETTINGS max_threads = 64)"), "452");
}
