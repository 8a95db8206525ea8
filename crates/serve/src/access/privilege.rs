//! What can be granted: ClickHouse's privileges on databases, tables and columns, with the tree that
//! they form. What concerns the whole server (files, network, functions, users, `SYSTEM`) is the
//! admin's and is not granted in pieces.

/// Name, parent, other names.
type Entry = (&'static str, &'static str, &'static [&'static str]);

/// As the engine's `system.privileges` says; a test compares.
const PRIVILEGES: &[Entry] = &[
    ("ALL", "", &["ALL PRIVILEGES"]),
    ("SHOW", "ALL", &[]),
    ("SHOW DATABASES", "SHOW", &[]),
    ("SHOW TABLES", "SHOW", &[]),
    ("SHOW COLUMNS", "SHOW", &[]),
    ("SHOW DICTIONARIES", "SHOW", &[]),
    ("CHECK", "ALL", &[]),
    ("SELECT", "ALL", &[]),
    ("INSERT", "ALL", &[]),
    ("ALTER", "ALL", &[]),
    ("ALTER TABLE", "ALTER", &[]),
    ("ALTER UPDATE", "ALTER TABLE", &["UPDATE"]),
    ("ALTER DELETE", "ALTER TABLE", &["DELETE"]),
    ("ALTER COLUMN", "ALTER TABLE", &[]),
    ("ALTER ADD COLUMN", "ALTER COLUMN", &["ADD COLUMN"]),
    ("ALTER MODIFY COLUMN", "ALTER COLUMN", &["MODIFY COLUMN"]),
    ("ALTER DROP COLUMN", "ALTER COLUMN", &["DROP COLUMN"]),
    ("ALTER COMMENT COLUMN", "ALTER COLUMN", &["COMMENT COLUMN"]),
    ("ALTER CLEAR COLUMN", "ALTER COLUMN", &["CLEAR COLUMN"]),
    ("ALTER RENAME COLUMN", "ALTER COLUMN", &["RENAME COLUMN"]),
    ("ALTER MATERIALIZE COLUMN", "ALTER COLUMN", &["MATERIALIZE COLUMN"]),
    ("ALTER MODIFY COMMENT", "ALTER TABLE", &["MODIFY COMMENT"]),
    ("ALTER INDEX", "ALTER TABLE", &["INDEX"]),
    ("ALTER ORDER BY", "ALTER INDEX", &["ALTER MODIFY ORDER BY", "MODIFY ORDER BY"]),
    ("ALTER SAMPLE BY", "ALTER INDEX", &["ALTER MODIFY SAMPLE BY", "MODIFY SAMPLE BY"]),
    ("ALTER ADD INDEX", "ALTER INDEX", &["ADD INDEX"]),
    ("ALTER DROP INDEX", "ALTER INDEX", &["DROP INDEX"]),
    ("ALTER MATERIALIZE INDEX", "ALTER INDEX", &["MATERIALIZE INDEX"]),
    ("ALTER CLEAR INDEX", "ALTER INDEX", &["CLEAR INDEX"]),
    ("ALTER PROJECTION", "ALTER TABLE", &["PROJECTION"]),
    ("ALTER ADD PROJECTION", "ALTER PROJECTION", &["ADD PROJECTION"]),
    ("ALTER DROP PROJECTION", "ALTER PROJECTION", &["DROP PROJECTION"]),
    ("ALTER MATERIALIZE PROJECTION", "ALTER PROJECTION", &["MATERIALIZE PROJECTION"]),
    ("ALTER CLEAR PROJECTION", "ALTER PROJECTION", &["CLEAR PROJECTION"]),
    ("ALTER CONSTRAINT", "ALTER TABLE", &["CONSTRAINT"]),
    ("ALTER ADD CONSTRAINT", "ALTER CONSTRAINT", &["ADD CONSTRAINT"]),
    ("ALTER DROP CONSTRAINT", "ALTER CONSTRAINT", &["DROP CONSTRAINT"]),
    ("ALTER TTL", "ALTER TABLE", &["ALTER MODIFY TTL", "MODIFY TTL"]),
    ("ALTER MATERIALIZE TTL", "ALTER TABLE", &["MATERIALIZE TTL"]),
    (
        "ALTER SETTINGS",
        "ALTER TABLE",
        &["ALTER SETTING", "ALTER MODIFY SETTING", "MODIFY SETTING", "RESET SETTING"],
    ),
    ("ALTER MOVE PARTITION", "ALTER TABLE", &["ALTER MOVE PART", "MOVE PARTITION", "MOVE PART"]),
    ("ALTER VIEW", "ALTER", &[]),
    ("ALTER VIEW MODIFY QUERY", "ALTER VIEW", &["ALTER TABLE MODIFY QUERY"]),
    ("ALTER VIEW MODIFY REFRESH", "ALTER VIEW", &[]),
    ("CREATE", "ALL", &[]),
    ("CREATE DATABASE", "CREATE", &[]),
    ("CREATE TABLE", "CREATE", &[]),
    ("CREATE VIEW", "CREATE", &[]),
    ("DROP", "ALL", &[]),
    ("DROP DATABASE", "DROP", &[]),
    ("DROP TABLE", "DROP", &[]),
    ("DROP VIEW", "DROP", &[]),
    ("DROP DICTIONARY", "DROP", &[]),
    ("TRUNCATE", "ALL", &["TRUNCATE TABLE"]),
    ("OPTIMIZE", "ALL", &["OPTIMIZE TABLE"]),
    ("SYSTEM VIEWS", "ALL", &["SYSTEM REFRESH VIEW"]),
    ("dictGet", "ALL", &["dictHas", "dictGetHierarchy", "dictIsIn"]),
];

/// Of these a list of columns may be named.
const OF_COLUMNS: [&str; 3] = ["SELECT", "INSERT", "SHOW COLUMNS"];
/// They are of whole databases: on a table the engine does not know them, nor opens with such a grant.
const OF_DATABASES: [&str; 3] = ["SHOW DATABASES", "CREATE DATABASE", "DROP DATABASE"];
/// They change nothing.
const READS: [&str; 4] = ["SELECT", "SHOW", "CHECK", "dictGet"];

/// The one name of a privilege, from any of its names.
pub(super) fn canonical(words: &str) -> Option<&'static str> {
    let found = PRIVILEGES.iter().find(|(name, _, others)| {
        name.eq_ignore_ascii_case(words)
            || others.iter().any(|other| other.eq_ignore_ascii_case(words))
    });
    found.map(|(name, ..)| *name)
}

pub(super) fn takes_columns(privilege: &str) -> bool {
    OF_COLUMNS.contains(&privilege)
}

pub(super) fn takes_tables(privilege: &str) -> bool {
    !OF_DATABASES.contains(&privilege)
}

/// Whether `wider` is `privilege` or above it.
pub(super) fn covers(wider: &str, privilege: &str) -> bool {
    let mut at = privilege;
    loop {
        if at == wider {
            return true;
        }
        match PRIVILEGES.iter().find(|(name, ..)| *name == at) {
            Some((_, parent, _)) if !parent.is_empty() => at = parent,
            _ => return false,
        }
    }
}

pub(super) fn only_reads(privilege: &str) -> bool {
    READS.iter().any(|reads| covers(reads, privilege))
}

/// All names, and of what each is a part.
pub fn privileges() -> impl Iterator<Item = (&'static str, &'static str)> {
    PRIVILEGES.iter().map(|(name, parent, _)| (*name, *parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileges_form_a_tree() {
        assert_eq!(canonical("alter table modify query"), Some("ALTER VIEW MODIFY QUERY"));
        assert_eq!(canonical("update"), Some("ALTER UPDATE"));
        assert_eq!(canonical("fake"), None);
        assert!(covers("ALL", "ALTER ADD COLUMN") && covers("ALTER", "ALTER ADD COLUMN"));
        assert!(!covers("INSERT", "SELECT") && !covers("SELECT", "ALL"));
        assert!(only_reads("SHOW TABLES") && !only_reads("INSERT") && !only_reads("ALL"));
        for (name, parent) in privileges().skip(1) {
            assert_eq!(canonical(parent), Some(parent), "{name}");
        }
    }
}
