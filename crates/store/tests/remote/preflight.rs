//! What `check` says of a server's rights, by what the server answers.

use crate::scripted::{Said, Script, Scripted};
use crate::{options, remote};
use std::sync::Arc;
use store::remote::{Login, Quorum, Remark, Remote, RemoteOptions};

/// `denied`: a part of statements that the user may not send.
async fn found(denied: &'static str, checks: Said) -> Vec<Remark> {
    let script: Script = Arc::new(move |heard| match heard.body.as_str() {
        "SELECT currentUser(), version()" => Said::ok("ann\t26.7.2.1\n"),
        body if body.contains(denied) => Said::exception("403 Forbidden", 497, "ACCESS_DENIED"),
        body if body.starts_with("CHECK GRANT") => checks.clone(),
        body if body.contains("FROM millrace.checkpoints") => {
            Said::exception("404 Not Found", 60, "UNKNOWN_TABLE")
        }
        // Of the settings that are known.
        body if body.starts_with("SELECT name FROM system.") => Said::ok(&quoted(body)),
        _ => Said::ok(""),
    });
    let server = Scripted::start("u", script);
    remote(server.port).preflight("s", &["public"]).await
}

/// What a server answers that has these replicas, of one of our tables and in its largest shard.
async fn replicas(quorum: Quorum, table: Said, shard: Said) -> Vec<(bool, String, Option<String>)> {
    let script: Script = Arc::new(move |heard| match heard.body.as_str() {
        "SELECT currentUser(), version()" => Said::ok("ann\t26.7.2.1\n"),
        body if body.starts_with("CHECK GRANT") => Said::ok("1\n"),
        body if body.contains("FROM system.replicas") => {
            assert!(body.contains("IN ('millrace', 'public', 'public_raw')"), "{body}");
            table.clone()
        }
        body if body.contains("FROM system.clusters") => shard.clone(),
        body if body.starts_with("SELECT name FROM system.") => Said::ok(&quoted(body)),
        _ => Said::ok(""),
    });
    let server = Scripted::start("u", script);
    let options = RemoteOptions { quorum: Some(quorum), ..options(server.port, Login::Nobody) };
    let remarks = Remote::new(options).unwrap().preflight("s", &["public", "public_raw"]).await;
    remarks.into_iter().map(|remark| (remark.is_error, remark.what, remark.cure)).collect()
}

#[tokio::test]
async fn a_quorum_of_more_replicas_than_there_are_is_told() {
    let none = || Said::ok("");
    let denied = || Said::exception("403 Forbidden", 497, "ACCESS_DENIED");
    let (table, shard) = (|| Said::ok("public_raw.t\t2\n"), || Said::ok("\t1\n"));
    let found = replicas(Quorum::Of(3), table(), shard()).await;
    let [(true, what, Some(cure))] = &found[..] else { panic!("{found:?}") };
    assert!(what.contains("insert_quorum = 3, and public_raw.t has 2"), "{what}");
    assert!(cure.contains("insert_quorum = 2"), "{cure}");
    // Where there is no table yet: it may be one of another kind, that does not wait.
    let found = replicas(Quorum::Of(2), none(), shard()).await;
    let [(false, what, Some(cure))] = &found[..] else { panic!("{found:?}") };
    assert!(what.contains("more than 1") && cure.contains("remove"), "{what} {cure}");
    for (quorum, table, shard) in [
        (Quorum::Of(2), table(), shard()),
        (Quorum::Majority, table(), shard()),
        (Quorum::Of(3), denied(), denied()),
        (Quorum::Of(3), none(), none()),
    ] {
        assert_eq!(replicas(quorum, table, shard).await, []);
    }
}

fn quoted(sql: &str) -> String {
    sql.split('\'').skip(1).step_by(2).map(|name| format!("{name}\n")).collect()
}

#[tokio::test]
async fn a_table_that_may_not_be_read_has_its_grant() {
    assert_eq!(found("nothing of it", Said::ok("1\n")).await, []);
    for (table, is_error) in [
        ("system.processes", true),
        ("system.mutations", true),
        ("system.tables", true),
        ("system.columns", true),
        ("system.parts", false),
    ] {
        let remarks = found(table, Said::ok("1\n")).await;
        let [remark] = &remarks[..] else { panic!("{table}: {remarks:?}") };
        let cure = format!("GRANT SELECT ON {table} TO `ann`;");
        assert_eq!((remark.is_error, remark.cure.as_deref()), (is_error, Some(cure.as_str())));
    }
}

/// A type that only some tables have keeps nobody else from an older server.
#[tokio::test]
async fn what_some_tables_need_is_told_apart_from_what_all_do() {
    for (ty, is_error, words) in [("(Time64", false, "25.6"), ("(UInt128", true, "24.4")] {
        let remarks = found(ty, Said::ok("1\n")).await;
        let [remark] = &remarks[..] else { panic!("{ty}: {remarks:?}") };
        assert_eq!(remark.is_error, is_error, "{remark:?}");
        let told = format!("{} {:?}", remark.why, remark.cure);
        assert!(remark.what.contains(ty) && told.contains(words), "{remark:?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_tell_rights_may_have_given_them() {
    let asks = Said::exception("400 Bad Request", 62, "SYNTAX_ERROR");
    let remarks = found("nothing of it", asks).await;
    let [remark] = &remarks[..] else { panic!("{remarks:?}") };
    assert!(!remark.is_error && remark.why.contains("62"), "{remark:?}");
    let remarks = found("nothing of it", Said::ok("0\n")).await;
    let [remark] = &remarks[..] else { panic!("{remarks:?}") };
    assert!(remark.is_error);
    let cure = remark.cure.as_deref().unwrap();
    assert!(cure.contains("ON `millrace`.* TO `ann`;") && cure.contains("ON `public`.*"), "{cure}");
}
