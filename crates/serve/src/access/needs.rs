//! What a statement that changes something needs of its target, by the leaves of ClickHouse's tree of
//! privileges: who may drop views must not drop tables. The engine would say so, too, but only of grants
//! that it knew when it opened.

/// By the engine's name of a command.
const OF_ALTER: [(&str, &[&str]); 31] = [
    ("ADD_COLUMN", &["ALTER ADD COLUMN"]),
    ("DROP_COLUMN", &["ALTER DROP COLUMN"]),
    ("MODIFY_COLUMN", &["ALTER MODIFY COLUMN"]),
    ("COMMENT_COLUMN", &["ALTER COMMENT COLUMN"]),
    ("RENAME_COLUMN", &["ALTER RENAME COLUMN"]),
    ("MATERIALIZE_COLUMN", &["ALTER MATERIALIZE COLUMN"]),
    ("MODIFY_COMMENT", &["ALTER MODIFY COMMENT"]),
    ("MODIFY_ORDER_BY", &["ALTER ORDER BY"]),
    ("MODIFY_SAMPLE_BY", &["ALTER SAMPLE BY"]),
    ("MODIFY_TTL", &["ALTER TTL"]),
    ("MATERIALIZE_TTL", &["ALTER MATERIALIZE TTL"]),
    ("MODIFY_SETTING", &["ALTER SETTINGS"]),
    ("RESET_SETTING", &["ALTER SETTINGS"]),
    ("MODIFY_QUERY", &["ALTER VIEW MODIFY QUERY"]),
    ("MODIFY_REFRESH", &["ALTER VIEW MODIFY REFRESH"]),
    ("ADD_INDEX", &["ALTER ADD INDEX"]),
    ("DROP_INDEX", &["ALTER DROP INDEX"]),
    ("MATERIALIZE_INDEX", &["ALTER MATERIALIZE INDEX"]),
    ("ADD_CONSTRAINT", &["ALTER ADD CONSTRAINT"]),
    ("DROP_CONSTRAINT", &["ALTER DROP CONSTRAINT"]),
    ("ADD_PROJECTION", &["ALTER ADD PROJECTION"]),
    ("DROP_PROJECTION", &["ALTER DROP PROJECTION"]),
    ("MATERIALIZE_PROJECTION", &["ALTER MATERIALIZE PROJECTION"]),
    ("DROP_PARTITION", &["ALTER DELETE"]),
    ("DROP_DETACHED_PARTITION", &["ALTER DELETE"]),
    ("ATTACH_PARTITION", &["INSERT"]),
    ("REPLACE_PARTITION", &["ALTER DELETE", "INSERT"]),
    ("MOVE_PARTITION", &["ALTER MOVE PARTITION"]),
    ("DELETE", &["ALTER DELETE"]),
    ("UPDATE", &["ALTER UPDATE"]),
    ("APPLY_DELETED_MASK", &["ALTER DELETE"]),
];

/// `clears`: the statement drops nothing, so what looks like a DROP is a CLEAR.
pub(super) fn of_alter(command: &str, clears: bool) -> &'static [&'static str] {
    match (clears, command) {
        (true, "DROP_COLUMN") => &["ALTER CLEAR COLUMN"],
        (true, "DROP_INDEX") => &["ALTER CLEAR INDEX"],
        (true, "DROP_PROJECTION") => &["ALTER CLEAR PROJECTION"],
        // What is not known by name needs all of it.
        _ => OF_ALTER
            .iter()
            .find(|(name, _)| *name == command)
            .map_or(&["ALTER"], |(_, needs)| needs),
    }
}

/// `engine`: of what is there; else the statement's word for it counts.
pub(super) fn of_drop(engine: Option<&str>, word: &str) -> &'static str {
    match (engine, word.to_ascii_uppercase().as_str()) {
        (Some(engine), _) if is_view(engine) => "DROP VIEW",
        (Some("Dictionary"), _) | (None, "DICTIONARY") => "DROP DICTIONARY",
        (Some(_), _) => "DROP TABLE",
        (None, "VIEW") => "DROP VIEW",
        (None, _) => "DROP TABLE",
    }
}

pub(super) fn is_view(engine: &str) -> bool {
    engine.ends_with("View")
}

#[cfg(test)]
mod tests {
    use super::super::privilege::canonical;
    use super::*;

    #[test]
    fn what_is_needed_can_be_granted() {
        for (_, needs) in OF_ALTER {
            for need in needs {
                assert_eq!(canonical(need), Some(*need));
            }
        }
        for clears in ["DROP_COLUMN", "DROP_INDEX", "DROP_PROJECTION"] {
            let [need] = of_alter(clears, true) else { panic!("{clears}") };
            assert_eq!(canonical(need), Some(*need));
        }
        assert_eq!(of_alter("ADD_STATISTICS", false), ["ALTER"]);
        assert_eq!(of_drop(Some("MaterializedView"), "TABLE"), "DROP VIEW");
        assert_eq!(of_drop(None, "view"), "DROP VIEW");
        assert_eq!(of_drop(Some("MergeTree"), "VIEW"), "DROP TABLE");
    }
}
