//! What is not rows of the user's: our own tables, statements, answers, and what they say when they fail.

use crate::Home;
use model::{Fate, Kind};

pub fn our_own_rows_come_back(home: &Home) {
    let row = vec![vec![Some("s'\\\t\n".to_owned()), Some("700700700".to_owned())]];
    // Twice: a row replaces itself.
    for _ in 0..2 {
        let written = home.store.record("millrace.checkpoints (slot, confirmed)", row.clone());
        home.wait(written).unwrap();
    }
    let sql = "SELECT slot, confirmed FROM millrace.checkpoints FINAL WHERE confirmed = 700700700";
    assert_eq!(home.rows(sql), row);
    // Deleted, it may come again as it was.
    home.execute(
        "ALTER TABLE millrace.checkpoints DELETE WHERE confirmed = 700700700 SETTINGS mutations_sync = 2",
    );
    assert!(home.rows(sql).is_empty());
    home.wait(home.store.record("millrace.checkpoints (slot, confirmed)", row.clone())).unwrap();
    assert_eq!(home.rows(sql), row);
    home.execute(
        "ALTER TABLE millrace.checkpoints DELETE WHERE confirmed = 700700700 SETTINGS mutations_sync = 2",
    );
}

pub fn an_exception_is_told_without_values(home: &Home) {
    let failed = |sql: &str| home.wait(home.store.query(sql)).unwrap_err();
    let error = failed("SELECT toInt64('secret@example.com')");
    assert_eq!(error.fate(), Fate::Definite, "{}", error.report());
    assert!(error.report().contains("ClickHouse error 6: "), "{}", error.report());
    assert!(!error.report().contains("secret"), "{}", error.report());
    let error = failed("SELECT * FROM nowhere.at_all");
    assert_eq!(error.fate(), Fate::Definite, "{}", error.report());
    assert!(error.report().contains("nowhere"), "{}", error.report());
    // After rows: none of them is taken for an answer.
    let sql = "SELECT number, throwIf(number = 300000) FROM numbers(400000)";
    assert!(failed(sql).report().contains("ClickHouse error 395"));
    let error = home
        .wait(home.store.execute(
            "SELECT sleepEachRow(1) FROM numbers(3) \
        SETTINGS max_block_size = 1, max_execution_time = 1",
        ))
        .unwrap_err();
    assert_eq!(error.fate(), Fate::Transient, "{}", error.report());
}

pub fn a_statement_of_many_bytes_is_taken(home: &Home) {
    let list: Vec<String> = (200_000..230_000).map(|number| number.to_string()).collect();
    let sql = format!("SELECT count() FROM numbers(300000) WHERE number IN ({})", list.join(", "));
    assert!(sql.len() > 200_000);
    assert_eq!(home.one(&sql), "30000");
}

pub fn answers_of_many_bytes_come_whole(home: &Home) {
    let sql = "SELECT number, repeat('x', 100) FROM numbers(300000) ORDER BY number";
    let rows = home.rows(sql);
    assert_eq!(rows.len(), 300_000);
    assert!(rows.iter().enumerate().all(|(at, row)| row[0].as_deref() == Some(&at.to_string())));
    let sql = "SELECT number, if(number % 7 = 0, NULL, toString(number)) FROM numbers(300000)";
    let cells = home.wait(home.store.cells(sql, vec![Kind::UInt64, Kind::Text])).unwrap();
    assert_eq!((cells[0].rows(), cells[1].rows()), (300_000, 300_000));
    for row in [1, 65_409, 299_998] {
        assert_eq!(cells[1].value(row), row.to_string().as_bytes());
    }
    assert!(cells[1].is_null(299_999 / 7 * 7));
    assert!(home.rows("SELECT 1 WHERE 0").is_empty());
}
