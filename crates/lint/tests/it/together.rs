//! What statements do to one another.

use lint::{Level, Linter};

fn codes(text: &str) -> Vec<(usize, &'static str)> {
    let report = Linter::new(None).lint(text);
    assert!(report.troubles.is_empty(), "{:?}", report.troubles);
    report.findings.iter().map(|finding| (finding.line, finding.code)).collect()
}

fn has(text: &str, code: &str) -> bool {
    codes(text).iter().any(|(_, said)| *said == code)
}

#[test]
fn a_lock_is_held_to_the_end_of_its_transaction() {
    let long = "alter table t add a int;\ncreate index on u (b);";
    assert!(has(&format!("begin;\n{long}\ncommit;"), "lock_held"));
    assert!(has(&format!("-- migrate:up\n{long}"), "lock_held"));
    // Most tools run a file in one transaction, and the words say so.
    let report = Linter::new(None).lint(long);
    let held = report.findings.iter().find(|finding| finding.code == "lock_held").unwrap();
    assert_eq!((held.line, held.level()), (2, Level::Plan));
    assert!(
        held.what.starts_with("if the file runs in one transaction, public.t stays"),
        "{held:?}"
    );
    for apart in [
        "-- no-transaction\nalter table t add a int; create index on u (b)",
        "begin; alter table t add a int; commit; begin; create index on u (b); commit",
        "alter table t add a int",
        "create table t (id int primary key); alter table t add a int; create index on u (b)",
        "create index concurrently on u (b); alter table t add a int; create index on u (b)",
    ] {
        assert!(!has(apart, "lock_held"), "{apart}: {:?}", codes(apart));
    }
}

#[test]
fn tables_that_are_locked_one_after_the_other_may_deadlock() {
    let two = "alter table t add a int; alter table u add a int;";
    assert!(has(&format!("begin; {two} commit"), "locks_several"));
    assert!(!has(&format!("-- no-transaction\n{two}"), "locks_several"));
    assert!(!has(
        "begin; alter table t add a int; alter table t add b int; commit",
        "locks_several"
    ));
}

#[test]
fn what_refuses_transactions_is_told_where_there_is_one() {
    for statement in [
        "create index concurrently on t (a)",
        "drop index concurrently i",
        "reindex index concurrently i",
        "vacuum t",
        "alter table t detach partition p concurrently",
        "alter system set work_mem = '1MB'",
    ] {
        assert!(has(&format!("begin; {statement}; commit"), "not_in_transaction"), "{statement}");
        assert!(has(&format!("-- +goose Up\n{statement};"), "not_in_transaction"), "{statement}");
        assert!(!has(statement, "not_in_transaction"), "{statement}");
        let told = format!("-- +goose NO TRANSACTION\n-- +goose Up\n{statement};");
        assert!(!has(&told, "not_in_transaction"), "{statement}");
    }
    assert!(!has("begin; analyze t; commit", "not_in_transaction"));
}

#[test]
fn a_timeout_is_asked_for_once_a_file_and_only_where_somebody_waits() {
    let advice =
        |text: &str| codes(text).iter().filter(|(_, code)| *code == "lock_timeout").count();
    assert_eq!(advice("alter table t add a int; alter table t add b int"), 1);
    for quiet in [
        "set lock_timeout = '2s'; alter table t add a int",
        "begin; set local lock_timeout to 2000; alter table t add a int; commit",
        "select set_config('lock_timeout', '2s', true); alter table t add a int",
        "create table t (id int primary key); alter table t add a int",
        "create index concurrently on t (a)",
        "insert into t values (1)",
    ] {
        assert_eq!(advice(quiet), 0, "{quiet}");
    }
    assert_eq!(advice("set lock_timeout = 0; alter table t add a int"), 1);
}

#[test]
fn the_way_down_is_counted_and_not_judged() {
    let report = Linter::new(None)
        .lint("-- migrate:up\nselect 1;\n-- migrate:down\ndrop table t; this is no sql;");
    assert_eq!((report.statements, report.left_out), (1, 2));
    assert!(report.troubles.is_empty());
    assert_eq!(report.findings.len(), 1);
}
