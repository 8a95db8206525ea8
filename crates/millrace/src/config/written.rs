//! What was written, kept to be compared with what is written later.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use toml::{Table, Value};

/// The file. It may hold a password, so it is not shown.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Written(Table);

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(as written)")
    }
}

/// Keys that are not what they were.
#[derive(Default, PartialEq, Debug)]
pub(crate) struct Changes {
    /// Of each section of `[tables]`; none: the whole section came or went.
    pub(crate) tables: BTreeMap<String, Vec<String>>,
    /// All others, with their path.
    pub(crate) others: Vec<String>,
}

impl Written {
    pub(super) fn new(file: &Table) -> Written {
        Written(file.clone())
    }

    pub(crate) fn changes(&self, now: &Written) -> Changes {
        let mut changes = Changes::default();
        let section = |file: &Written| file.0.get("tables").and_then(Value::as_table).cloned();
        let (tables_before, tables) =
            (section(self).unwrap_or_default(), section(now).unwrap_or_default());
        for name in names(&tables_before, &tables) {
            let (before, now) = (tables_before.get(name), tables.get(name));
            if before != now {
                let mut keys = Vec::new();
                compare(before, now, "", &mut keys);
                changes.tables.insert(name.clone(), keys);
            }
        }
        for name in names(&self.0, &now.0).into_iter().filter(|name| *name != "tables") {
            compare(self.0.get(name), now.0.get(name), name, &mut changes.others);
        }
        changes
    }
}

fn names<'a>(one: &'a Table, other: &'a Table) -> BTreeSet<&'a String> {
    one.keys().chain(other.keys()).collect()
}

/// Notes the keys below `path` whose values differ.
fn compare(before: Option<&Value>, now: Option<&Value>, path: &str, keys: &mut Vec<String>) {
    let none = Table::new();
    let table = |value: Option<&Value>| match value {
        None => Some(none.clone()),
        Some(value) => value.as_table().cloned(),
    };
    match (table(before), table(now)) {
        (Some(one), Some(other)) if before.is_some() || now.is_some() => {
            for name in names(&one, &other) {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare(one.get(name), other.get(name), &below, keys);
            }
        }
        _ if before != now => keys.push(path.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(before: &str, now: &str) -> Changes {
        let written = |text: &str| Written::new(&text.parse().unwrap());
        written(before).changes(&written(now))
    }

    #[test]
    fn each_key_that_changed_is_named() {
        let before = "[source]\nurl = 'a'\n[tables.'public.a']\nmode = 'append'\n\
                      [tables.'public.a'.columns]\nn = { type = 'String', exclude = false }\n\
                      [tables.'public.b']\n[tables.'public.same']\nttl = 'x'";
        let now = "[source]\nurl = 'b'\nslot = 's'\n[tables.'public.a']\norder_by = ['n']\n\
                   mode = 'append'\n[tables.'public.a'.columns]\nn = { type = 'UInt8', exclude = false }\n\
                   [tables.'public.same']\nttl = 'x'";
        let found = changes(before, now);
        let a = ("public.a".to_owned(), vec!["columns.n.type".to_owned(), "order_by".to_owned()]);
        assert_eq!(found.tables, BTreeMap::from([a, ("public.b".to_owned(), vec![])]));
        assert_eq!(found.others, ["source.slot", "source.url"]);
        assert_eq!(changes(now, now), Changes::default());
        assert_eq!(changes("", "[serve]\nui = 'x'").others, ["serve.ui"]);
    }

    #[test]
    fn what_is_written_is_not_shown() {
        let written = Written::new(&"[source]\nurl = 'postgres://a:secret@h/d'".parse().unwrap());
        assert!(!format!("{written:?}").contains("secret"));
    }
}
