//! How a request's text is cut into a statement and its data.

use super::*;
use proptest::prelude::*;

fn split(text: &str) -> Option<(&str, &str, String)> {
    match start(text.as_bytes(), true) {
        Start::Insert { head, data, format } => Some((&text[..head], &text[data..], format)),
        _ => None,
    }
}

#[test]
fn an_insert_is_cut_where_its_data_begins() {
    let cases = [
        ("INSERT INTO t FORMAT CSV\n1\n\ndrop table x\n", "INSERT INTO t ", "1\n\ndrop table x\n"),
        (
            "insert into a.`b c` (x, `format`) format TSV \r\n1",
            "insert into a.`b c` (x, `format`) ",
            "1",
        ),
        ("INSERT INTO t (values) VALUES (1);", "INSERT INTO t (values) ", " (1);"),
        (
            "/* FORMAT X */ INSERT INTO t SETTINGS a = 'FORMAT', b = values VALUES(1)",
            "/* FORMAT X */ INSERT INTO t SETTINGS a = 'FORMAT', b = values ",
            "(1)",
        ),
        (
            "INSERT INTO FUNCTION file('x', 'CSV') -- FORMAT X\nFORMAT JSONEachRow {\"a\":1}",
            "INSERT INTO FUNCTION file('x', 'CSV') -- FORMAT X\n",
            "{\"a\":1}",
        ),
        ("INSERT INTO TABLE values FORMAT CSV\n\n1", "INSERT INTO TABLE values ", "\n1"),
        ("INSERT INTO {t:Identifier} FORMAT Native\nxyz", "INSERT INTO {t:Identifier} ", "xyz"),
        ("INSERT INTO t (* EXCEPT(b)) Values (1)", "INSERT INTO t (* EXCEPT(b)) ", " (1)"),
    ];
    for (text, head, data) in cases {
        let (found, rest, _) = split(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!((found, rest), (head, data), "{text}");
    }
    assert_eq!(split("INSERT INTO t FORMAT CSV\n1").unwrap().2, "CSV");
}

#[test]
fn an_insert_of_a_select_is_one_statement() {
    for text in [
        "INSERT INTO t SELECT 1 FORMAT CSV",
        "INSERT INTO t (a) (SELECT 1)",
        "INSERT INTO t WITH 1 AS x SELECT x",
        "SELECT 'INSERT INTO t FORMAT CSV'",
        "INSERT INTO t",
        "",
    ] {
        assert_eq!(start(text.as_bytes(), true), Start::Statement, "{text}");
    }
}

#[test]
fn data_may_arrive_later_than_its_head() {
    let text = b"  INSERT INTO t (a) FORMAT CSV \r\n1,2\n";
    let whole = start(text, true);
    for cut in 0..text.len() {
        match start(&text[..cut], false) {
            Start::More => {}
            found => assert_eq!(found, whole, "cut at {cut}"),
        }
    }
    assert_eq!(start(b"SELECT ", false), Start::Statement);
    assert_eq!(start(b"SELEC", false), Start::More);
}

#[test]
fn outlines_name_the_format_and_what_is_dangerous() {
    let format = |text: &str| outline(text).format;
    assert_eq!(format("SELECT 1 FORMAT JSON"), Some("JSON".into()));
    assert_eq!(format("SELECT 1 format Native;"), Some("Native".into()));
    assert_eq!(format("SELECT 1 FORMAT CSV SETTINGS x = 1 -- end"), Some("CSV".into()));
    assert_eq!(format("SELECT 1 AS format, 2 FROM t"), None);
    assert_eq!(format("SELECT 'FORMAT JSON'"), None);
    assert_eq!(outline("-- hm\n ((SELECT 1))").verb, "SELECT");
    assert!(outline("SELECT a, sum(b) FROM t GROUP BY a WITH TOTALS").totals);
    assert!(outline("SELECT 1 INTO /* x */ OUTFILE '/etc/x'").files);
    assert_eq!(
        outline("DROP DATABASE IF EXISTS `default` SYNC").databases,
        ["IF", "EXISTS", "default", "SYNC"]
    );
    assert_eq!(outline("drop database \"def``ault\"").databases, ["def`ault"]);
    assert!(outline("DROP DATABASE {d:Identifier}").databases.contains(&"{d}".into()));
    assert!(outline("DROP TABLE default.x").databases.is_empty());
}

#[test]
fn values_end_at_their_semicolon() {
    let follows = |text: &str| {
        let mut end = ValuesEnd::default();
        text.as_bytes().chunks(3).all(|chunk| end.follow(chunk))
    };
    assert!(follows("(1, 'a;b'), (2, 'it''s; \\'; x') ; \n"));
    assert!(!follows("(1, 'a'); drop table x"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(text in proptest::collection::vec(any::<u8>(), 0..200), complete: bool) {
        if let Start::Insert { head, data, .. } = start(&text, complete) {
            prop_assert!(head <= data && data <= text.len());
        }
        outline(&String::from_utf8_lossy(&text));
        ValuesEnd::default().follow(&text);
    }

    #[test]
    fn any_sql_like_text_is_read_alike_in_pieces(
        words in proptest::collection::vec(prop_oneof![
            Just("INSERT"), Just("INTO"), Just("t"), Just("VALUES"), Just("FORMAT"), Just("CSV"), Just("\n"),
            Just("(a)"), Just("("), Just("'"), Just("`x`"), Just("--"), Just("/*"), Just("*/"), Just(";"),
            Just("SELECT"), Just("SETTINGS a=1"), Just("$$"), Just("é"), Just("{"),
        ], 0..12),
        cut in 0usize..60,
    ) {
        let text = format!("INSERT {}", words.join(" "));
        let cut = cut.min(text.len());
        let early = start(&text.as_bytes()[..cut], false);
        if early != Start::More {
            prop_assert_eq!(early, start(text.as_bytes(), true));
        }
        outline(&text);
    }
}

#[test]
fn what_has_one_row_is_told_from_what_may_have_many() {
    for one in
        ["SELECT 1", "select version(), timezone() FORMAT JSON", "SELECT now() AS a, 'FROM' ;"]
    {
        assert!(outline(one).one_row, "{one}");
    }
    for many in [
        "SELECT 1 FROM t",
        "SELECT arrayJoin([1, 2])",
        "SELECT f(1)",
        "(SELECT 1) UNION ALL SELECT 2",
        "SELECT 1 UNION ALL SELECT 2",
        "SELECT x FROM (SELECT 1 AS x)",
        "WITH 1 AS x SELECT x",
        "SELECT 1 AS a ARRAY JOIN [1, 2] AS b JOIN c",
        "SHOW TABLES",
        "INSERT INTO t SELECT 1",
    ] {
        assert!(!outline(many).one_row, "{many}");
    }
}
