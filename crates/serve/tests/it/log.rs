//! `system.query_log`: what ran, as the client sent it.

use crate::coding::frame;
use crate::forms::{HEADER, form};
use crate::http::{encode, get, post, post_with};
use crate::{ports, sql};
use store::Store;

fn ask(id: &str, more: &str, text: &str) -> u16 {
    post(ports().door, &format!("/?query_id={id}{more}"), text).status
}

/// These columns of a statement's rows.
fn logged(id: &str, columns: &str) -> String {
    sql("SYSTEM FLUSH LOGS");
    sql(&format!("SELECT {columns} FROM system.query_log WHERE query_id = '{id}' ORDER BY type"))
}

#[test]
fn a_statement_is_logged_as_it_was_sent() {
    sql("CREATE TABLE logged (n UInt64) ENGINE = MergeTree ORDER BY n");
    sql("INSERT INTO logged SELECT number FROM numbers(1000)");
    let text = "  SELECT n -- all of it\n\tFROM logged ORDER BY n LIMIT 700 ; \n";
    let id = "report 1|x.y";
    let target = format!(
        "/?query_id={}&log_comment=mine&max_block_size=100&http_receive_timeout=7",
        encode(id)
    );
    let headers = [
        ("User-Agent", "grafana/13 (x)"),
        ("X-Forwarded-For", "10.0.0.7"),
        ("Referer", "http://me"),
    ];
    let reply = post_with(ports().door, &target, &headers, text.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let rows = logged(id, "type, query, query_kind, read_rows, result_rows, exception_code");
    let shown = "  SELECT n -- all of it\\n\\tFROM logged ORDER BY n LIMIT 700 ; \\n\tSelect";
    assert_eq!(rows, format!("QueryStart\t{shown}\t0\t0\t0\nQueryFinish\t{shown}\t1000\t700\t0\n"));
    assert_eq!(
        logged(
            id,
            "DISTINCT user, initial_query_id = query_id, log_comment, http_user_agent, http_method, \
             interface, forwarded_for, http_referer, toString(address), port > 0, Settings, \
             current_database, databases, tables, normalized_query_hash = normalizedQueryHash(query), is_initial_query"
        )
        .trim_end(),
        "default\t1\tmine\tgrafana/13 (x)\t2\t2\t10.0.0.7\thttp://me\t::ffff:127.0.0.1\t1\t\
         {'log_comment':'mine','max_block_size':'100','http_receive_timeout':'7'}\tmain\t['main']\t['main.logged']\t1\t1"
    );
    assert_eq!(
        logged(
            id,
            "result_bytes >= 5600, read_bytes >= 8000, event_date = toDate(event_time), \
             event_time >= query_start_time, \
             abs(dateDiff('second', query_start_time, now())) < 600"
        )
        .lines()
        .last(),
        Some("1\t1\t1\t1\t1")
    );
}

#[test]
fn an_insert_is_logged_without_its_data() {
    sql("CREATE TABLE logged_rows (n UInt64, s String) ENGINE = MergeTree ORDER BY n");
    assert_eq!(
        ask("log-ins", "", "INSERT INTO logged_rows FORMAT CSV\n1,private\n2,private\n"),
        200
    );
    assert_eq!(
        logged("log-ins", "type, query, query_kind, written_rows, result_rows"),
        "QueryStart\tINSERT INTO logged_rows FORMAT CSV\\n\tInsert\t0\t0\n\
         QueryFinish\tINSERT INTO logged_rows FORMAT CSV\\n\tInsert\t2\t2\n"
    );
    assert_eq!(ask("log-val", "", "INSERT INTO logged_rows VALUES (3, 'private')"), 200);
    assert_eq!(
        logged("log-val", "query, written_rows").lines().last(),
        Some("INSERT INTO logged_rows VALUES\t1")
    );
    assert_eq!(
        ask("log-isel", "", "INSERT INTO logged_rows SELECT 4, 'x' UNION ALL SELECT 5, 'x'"),
        200
    );
    assert_eq!(logged("log-isel", "type, written_rows").lines().last(), Some("QueryFinish\t2"));
}

#[test]
fn a_form_is_logged_by_the_text_in_it() {
    let send = |target: &str, parts: &[(&str, &[u8])]| {
        post_with(ports().door, target, &[HEADER], &form(parts)).status
    };
    sql("CREATE TABLE logged_form (n UInt64) ENGINE = MergeTree ORDER BY n");
    let ids: (&str, &[u8]) = ("ids@", b"1\n2\n");
    // Its own tables are nobody else's, and its parameters no settings.
    let query = b"SELECT {x:UInt8} + _1 FROM ids WHERE _1 NOT IN logged_form";
    let parts = [("query", &query[..]), ids, ("param_x", b"7")];
    assert_eq!(send("/?query_id=log-form&ids_types=UInt64", &parts), 200);
    let shown = "SELECT {x:UInt8} + _1 FROM ids WHERE _1 NOT IN logged_form\tSelect";
    assert_eq!(
        logged("log-form", "type, query, query_kind, result_rows, tables, Settings"),
        format!("QueryStart\t{shown}\t0\t[]\t{{}}\nQueryFinish\t{shown}\t2\t[]\t{{}}\n")
    );
    // The text is whole only behind the data; and data in it is left out.
    let parts = [ids, ("query", b"INSERT INTO logged_form VALUES (3), (4)")];
    assert_eq!(send("/?query_id=log-form-ins&ids_types=UInt64", &parts), 200);
    assert_eq!(
        logged("log-form-ins", "type, query, query_kind, written_rows, tables"),
        "QueryStart\tINSERT INTO logged_form VALUES\tInsert\t0\t[\'main.logged_form\']\n\
         QueryFinish\tINSERT INTO logged_form VALUES\tInsert\t2\t[\'main.logged_form\']\n"
            .replace("\\'", "'")
    );
    // A table that cannot be filled is the statement's error, as far as that has come.
    let target = format!("/?query_id=log-form-bad&ids_types=UInt64&query={}", encode("SELECT 1"));
    assert_eq!(send(&target, &[("ids@", b"no\n"), ("query", b"+ 1")]), 400);
    assert_eq!(
        logged("log-form-bad", "type, query, exception_code"),
        "QueryStart\tSELECT 1\t0\nExceptionWhileProcessing\tSELECT 1\t27\n"
    );
    // One whose text could not be read was never a statement.
    let cut = form(&[("query", b"SELECT 1")]);
    let cut = &cut[..cut.len() - 5];
    let reply = post_with(ports().door, "/?query_id=log-form-cut", &[HEADER], cut);
    assert_eq!((reply.status, logged("log-form-cut", "type").as_str()), (400, ""));
}

#[test]
fn statements_in_frames_are_logged_as_any() {
    let port = ports().door;
    let text = frame(b"SELECT number FROM numbers(3)");
    let target = "/?query_id=log-framed&compress=1&decompress=1";
    assert_eq!(post_with(port, target, &[], &text).status, 200);
    let shown = "SELECT number FROM numbers(3)";
    assert_eq!(
        logged("log-framed", "type, query, result_rows, Settings"),
        format!("QueryStart\t{shown}\t0\t{{}}\nQueryFinish\t{shown}\t3\t{{}}\n")
    );
    // A body that breaks under way is logged with what was wrong with it.
    sql("CREATE TABLE logged_frames (n UInt64) ENGINE = MergeTree ORDER BY n");
    let insert = encode("INSERT INTO logged_frames FORMAT RowBinary");
    let rows: Vec<u8> = (0..1000u64).flat_map(u64::to_le_bytes).collect();
    let (whole, mut broken) = (frame(&rows), frame(&rows));
    broken[30] ^= 1;
    for (id, second, code) in [("log-hash", &broken[..], "40"), ("log-cut", &whole[..99], "33")] {
        let target = format!("/?query_id={id}&decompress=1&query={insert}");
        assert_eq!(post_with(port, &target, &[], &[&whole, second].concat()).status, 400);
        assert_eq!(
            logged(id, "type, query, exception_code"),
            format!(
                "QueryStart\tINSERT INTO logged_frames FORMAT RowBinary\\n\t0\n\
                 ExceptionWhileProcessing\tINSERT INTO logged_frames FORMAT RowBinary\\n\t{code}\n"
            )
        );
    }
    assert_eq!(sql("SELECT count() FROM logged_frames"), "0\n");
}

#[test]
fn an_error_is_logged_by_when_it_came() {
    let cases = [
        ("log-nope", "SELECT * FROM nope", "ExceptionBeforeStart\t60\tUNKNOWN_TABLE\n"),
        ("log-syn", "SELECT 1 1 1 )", "ExceptionBeforeStart\t62\tSYNTAX_ERROR\n"),
        ("log-two", "SELECT 1; SELECT 2", "ExceptionBeforeStart\t62\tSYNTAX_ERROR\n"),
        ("log-ddl", "DROP TABLE nope", "ExceptionBeforeStart\t60\tUNKNOWN_TABLE\n"),
        (
            "log-late",
            "SELECT throwIf(number = 500000) FROM numbers(600000)",
            "QueryStart\t0\t\nExceptionWhileProcessing\t395\tFUNCTION_THROW_IF_VALUE_IS_NON_ZERO\n",
        ),
    ];
    for (id, text, expected) in cases {
        ask(id, "", text);
        let name = "extract(exception, '\\\\(([A-Z_]+)\\\\)$')";
        assert_eq!(logged(id, &format!("type, exception_code, {name}")), expected, "{text}");
    }
    // Nothing of the value that an error quotes is held back from the one who may read the log.
    assert!(logged("log-nope", "exception").contains("nope"));
    // GET changes nothing, and says so in the log.
    let refused = get(ports().door, "/?query_id=log-get&query=CREATE%20DATABASE%20log_get");
    assert_eq!(refused.header("x-clickhouse-exception-code"), Some("164"));
    assert_eq!(
        logged("log-get", "type, exception_code, http_method"),
        "ExceptionBeforeStart\t164\t1\n"
    );
}

#[test]
fn no_secret_is_logged() {
    let statements = [
        "CREATE USER log_ann IDENTIFIED BY 'Tr0ub4dor'",
        "CREATE USER log_ann IDENTIFIED BY 'Tr0ub4dor",
        "SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'Tr0ub4dor') SETTINGS connect_timeout = 1",
        "SELECT 'http://ann:Tr0ub4dor@host/'",
        "CREATE NAMED COLLECTION log_c AS k = 'Tr0ub4dor'",
        "CREATE USER log_ann IDENTIFIED WITH sha256_password BY 'Tr0ub4dor' and more",
    ];
    for (number, text) in statements.iter().enumerate() {
        ask(
            &format!("log-secret-{number}"),
            "&format_avro_schema_registry_url=http://a:Tr0ub4dor@h",
            text,
        );
    }
    sql("SYSTEM FLUSH LOGS");
    let rows = sql("SELECT * FROM system.query_log WHERE query_id LIKE 'log-secret-%'");
    assert!(rows.lines().count() >= statements.len(), "{rows}");
    assert!(!rows.contains("Tr0ub4dor"), "{rows}");
    assert_eq!(
        logged("log-secret-0", "query").lines().next(),
        Some("CREATE USER log_ann IDENTIFIED BY \\'[HIDDEN]\\'")
    );
    let exception = logged("log-secret-1", "exception");
    assert_eq!(exception, "Code: 62. DB::Exception: [HIDDEN] (SYNTAX_ERROR)\n");
}

#[test]
fn its_columns_are_clickhouses() {
    // ClickHouse 26.7's own list, in its order.
    let names = "hostname type event_date event_time event_time_microseconds query_start_time \
        query_start_time_microseconds query_duration_ms read_rows read_bytes written_rows \
        written_bytes result_rows result_bytes memory_usage current_database query formatted_query \
        normalized_query_hash query_kind databases tables columns partitions projections views \
        exception_code exception stack_trace is_initial_query connection_address connection_port \
        user query_id address port initial_user initial_query_id initial_address initial_port \
        initial_query_start_time initial_query_start_time_microseconds authenticated_user interface \
        is_secure os_user client_hostname client_name client_agent client_revision \
        client_version_major client_version_minor client_version_patch script_query_number \
        script_line_number http_method http_user_agent http_referer forwarded_for quota_key \
        distributed_depth revision http_handler_name http_request_url log_comment thread_ids \
        peak_threads_usage ProfileEvents Settings used_aggregate_functions \
        used_aggregate_function_combinators used_database_engines used_data_type_families \
        used_dictionaries used_formats used_functions used_storages used_table_functions \
        used_executable_user_defined_functions used_sql_user_defined_functions used_row_policies \
        used_privileges missing_privileges transaction_id query_cache_usage \
        asynchronous_read_counters is_internal";
    let names: Vec<&str> = names.split_whitespace().collect();
    let found =
        sql("SELECT name FROM system.columns WHERE database = 'system' AND table = 'query_log' \
         ORDER BY position");
    assert_eq!(found.lines().collect::<Vec<_>>(), names);
    let types = sql(
        "SELECT type, count() FROM system.columns WHERE database = 'system' AND table = 'query_log' \
         GROUP BY type ORDER BY type",
    );
    assert_eq!(
        types.replace("\\'", "'"),
        "Array(LowCardinality(String))\t20\nArray(UInt64)\t1\nDate\t1\nDateTime\t3\n\
         DateTime64(6)\t3\nEnum8('QueryStart' = 1, 'QueryFinish' = 2, 'ExceptionBeforeStart' = 3, \
         'ExceptionWhileProcessing' = 4)\t1\nEnum8('Unknown' = 0, 'None' = 1, 'Write' = 2, \
         'Read' = 3)\t1\nIPv6\t3\nInt32\t1\nLowCardinality(String)\t11\n\
         Map(LowCardinality(String), LowCardinality(String))\t1\n\
         Map(LowCardinality(String), UInt64)\t2\nString\t12\nTuple(UInt64, UInt64, UUID)\t1\n\
         UInt16\t3\nUInt32\t7\nUInt64\t11\nUInt8\t5\n"
    );
}

#[test]
fn what_the_pipeline_does_is_not_in_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let engine = &ports().engine;
    runtime.block_on(engine.execute("CREATE DATABASE IF NOT EXISTS log_of_the_pipeline")).unwrap();
    sql("SYSTEM FLUSH LOGS");
    let count = "SELECT count() FROM system.query_log WHERE query LIKE 'CREATE%log_of_the_pipeline%' \
                 OR query LIKE 'INSERT INTO millrace.query_log%'";
    assert_eq!(sql(count), "0\n");
}

#[test]
fn many_at_once_are_all_in_it() {
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                for number in 0..25 {
                    assert_eq!(ask(&format!("log-many-{thread}-{number}"), "", "SELECT 1"), 200);
                }
            });
        }
    });
    sql("SYSTEM FLUSH LOGS");
    let count = "SELECT type, uniqExact(query_id), count() FROM system.query_log \
                 WHERE query_id LIKE 'log-many-%' GROUP BY type ORDER BY type";
    assert_eq!(sql(count), "QueryStart\t200\t200\nQueryFinish\t200\t200\n");
}

#[test]
fn the_projections_that_a_statement_read_are_told() {
    sql(
        "CREATE TABLE projected (d String, n UInt32, PROJECTION by_d (SELECT d, sum(n) GROUP BY d)) \
         ENGINE = MergeTree ORDER BY n",
    );
    sql("INSERT INTO projected SELECT toString(number % 3), number FROM numbers(1000)");
    let of = |id: &str, text: &str| {
        let reply = post(ports().door, &format!("/?query_id={id}&param_d=1"), text);
        assert_eq!(reply.status, 200, "{}", reply.text());
        sql("SYSTEM FLUSH LOGS");
        sql(&format!(
            "SELECT projections FROM system.query_log WHERE query_id = '{id}' AND type = 'QueryFinish'"
        ))
    };
    let by_d = "SELECT d, sum(n) FROM projected WHERE d = {d:String} GROUP BY d FORMAT JSON";
    assert_eq!(of("projected-1", by_d), "['main.projected.by_d']\n");
    assert_eq!(of("projected-2", "SELECT n FROM projected"), "[]\n");
    sql("ALTER TABLE projected DROP PROJECTION by_d");
    assert_eq!(of("projected-3", by_d), "[]\n");
}
