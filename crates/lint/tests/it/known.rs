//! What earlier SQL and `millrace.toml` tell changes what is said.

use lint::{Against, Finding, Level, Linter};
use model::{ColumnOptions, Mode, TableOptions};
use std::collections::BTreeMap;

pub(crate) fn only(report: &lint::Report) -> &Finding {
    assert!(report.troubles.is_empty(), "{:?}", report.troubles);
    let own = |finding: &&Finding| finding.code != "lock_timeout";
    let findings: Vec<&Finding> = report.findings.iter().filter(own).collect();
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings[0]
}

/// (old type, new type, level, word of the mirror).
const RETYPES: &[(&str, &str, Level, &str)] = {
    use Level::{Followed, Plan, Safe};
    &[
        ("varchar(10)", "varchar(20)", Safe, "same type"),
        ("varchar(10)", "text", Safe, "same type"),
        ("text", "varchar(20)", Plan, "copied again in place"),
        ("int", "bigint", Plan, "copied again in place"),
        ("smallint", "int", Plan, "copied again in place"),
        ("bigint", "int", Plan, "another shape"),
        ("int", "text", Plan, "another shape"),
        ("numeric(10,2)", "numeric(12,2)", Followed, "widened in place"),
        ("numeric(10,2)", "numeric(12,4)", Plan, "copied again in place"),
        ("numeric(10,2)", "numeric(10,4)", Plan, "copied again"),
        ("numeric(10,2)", "numeric", Followed, "widened in place"),
        ("numeric", "numeric(10,2)", Plan, "copied again"),
        ("timestamp", "timestamptz", Plan, "copied again in place"),
        ("timestamp(3)", "timestamp", Safe, "same type"),
        ("json", "jsonb", Plan, "another shape"),
        ("cidr", "inet", Plan, "copied again"),
        ("uuid", "text", Plan, "copied again"),
        ("int[]", "bigint[]", Plan, "copied again"),
        ("mood", "text", Plan, "copied again"),
        ("text", "mood", Plan, "copied again"),
    ]
};

#[test]
fn a_known_type_says_what_a_change_of_it_costs() {
    for &(old, new, level, word) in RETYPES {
        let mut linter = Linter::new(None);
        linter.learn(&format!("create table t (id int primary key, a {old})"));
        let report = linter.lint(&format!("alter table t alter a type {new}"));
        let finding = only(&report);
        assert_eq!(finding.level(), level, "{old} to {new}: {finding:?}");
        assert!(finding.mirror.contains(word), "{old} to {new}: {}", finding.mirror);
    }
}

#[test]
fn tables_of_the_same_file_are_nobodys_yet() {
    let text = "create table t (id int primary key, a int);
                create index on t (a); alter table t alter a type bigint, alter a set not null;
                update t set a = 1; alter table t add b uuid default gen_random_uuid()";
    let mut linter = Linter::new(None);
    let report = linter.lint(text);
    let levels: Vec<Level> = report.findings.iter().map(Finding::level).collect();
    assert_eq!(levels[0], Level::Followed, "{report:?}");
    assert!(levels[1..].iter().all(|level| *level == Level::Safe), "{:?}", report.findings);
    assert!(report.findings.iter().all(|finding| finding.locks.is_empty()));
    // In the next file it is in use.
    let report = linter.lint("create index on t (a)");
    assert_eq!(only(&report).level(), Level::Plan);
    // A foreign key locks the other table too, and that one is old.
    let report = Linter::new(None).lint("create table t (id int primary key, r int references r)");
    assert_eq!(only(&report).locks[0].table.to_string(), "public.r");
}

#[test]
fn what_was_checked_already_needs_no_scan() {
    let mut linter = Linter::new(None);
    linter.learn("create table t (id int primary key, a int)");
    for text in [
        "alter table t add constraint k check (a is not null) not valid",
        "alter table t validate constraint k",
        "alter table t alter a set not null",
    ] {
        assert_eq!(only(&linter.lint(text)).level(), Level::Safe, "{text}");
    }
}

#[test]
fn names_without_a_schema_are_where_the_search_path_says() {
    let report = Linter::new(None).lint("set search_path to shop, public; drop table t");
    assert_eq!(report.findings[1].table.as_ref().unwrap().to_string(), "shop.t");
    let report = Linter::new(None).lint("drop table t");
    assert_eq!(report.findings[0].table.as_ref().unwrap().to_string(), "public.t");
}

#[test]
fn a_dump_with_the_publication_tells_which_tables_are_mirrored() {
    let mut linter = Linter::new(None);
    let troubles = linter.learn(
        "CREATE TABLE public.sent (id integer NOT NULL, a integer);
         CREATE TABLE public.kept (id integer NOT NULL, a integer);
         ALTER TABLE ONLY public.sent ADD CONSTRAINT sent_pkey PRIMARY KEY (id);
         CREATE PUBLICATION millrace WITH (publish = 'insert, update, delete, truncate');
         ALTER PUBLICATION millrace ADD TABLE ONLY public.sent;",
    );
    assert!(troubles.is_empty(), "{troubles:?}");
    assert_eq!(only(&linter.lint("drop table sent")).level(), Level::Plan);
    let report = linter.lint("drop table kept");
    assert_eq!((only(&report).level(), only(&report).mirror.as_str()), (Level::Safe, ""));
    // Who waits for locks waits all the same.
    assert_eq!(only(&linter.lint("create index on kept (a)")).level(), Level::Plan);
}

/// Whatever pg_dump writes (psql's own lines too) is read, with rows in it as well.
#[test]
fn a_real_dump_is_read() {
    let cluster = cluster::Cluster::start_with(&["fsync = off"]);
    cluster.sql(
        "create type mood as enum ('sad', 'glad'); create sequence n;
         create table sent (id bigint generated always as identity primary key, m mood not null,
             price numeric(10,2) default 1.5, note text default 'a;b' check (note <> ''), at timestamptz default now());
         create table kept (id int primary key, sent_id bigint references sent);
         create table parts (id int, at date) partition by range (at);
         create table parts_1 partition of parts for values from ('2026-01-01') to ('2027-01-01');
         create view shown as select id from sent; create index on sent (at);
         create function f() returns int language plpgsql as $f$ begin return 1; end $f$;
         create function g() returns int begin atomic select 1; end;
         insert into sent (m, note) values ('glad', E'tab\tand; \\ line\nend'); insert into kept values (1, 1);
         create publication millrace for table sent, parts",
    );
    let dump = std::process::Command::new(cluster::program("pg_dump")).arg(cluster.url()).output();
    let dump = String::from_utf8(dump.unwrap().stdout).unwrap();
    assert!(dump.contains("COPY public.sent"), "{dump}");
    let mut linter = Linter::new(None);
    assert_eq!(linter.learn(&dump), []);
    let level = |linter: &mut Linter, sql: &str| only(&linter.lint(sql)).level();
    assert_eq!(
        level(&mut linter, "alter table sent alter price type numeric(12,2)"),
        Level::Followed
    );
    assert_eq!(level(&mut linter, "alter table sent alter id type numeric"), Level::Plan);
    assert_eq!(level(&mut linter, "drop table parts"), Level::Plan);
    let report = linter.lint("drop table kept");
    let locked: Vec<String> =
        only(&report).locks.iter().map(|held| held.table.to_string()).collect();
    assert_eq!(
        (only(&report).level(), &locked[..]),
        (Level::Safe, &["public.kept".to_owned(), "public.sent".into()][..])
    );
}

fn against() -> Against {
    let column = |name: Option<&str>, exclude| ColumnOptions {
        name: name.map(str::to_owned),
        clickhouse_type: None,
        exclude,
        ..ColumnOptions::default()
    };
    let events = TableOptions {
        mode: Mode::Append,
        order_by: vec!["kind".into(), "toDate(seen_at)".into()],
        partition_by: Some("toYYYYMM(seen_at)".into()),
        columns: BTreeMap::from([
            ("at".to_owned(), column(Some("seen_at"), false)),
            ("secret".to_owned(), column(None, true)),
        ]),
        ..TableOptions::default()
    };
    Against {
        publication: "shop".into(),
        slot: "shop_slot".into(),
        tables: BTreeMap::from([("public.events".to_owned(), events)]),
    }
}

#[test]
fn the_configuration_tells_what_is_named_and_what_is_not_ours() {
    for (statement, level, word) in [
        ("drop publication shop", Level::Plan, "stops"),
        ("drop publication millrace", Level::Safe, "not the one"),
        ("alter publication other drop table t", Level::Safe, ""),
        ("select pg_drop_replication_slot('shop_slot')", Level::Plan, "stops"),
        ("select pg_drop_replication_slot('debezium')", Level::Safe, "not the one"),
        ("alter table events drop column kind", Level::Plan, "order_by"),
        ("alter table events drop column at", Level::Plan, "order_by"),
        ("alter table events drop column secret", Level::Safe, "excludes"),
        ("alter table events drop column other", Level::Followed, "new rows have its default"),
        ("alter table events rename column kind to sort", Level::Plan, "order_by"),
        ("alter table events rename to facts", Level::Followed, "goes on to hold"),
        ("alter table orders rename to facts", Level::Followed, "must follow"),
        ("alter table events set schema log", Level::Followed, "goes on to hold"),
        ("truncate events", Level::Followed, "kept"),
        ("delete from events", Level::Plan, "keeps what the source deletes"),
        ("create table events (a int)", Level::Followed, "streamed"),
    ] {
        let report = Linter::new(Some(against())).lint(statement);
        let finding = only(&report);
        assert_eq!(finding.level(), level, "{statement}: {finding:?}");
        assert!(finding.mirror.contains(word), "{statement}: {}", finding.mirror);
    }
}
