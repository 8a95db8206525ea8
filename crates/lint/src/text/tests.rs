//! Files as people write them.

use super::*;

fn statements(text: &str) -> Vec<&str> {
    read(text).statements.iter().map(|statement| statement.sql).collect()
}

#[test]
fn statements_end_where_psql_ends_them() {
    for (text, expected) in [
        ("select 1; select 2", &["select 1", "select 2"][..]),
        (
            " -- a; b\n/* c; /* d; */ e */ select ';', \"x;\", E'\\';', '''; ' ;;",
            &["select ';', \"x;\", E'\\';', '''; '"],
        ),
        ("do $x$ begin; $$ ; end $x$; select $1;", &["do $x$ begin; $$ ; end $x$", "select $1"]),
        ("select a$b$c; select 1", &["select a$b$c", "select 1"]),
        (
            "create rule r as on insert to t do (select 1; select 2); select 3",
            &["create rule r as on insert to t do (select 1; select 2)", "select 3"],
        ),
        (
            "create function f() returns int begin atomic select case when true then 1 end; select 2; end; select 3",
            &[
                "create function f() returns int begin atomic select case when true then 1 end; select 2; end",
                "select 3",
            ],
        ),
        ("\\connect shop\n\\set x 1\nselect 1;\n\\echo done; really", &["select 1"]),
        ("select 1 \\gset\nselect 2;", &["select 1", "select 2"]),
        ("copy t from stdin;\n1\t;'\n\\.\nselect 1;", &["copy t from stdin", "select 1"]),
        ("begin; end; begin; select 1; commit", &["begin", "end", "begin", "select 1", "commit"]),
        ("\u{feff}select 1", &["select 1"]),
        ("select 'never ends; select 2", &["select 'never ends; select 2"]),
        ("", &[]),
    ] {
        assert_eq!(statements(text), expected, "{text}");
    }
}

#[test]
fn only_the_way_up_is_read() {
    for (text, wrapped, left_out) in [
        ("-- +goose Up\nselect 1;\n-- +goose Down\nselect 2; select 3;", Wrapped::Yes, 2),
        ("-- +goose NO TRANSACTION\n-- +goose Up\nselect 1;", Wrapped::No, 0),
        ("-- +goose Up\n-- +goose NO TRANSACTION\nselect 1;", Wrapped::No, 0),
        ("-- migrate:up\nselect 1;\n\n-- migrate:down\nselect 2;\n", Wrapped::Yes, 1),
        ("-- migrate:up transaction:false\nselect 1;", Wrapped::No, 0),
        ("-- migrate:down\nselect 2;\n-- migrate:up\nselect 1;", Wrapped::Yes, 1),
        ("-- +migrate Up notransaction\nselect 1;\n-- +migrate Down\nselect 2", Wrapped::No, 1),
        ("-- Up Migration\nselect 1;\n-- Down Migration\nselect 2;", Wrapped::Yes, 1),
        ("-- no-transaction\nselect 1;", Wrapped::No, 0),
        ("-- one day we go down\nselect 1;", Wrapped::Unsaid, 0),
    ] {
        let migration = read(text);
        assert_eq!(statements(text), ["select 1"], "{text}");
        assert_eq!((migration.wrapped, migration.left_out), (wrapped, left_out), "{text}");
    }
}

#[test]
fn a_statement_knows_its_line() {
    let text = "-- one\nselect 1;\n\n  -- two\n  select\n 2;";
    let lines: Vec<usize> = read(text).statements.iter().map(|statement| statement.line).collect();
    assert_eq!(lines, [2, 5]);
}
