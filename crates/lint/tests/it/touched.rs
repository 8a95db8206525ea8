//! Who reads the store by name is touched by what goes, stops, moves or changes its values, and by nothing else.

use crate::known::only;
use lint::{Against, Linter, Touched};
use model::{ColumnOptions, TableName, TableOptions};
use std::collections::BTreeMap;

const SCHEMA: &str = "
    create type mood as enum ('sad', 'glad'); create domain feeling as mood not null;
    create type pair as (m mood, n int);
    create table t (id int primary key, a int not null, name varchar(9), hidden mood,
                    m mood, ms mood[], f feeling, p pair);
    create table u (id int primary key); create table s.v (id int primary key);
    create table unpublished (a int, m mood);
    create publication millrace for table t, u, tables in schema s";

/// `hidden` is excluded.
fn against() -> Against {
    let hidden = ColumnOptions { exclude: true, ..ColumnOptions::default() };
    let columns = BTreeMap::from([("hidden".to_owned(), hidden)]);
    let options = TableOptions { columns, ..TableOptions::default() };
    Against {
        publication: "millrace".into(),
        slot: "millrace".into(),
        tables: BTreeMap::from([("public.t".to_owned(), options)]),
    }
}

fn table(schema: &str, table: &str) -> Touched {
    Touched::Table(TableName::new(schema, table))
}

fn columns(names: &[&str]) -> Vec<Touched> {
    let table = TableName::new("public", "t");
    names.iter().map(|name| Touched::Column(table.clone(), (*name).to_owned())).collect()
}

#[track_caller]
fn check(text: &str, expected: &[Touched]) {
    let mut linter = Linter::new(Some(against()));
    assert_eq!(linter.learn(SCHEMA), []);
    let report = linter.lint(text);
    assert_eq!(only(&report).touched, expected, "{text}");
}

#[test]
fn what_readers_have_to_follow_is_named() {
    for (text, expected) in [
        ("alter table t drop column a", &["a"][..]),
        ("alter table t rename column a to b", &["a"]),
        ("alter table t alter a type text", &["a"]),
        ("alter table t alter a drop not null", &["a"]),
        ("alter table t alter a set expression as (id + 1)", &["a"]),
        ("alter table t alter name type text", &[]),
        ("alter table t drop column hidden", &[]),
        ("alter table t rename column hidden to a", &[]),
        ("alter table t alter hidden type text", &[]),
        ("alter table t alter hidden set expression as ('glad')", &[]),
        ("alter table t add b int", &[]),
        ("truncate t", &[]),
        ("alter table unpublished drop column a", &[]),
    ] {
        check(text, &columns(expected));
    }
    for text in [
        "drop table t",
        "alter table t rename to s",
        "alter table t set schema other",
        "alter table t set unlogged",
    ] {
        check(text, &[table("public", "t")]);
    }
    let schema = Touched::Schema("public".to_owned());
    check("drop schema public cascade", std::slice::from_ref(&schema));
    check("alter schema public rename to other", &[schema]);
}

/// As far as the schema tells which those are.
#[test]
fn a_type_is_its_columns() {
    for (text, expected) in [
        ("alter type mood rename value 'sad' to 'blue'", &["f", "m", "ms", "p"][..]),
        ("alter type mood add value 'mad'", &[]),
        ("drop type mood cascade", &["f", "m", "ms", "p"]),
        ("drop type mood", &[]),
        ("drop domain feeling cascade", &["f"]),
        ("drop type pair cascade", &["p"]),
        ("alter type pair rename attribute n to o", &["p"]),
        ("alter type pair drop attribute n", &["p"]),
        ("drop type unheard_of cascade", &[]),
        ("drop sequence mood cascade", &[]),
    ] {
        check(text, &columns(expected));
    }
    // By the names that they have by now.
    let mut linter = Linter::new(Some(against()));
    linter.learn(&format!(
        "{SCHEMA}; alter type mood rename to felt; alter domain feeling rename to it"
    ));
    let report = linter.lint("alter type felt rename value 'sad' to 'blue'");
    assert_eq!(only(&report).touched, columns(&["f", "m", "ms", "p"]));
    assert_eq!(only(&linter.lint("drop domain it cascade")).touched, columns(&["f"]));
    let report = Linter::new(None).lint(
        "create type mood as enum ('sad'); create table n (id int primary key, m mood);
         alter type mood rename value 'sad' to 'blue'",
    );
    let renamed = report.findings.last().unwrap();
    assert_eq!((renamed.code, &renamed.touched[..]), ("enum_rename_value", &[][..]));
}

#[test]
fn a_table_that_is_not_sent_any_more_is_named() {
    for (text, expected) in [
        ("alter publication millrace drop table t", &[table("public", "t")][..]),
        ("alter publication millrace drop tables in schema s", &[Touched::Schema("s".to_owned())]),
        ("alter publication millrace set table t", &[table("public", "u"), table("s", "v")]),
        ("alter publication millrace set table t, tables in schema s", &[table("public", "u")]),
        ("alter publication millrace add table unpublished", &[]),
        ("alter publication other drop table t", &[]),
        ("alter publication other set table t", &[]),
    ] {
        check(text, expected);
    }
    // Both at once are two changes.
    let both = "alter publication millrace drop table t, tables in schema s";
    let report = Linter::new(Some(against())).lint(both);
    assert_eq!(report.findings.len(), 2, "{report:?}");
    // What was sent is not known.
    let report = Linter::new(Some(against()))
        .lint("alter publication millrace set table t, tables in schema s");
    let tables = vec![TableName::new("public", "t")];
    let expected = Touched::AllBut { tables, schemas: vec!["s".to_owned()] };
    assert_eq!(only(&report).touched, [expected]);
}
