//! Names of what is not granted. Until its next start the engine has a wider role for a grant on what it does not
//! know ([`super::fence`]), and its lists go by that. So they get a filter then, as rows do.

use super::fence;
use super::grant::Grants;
use std::collections::{BTreeMap, BTreeSet};
use store::ddl::literal;

/// By which columns a list tells a table.
const OF_TABLES: [(&str, &str); 7] = [
    ("columns", "table"),
    ("data_skipping_indices", "table"),
    ("dictionaries", "name"),
    ("parts", "table"),
    ("parts_columns", "table"),
    ("projections", "table"),
    ("tables", "name"),
];
/// Everybody's; the last one is of temporary tables.
const SHOWN: &str = "'system', 'information_schema', 'INFORMATION_SCHEMA', ''";

/// By list, which of its rows somebody with these grants sees; nothing: the engine knows it exactly.
pub(super) fn filters(grants: &Grants, known: &BTreeSet<String>) -> BTreeMap<String, String> {
    if !fence::is_widened(grants, known) {
        return BTreeMap::new();
    }
    let (mut tables, mut whole, mut databases) = (Vec::new(), SHOWN.to_owned(), SHOWN.to_owned());
    for grant in grants {
        let Some(database) = grant.database.as_deref().map(literal) else { continue };
        databases += &format!(", {database}");
        match &grant.table {
            Some(table) => tables.push(format!("({database}, {})", literal(table))),
            None => whole += &format!(", {database}"),
        }
    }
    let of_table = |column: &str| match tables.is_empty() {
        true => format!("database IN ({whole})"),
        false => {
            format!("database IN ({whole}) OR (database, `{column}`) IN ({})", tables.join(", "))
        }
    };
    let lists = OF_TABLES.map(|(list, column)| (format!("system.{list}"), of_table(column)));
    let mut filters = BTreeMap::from(lists);
    filters.insert("system.databases".into(), format!("name IN ({databases})"));
    filters.insert(
        "system.completions".into(),
        "context NOT IN ('database', 'table', 'column')".into(),
    );
    filters
}
