//! What is said of a statement.

use model::TableName;

/// How much a statement asks of people. A finding has the higher one of what it does to the mirror
/// and of what it does to the lock queue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Nobody notices: no row of a mirror changes its meaning, and nobody waits for long.
    Safe,
    /// The mirror follows by itself; what reads it may have to follow too. Also advice that costs a line.
    Followed,
    /// Wants a plan: the table is copied again, stops, or loses something, or its writers wait while
    /// it is rewritten or read.
    Plan,
}

impl Level {
    pub const ALL: [Level; 3] = [Level::Safe, Level::Followed, Level::Plan];

    pub fn name(self) -> &'static str {
        match self {
            Level::Safe => "safe",
            Level::Followed => "followed",
            Level::Plan => "plan",
        }
    }
}

/// Postgres's table locks, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Lock {
    AccessShare,
    RowShare,
    RowExclusive,
    ShareUpdateExclusive,
    Share,
    ShareRowExclusive,
    Exclusive,
    AccessExclusive,
}

impl Lock {
    /// As the manual writes it.
    pub fn name(self) -> &'static str {
        match self {
            Lock::AccessShare => "ACCESS SHARE",
            Lock::RowShare => "ROW SHARE",
            Lock::RowExclusive => "ROW EXCLUSIVE",
            Lock::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Lock::Share => "SHARE",
            Lock::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Lock::Exclusive => "EXCLUSIVE",
            Lock::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    pub fn blocks_writers(self) -> bool {
        self >= Lock::Share
    }

    pub fn blocks_readers(self) -> bool {
        self == Lock::AccessExclusive
    }
}

/// What the server does to the table's rows while it holds the lock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Work {
    /// The catalog only.
    Moment,
    /// Every row is read: a check, or an index that is built.
    Scan,
    /// Every row is written anew, and every index.
    Rewrite,
}

impl Work {
    pub fn name(self) -> &'static str {
        match self {
            Work::Moment => "moment",
            Work::Scan => "scan",
            Work::Rewrite => "rewrite",
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    pub table: TableName,
    pub lock: Lock,
    pub work: Work,
}

impl Held {
    fn level(&self) -> Level {
        match self.work != Work::Moment && self.lock.blocks_writers() {
            true => Level::Plan,
            false => Level::Safe,
        }
    }
}

/// What its readers do not find any more, or find otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Touched {
    Column(TableName, String),
    Table(TableName),
    Schema(String),
    /// Every table of the source but these, and those of these schemas.
    AllBut {
        tables: Vec<TableName>,
        schemas: Vec<String>,
    },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Counted from 1.
    pub line: usize,
    /// For programs: `add_column`, `type_change`.
    pub code: &'static str,
    pub what: String,
    /// The table that it is about, if it is about one.
    pub table: Option<TableName>,
    mirror_level: Level,
    /// What becomes of the mirror. Empty: nothing.
    pub mirror: String,
    /// What queries on ClickHouse may name.
    pub touched: Vec<Touched>,
    pub locks: Vec<Held>,
    /// The additive-first way, or what to do as well.
    pub instead: Option<String>,
}

impl Finding {
    pub(crate) fn new(code: &'static str, what: impl Into<String>) -> Finding {
        Finding {
            line: 0,
            code,
            what: what.into(),
            table: None,
            mirror_level: Level::Safe,
            mirror: String::new(),
            touched: Vec::new(),
            locks: Vec::new(),
            instead: None,
        }
    }

    pub(crate) fn about(mut self, table: &TableName) -> Finding {
        self.table = Some(table.clone());
        self
    }

    /// About the table, and locking it.
    pub(crate) fn locking(self, table: &TableName, lock: Lock, work: Work) -> Finding {
        self.about(table).also_locking(table, lock, work)
    }

    pub(crate) fn also_locking(mut self, table: &TableName, lock: Lock, work: Work) -> Finding {
        self.locks.push(Held { table: table.clone(), lock, work });
        self
    }

    pub(crate) fn mirror(mut self, level: Level, mirror: impl Into<String>) -> Finding {
        self.mirror_level = level;
        self.mirror = mirror.into();
        self
    }

    pub(crate) fn touching(mut self, touched: Touched) -> Finding {
        self.touched.push(touched);
        self
    }

    pub(crate) fn touching_all(mut self, touched: impl IntoIterator<Item = Touched>) -> Finding {
        self.touched.extend(touched);
        self
    }

    pub(crate) fn touching_column(self, table: &TableName, column: &str) -> Finding {
        self.touching(Touched::Column(table.clone(), column.to_owned()))
    }

    pub(crate) fn at_least(mut self, level: Level) -> Finding {
        self.mirror_level = self.mirror_level.max(level);
        self
    }

    pub(crate) fn instead(mut self, instead: impl Into<String>) -> Finding {
        self.instead = Some(instead.into());
        self
    }

    /// Nobody reads or writes it yet: no lock of it is waited for, and what it is like is copied later.
    pub(crate) fn forget_locks_of(&mut self, is_new: impl Fn(&TableName) -> bool) {
        self.locks.retain(|held| !is_new(&held.table));
    }

    pub(crate) fn forget_mirror(&mut self) {
        self.mirror_level = Level::Safe;
        self.mirror.clear();
        self.touched.clear();
    }

    pub(crate) fn forget_instead(&mut self) {
        self.instead = None;
    }

    pub fn level(&self) -> Level {
        let locks = self.locks.iter().map(Held::level).max();
        self.mirror_level.max(locks.unwrap_or(Level::Safe))
    }
}
