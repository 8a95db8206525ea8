//! Tables as the source describes them, and where the user wants them.

use crate::types::PgType;
use std::collections::BTreeMap;
use std::fmt;

/// Postgres's oid of a table (`pg_class.oid`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TableId(pub u32);

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// `schema.table`, unquoted: the name in configuration, status and messages.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TableName {
    pub schema: String,
    pub table: String,
}

impl TableName {
    pub fn new(schema: impl Into<String>, table: impl Into<String>) -> TableName {
        TableName { schema: schema.into(), table: table.into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// Which old columns an UPDATE or DELETE sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplicaIdentity {
    /// The primary key, if there is one.
    Default,
    Index,
    Full,
    /// All of them, and the whole row stands in for a key, as the table has none.
    WholeRow,
    Nothing,
}

/// A published table. `columns` are the published ones, in the order in which tuples carry them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    pub id: TableId,
    pub name: TableName,
    pub columns: Vec<Column>,
    /// Indexes into `columns`: the columns that tell rows apart, in key order. Empty: no key.
    pub key: Vec<usize>,
    pub identity: ReplicaIdentity,
    /// Indexes into `columns`: those that ClickHouse keeps as JSON, which takes nothing but objects.
    pub objects: Vec<usize>,
    /// Those that are kept nowhere, not in quarantine either.
    pub excluded: Vec<usize>,
    /// What a column does with a value that it cannot carry, where that was chosen.
    pub rules: BTreeMap<usize, Rule>,
    pub written: Written,
}

impl Table {
    /// Without a key, and with nothing that the user chose for it.
    pub fn new(id: TableId, name: TableName, columns: Vec<Column>) -> Table {
        Table {
            id,
            name,
            columns,
            key: Vec::new(),
            identity: ReplicaIdentity::Default,
            objects: Vec::new(),
            excluded: Vec::new(),
            rules: BTreeMap::new(),
            written: Written::default(),
        }
    }
}

/// What is done with a value that ClickHouse cannot carry exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// Its row is set aside with the reason. The rule of everything but times.
    Quarantine,
    /// It becomes NULL, or the column's default.
    Null,
    /// A time becomes the nearest that there is. The rule of times.
    Clamp,
    /// The table stops.
    Stop,
}

impl Rule {
    pub const ALL: [Rule; 4] = [Rule::Quarantine, Rule::Null, Rule::Clamp, Rule::Stop];

    pub fn name(self) -> &'static str {
        match self {
            Rule::Quarantine => "quarantine",
            Rule::Null => "null",
            Rule::Clamp => "clamp",
            Rule::Stop => "stop",
        }
    }

    pub fn from_name(name: &str) -> Option<Rule> {
        Rule::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

/// When the rows of a table were last written all together, as far as the catalog tells. VACUUM FULL
/// and CLUSTER leave another file and the columns' descriptions as they were. What gives rows other
/// values without a word in the log (a type USING an expression, a default that is computed) leaves
/// both changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// 0: it has none of its own.
    pub file: u64,
    pub columns: u64,
    /// The highest `attnum` that any of its columns has or had, published or not.
    pub attributes: i16,
    /// The entry of the publication, which is another one with another filter or list; 0: of all tables.
    pub published: u32,
    /// Of a partitioned table that is sent as one: where its rows are.
    pub leaves: Vec<Leaf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaf {
    pub id: TableId,
    pub file: u32,
    /// It was attached and has rows, which may be older than that.
    pub brought_rows: bool,
}

impl Written {
    /// Whether rows may have got other values since.
    pub fn may_differ_from(&self, before: &Written) -> bool {
        self.file != before.file && self.columns != before.columns
    }

    /// Whether a partition came with rows of its own, which are in nobody's log.
    pub fn has_gained(&self, before: &Written) -> bool {
        let is_new = |leaf: &Leaf| before.leaves.iter().all(|other| other.id != leaf.id);
        self.leaves.iter().any(|leaf| leaf.brought_rows && is_new(leaf))
    }

    /// Whether a partition went, or was emptied or rewritten by itself: its rows went unsaid.
    pub fn has_lost(&self, before: &Written) -> bool {
        let is_there = |leaf: &Leaf| {
            self.leaves.iter().any(|other| (other.id, other.file) == (leaf.id, leaf.file))
        };
        !before.leaves.iter().all(is_there)
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    pub name: String,
    /// `pg_attribute.attnum`: survives a rename.
    pub attnum: i16,
    pub type_oid: u32,
    pub typmod: i32,
    pub pg: PgType,
    /// Postgres's own spelling of the type, for messages and comments: `numeric(10,2)`.
    pub type_name: String,
    pub not_null: bool,
}

impl Column {
    /// The first of a table's, which may be NULL.
    pub fn new(name: impl Into<String>, pg: PgType) -> Column {
        Column {
            name: name.into(),
            attnum: 1,
            type_oid: 0,
            typmod: -1,
            pg,
            type_name: String::new(),
            not_null: false,
        }
    }

    /// Whether it is the same at the source, however either is kept.
    pub fn is_same(&self, other: &Column) -> bool {
        let as_at_source = |column: &Column| match &column.pg {
            PgType::AsText(pg) => Column { pg: (**pg).clone(), ..column.clone() },
            _ => column.clone(),
        };
        self == other || as_at_source(self) == as_at_source(other)
    }

    /// The declared dimensions of an array.
    pub fn dimensions(&self) -> u8 {
        match &self.pg {
            PgType::Array(_, dimensions) => *dimensions,
            PgType::AsText(pg) => match **pg {
                PgType::Array(_, dimensions) => dimensions,
                _ => 0,
            },
            _ => 0,
        }
    }
}

impl Table {
    /// Whether both have the same columns at the source, in the same order.
    pub fn has_columns_of(&self, other: &Table) -> bool {
        self.columns.len() == other.columns.len()
            && self.columns.iter().zip(&other.columns).all(|(mine, theirs)| mine.is_same(theirs))
    }

    pub fn has_key(&self) -> bool {
        !self.key.is_empty()
    }

    /// Whether the whole row stands in for a key (REPLICA IDENTITY FULL without one): identical rows
    /// cannot be told apart.
    pub fn is_its_own_key(&self) -> bool {
        self.identity == ReplicaIdentity::WholeRow && self.has_key()
    }

    /// The key that the source declares.
    pub fn declared_key(&self) -> &[usize] {
        if self.is_its_own_key() { &[] } else { &self.key }
    }

    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The rule that was chosen for a column.
    pub fn rule(&self, at: usize) -> Option<Rule> {
        self.rules.get(&at).copied()
    }
}

/// How a table is kept in ClickHouse.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// Entities: the current row of each key.
    #[default]
    Mirror,
    /// Facts: every row once, never changed.
    Append,
    /// Every change of an entity, a row each.
    History,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Mode::Mirror => "mirror",
            Mode::Append => "append",
            Mode::History => "history",
        }
    }

    pub fn from_name(name: &str) -> Option<Mode> {
        [Mode::Mirror, Mode::Append, Mode::History].into_iter().find(|mode| mode.name() == name)
    }
}

/// What an append table does with an UPDATE at the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnUpdate {
    /// The first value stays; it is counted.
    #[default]
    Ignore,
    /// The row after it is one more row.
    Append,
    /// The row after it takes the place of the one before.
    Apply,
}

impl OnUpdate {
    pub const ALL: [OnUpdate; 3] = [OnUpdate::Ignore, OnUpdate::Append, OnUpdate::Apply];

    pub fn name(self) -> &'static str {
        match self {
            OnUpdate::Ignore => "ignore",
            OnUpdate::Append => "append",
            OnUpdate::Apply => "apply",
        }
    }
}

/// What `[tables."schema.table"]` says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TableOptions {
    pub mode: Mode,
    /// `database.table`; absent: the source's own names.
    pub target: Option<TableName>,
    pub order_by: Vec<String>,
    pub partition_by: Option<String>,
    pub ttl: Option<String>,
    /// ClickHouse columns that the engine fills itself: name to `TYPE DEFAULT expression`.
    pub extra_columns: BTreeMap<String, String>,
    pub columns: BTreeMap<String, ColumnOptions>,
    /// A mirror that keeps what is deleted at the source: an archive.
    pub keeps_deletes: bool,
    /// Absent: a mirror that is no archive applies a TRUNCATE, the others keep their rows.
    pub keeps_truncated: Option<bool>,
    /// Of an append table.
    pub on_update: OnUpdate,
}

impl TableOptions {
    /// Whether rows that are truncated at the source stay.
    pub fn survives_truncate(&self) -> bool {
        self.keeps_truncated.unwrap_or(self.keeps_deletes || self.mode != Mode::Mirror)
    }
}

/// What `[tables."schema.table".columns] name = { … }` says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ColumnOptions {
    pub name: Option<String>,
    /// A ClickHouse type; the engine converts from the natural one.
    pub clickhouse_type: Option<String>,
    pub exclude: bool,
    /// Absent: the type's own rule.
    pub on_unrepresentable: Option<Rule>,
    /// A ClickHouse expression: what a NULL becomes in a column that has none.
    pub default: Option<String>,
}
