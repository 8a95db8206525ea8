//! What the gate lets through, by the engine's names. Lists say what is allowed, never what is forbidden.

/// They change nothing.
pub(super) const READ: [&str; 14] = [
    "SelectWithUnionQuery",
    "SelectIntersectExceptQuery",
    "SelectQuery",
    "Explain",
    "DescribeQuery",
    "ShowTables",
    "ShowColumns",
    "ShowFunctions",
    "ShowEngineQuery",
    "ShowCreateTableQuery",
    "ShowCreateViewQuery",
    "ShowCreateDatabaseQuery",
    "UseQuery",
    "Set",
];
pub(super) const EXISTS: [&str; 3] = ["ExistsTableQuery", "ExistsViewQuery", "ExistsDatabaseQuery"];
/// What they need of their target.
pub(super) const WRITE: [(&str, &str); 9] = [
    ("InsertQuery", "INSERT"),
    ("AlterQuery", "ALTER"),
    ("DropQuery", "DROP"),
    ("TruncateQuery", "TRUNCATE"),
    ("OptimizeQuery", "OPTIMIZE"),
    ("DeleteQuery", "ALTER DELETE"),
    ("UpdateQuery", "ALTER UPDATE"),
    ("CreateIndexQuery", "ALTER ADD INDEX"),
    ("DropIndexQuery", "ALTER DROP INDEX"),
];
/// What an ALTER may do, by the beginnings of the engine's names for it. Not there: FREEZE, FETCH and
/// EXPORT, which make files, and SQL SECURITY.
pub(super) const ALTERS: [&str; 14] = [
    "ADD_",
    "DROP_",
    "RENAME_",
    "CLEAR_",
    "COMMENT_COLUMN",
    "MATERIALIZE_",
    "RESET_SETTING",
    "REPLACE_PARTITION",
    "MOVE_PARTITION",
    "ATTACH_PARTITION",
    "DELETE",
    "UPDATE",
    "APPLY_DELETED_MASK",
    "MODIFY_",
];
/// They keep what they are given, and reach nothing else.
pub(super) const ENGINES: [&str; 17] = [
    "MergeTree",
    "ReplacingMergeTree",
    "SummingMergeTree",
    "AggregatingMergeTree",
    "CollapsingMergeTree",
    "VersionedCollapsingMergeTree",
    "CoalescingMergeTree",
    "GraphiteMergeTree",
    "Memory",
    "Null",
    "Log",
    "TinyLog",
    "StripeLog",
    "Set",
    "Join",
    "View",
    "MaterializedView",
];
/// Tables of the server's that tell of it and of what the engine itself filters by grants.
pub(super) const SYSTEM: &[&str] = &[
    "aggregate_function_combinators",
    "build_options",
    "codecs",
    "collations",
    "columns",
    "completions",
    "contributors",
    "data_skipping_index_types",
    "data_skipping_indices",
    "data_type_families",
    "database_engines",
    "databases",
    "dictionaries",
    "dictionary_layouts",
    "documentation",
    "formats",
    "functions",
    "keywords",
    "licenses",
    "merge_tree_settings",
    "numbers",
    "numbers_mt",
    "one",
    "parts",
    "parts_columns",
    "primes",
    "privileges",
    "projections",
    "settings",
    "settings_changes",
    "table_engines",
    "table_functions",
    "tables",
    "time_zones",
    "unicode",
    "zeros",
    "zeros_mt",
    "clusters",
];
pub(super) const INFORMATION_SCHEMA: [&str; 10] = [
    "tables",
    "columns",
    "views",
    "schemata",
    "key_column_usage",
    "referential_constraints",
    "statistics",
    "engines",
    "character_sets",
    "collations",
];
/// Whose second argument may be a table.
pub(super) const IN: [&str; 8] = [
    "in",
    "notIn",
    "globalIn",
    "globalNotIn",
    "nullIn",
    "notNullIn",
    "globalNullIn",
    "globalNotNullIn",
];
/// Each of them also comes as `inIgnoreSet`.
pub(super) const IGNORE_SET: &str = "IgnoreSet";
/// Nobody's but the server's.
pub(super) const OWN: [&str; 2] = ["millrace", "default"];
