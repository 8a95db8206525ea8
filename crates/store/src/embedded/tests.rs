//! What the engine does beside being a store (for that see `tests/contract`). One data directory a
//! process, so the tests share it.

use super::*;
use crate::alias::own_name;
use std::sync::LazyLock;

fn engine() -> Engine {
    static ENGINE: LazyLock<(Engine, tempfile::TempDir)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let options = EngineOptions { data_dir: folder.path().to_owned(), memory_bytes: 2 << 30 };
        (Engine::open(&options).unwrap(), folder)
    });
    ENGINE.0.clone()
}

/// A type whose name we do not know is refused when it is chosen.
#[test]
fn every_other_name_of_a_type_is_known() {
    let sql = "SELECT if(alias_to = '', name, alias_to), upper(name) FROM system.data_type_families \
               WHERE (alias_to != '' OR case_insensitive) AND alias_to != 'Geometry' \
               AND name != 'DateTime32' ORDER BY ALL";
    let rows = engine().read(sql).unwrap();
    assert!(rows.len() > 20, "{rows:?}");
    for row in rows {
        let [Some(own), Some(name)] = row.as_slice() else { panic!("{row:?}") };
        assert_eq!(own_name(name), *own, "{name}");
    }
}

#[test]
fn a_failed_statement_leaves_nothing_behind_for_the_next() {
    let mut session = engine().session().unwrap();
    let sql = "SELECT number, throwIf(number = 3) FROM numbers(10) SETTINGS max_block_size = 1";
    let error = session.query(sql, "TSV", &[]).err().unwrap();
    assert_eq!(error.code, 395);
    assert!(session.query("SELECT 1", "TSV", &[]).is_err());
    let mut fresh = engine().session().unwrap();
    assert_eq!(fresh.query("SELECT 777", "TSV", &[]).unwrap().bytes(), b"777\n");
}

#[test]
fn selects_stream_with_parameters_and_end_with_their_header() {
    let params = [("n".to_owned(), "200000".to_owned())];
    let mut chunks = engine()
        .session()
        .unwrap()
        .select("SELECT number FROM numbers({n:UInt64})", "RowBinary", &params)
        .unwrap();
    let (mut bytes, mut pieces) = (0, 0);
    while let Some(chunk) = chunks.next().unwrap() {
        bytes += chunk.bytes().len();
        pieces += 1;
    }
    assert_eq!(bytes, 1_600_000);
    assert!(pieces > 2);
    let empty = "SELECT 1 AS x WHERE 0";
    let mut chunks = engine().session().unwrap().select(empty, "CSVWithNames", &[]).unwrap();
    assert_eq!(chunks.next().unwrap().unwrap().bytes(), b"\"x\"\n");
    assert!(chunks.next().unwrap().is_none());
}

#[test]
fn a_running_query_is_killed_from_beside() {
    let mut session = engine().session().unwrap();
    session.set("log_comment", "victim").unwrap();
    let thread = std::thread::spawn(move || {
        let sql = "SELECT count() FROM numbers(1000000000000)";
        let mut chunks = session.select(sql, "TSV", &[])?;
        while chunks.next()?.is_some() {}
        Ok::<(), Exception>(())
    });
    while !thread.is_finished() {
        engine().kill("victim").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(thread.join().unwrap().unwrap_err().code, 394);
}

#[test]
fn a_kept_session_goes_on_after_failures_of_every_kind() {
    let mut session = engine().session().unwrap();
    session.query("CREATE TEMPORARY TABLE kept (x Int64)", "Null", &[]).unwrap();
    let sql = "SELECT number, throwIf(number = 3) FROM numbers(10) SETTINGS max_block_size = 1";
    assert_eq!(session.query_and_keep(sql, "TSV", &[]).err().unwrap().code, 395);
    assert_eq!(session.query("SELECT 777", "TSV", &[]).unwrap().bytes(), b"777\n");
    assert!(session.select_and_keep("SHOW TABLES", "TSV", &[]).is_err());
    let mut chunks = session.select_and_keep(sql, "TSV", &[]).unwrap();
    while let Ok(Some(_)) = chunks.next() {}
    session = chunks.into_session();
    let chunks = session.select_and_keep("SELECT * FROM numbers(9000000)", "TSV", &[]).unwrap();
    session = chunks.into_session();
    assert!(session.insert_and_keep("INSERT INTO nope", "TSV", &[]).is_err());
    let mut body = session.insert_and_keep("INSERT INTO kept", "TSV", &[]).unwrap();
    body.append(b"1\n").unwrap();
    session = body.into_session();
    let mut body = session.insert_and_keep("INSERT INTO kept", "TSV", &[]).unwrap();
    body.append(b"2\n3\n").unwrap();
    assert_eq!(body.finish_and_keep().unwrap().written_rows, 2);
    session = body.into_session();
    let sum = session.query("SELECT sum(x) FROM kept", "TSV", &[]).unwrap();
    assert_eq!(sum.bytes(), b"5\n");
}

#[test]
fn statements_are_classified() {
    let mut session = engine().session().unwrap();
    let class = |session: &mut Session, sql| session.classify(sql, HOME_DATABASE).unwrap();
    let plain = Class { statements: 1, reads_only: true, has_secrets: false };
    assert_eq!(class(&mut session, "SELECT 1"), plain);
    let secret = "SELECT * FROM s3('https://b/k', 'id', 'secret', 'CSV')";
    assert!(class(&mut session, secret).has_secrets);
    assert!(class(&mut session, "CREATE USER x IDENTIFIED BY 'secret'").has_secrets);
    assert_eq!(class(&mut session, "SELECT 1; SELECT 2").statements, 2);
    assert!(!class(&mut session, "DROP TABLE x").reads_only);
}

#[test]
fn a_directory_in_use_is_named_with_its_process() {
    let data_dir = engine().data_dir().to_owned();
    let error = Engine::open(&EngineOptions { data_dir: data_dir.clone(), memory_bytes: 1 << 30 })
        .err()
        .unwrap();
    let report = error.report();
    assert!(report.contains(&std::process::id().to_string()), "{report}");
    assert!(report.contains(&data_dir.display().to_string()), "{report}");
}

#[test]
fn an_answer_outlives_its_session() {
    let mut chunks = engine()
        .session()
        .unwrap()
        .select("SELECT number FROM numbers(200000)", "TabSeparated", &[])
        .unwrap();
    let mut kept = Vec::new();
    while let Some(chunk) = chunks.next().unwrap() {
        kept.push(chunk);
    }
    drop(chunks.into_session());
    let bytes: Vec<u8> = kept.iter().flat_map(|chunk| chunk.bytes()).copied().collect();
    let expected: String = (0..200_000).map(|number| format!("{number}\n")).collect();
    assert!(kept.len() > 1 && bytes == expected.as_bytes());
}

/// It costs more than small statements do, and more yet where `/proc` may not be read.
#[test]
fn nothing_is_counted_of_the_threads_of_statements() {
    let mut session = engine().session().unwrap();
    session.query("SELECT sum(number) FROM numbers(1000000)", "Null", &[]).unwrap();
    let sql = "SELECT count() FROM system.events WHERE event = 'OSCPUVirtualTimeMicroseconds'";
    assert_eq!(session.query(sql, "TSV", &[]).unwrap().bytes(), b"0\n");
}
