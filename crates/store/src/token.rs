//! What makes a second arrival of a block recognisable: to ClickHouse, and where its word is not enough, to us.
//!
//! A server's rows say which token their block had: the server works that out itself as it takes a block
//! ([`column`]). A block whose token no longer stands for its rows goes under another name of it ([`Token::renamed`]),
//! which says the same there.

use crate::ddl;

/// Of a server's rows.
pub(crate) const COLUMN: &str = "_insert_token";
/// What stands before the name of before: this, 16 hexadecimal digits, a colon.
const RENAMED: &str = "again:";
/// What names begin with since rows tell them: those of before told none.
const TOLD: &str = "2:";

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    pub name: String,
    /// A process of before may have sent the block.
    pub again: bool,
}

impl Token {
    /// A new name, of that.
    pub fn name(of: impl std::fmt::Display) -> String {
        format!("{TOLD}{of}")
    }

    pub(crate) fn is_told_by_rows(&self) -> bool {
        self.name.starts_with(TOLD)
    }

    pub fn first(name: impl Into<String>) -> Token {
        Token { name: name.into(), again: false }
    }

    pub fn again(name: impl Into<String>) -> Token {
        Token { name: name.into(), again: true }
    }

    /// For the same block; `digits`: 16 that nobody had.
    pub(crate) fn renamed(&self, digits: &str) -> Token {
        Token { name: format!("{RENAMED}{digits}:{}", self.name), again: self.again }
    }

    /// The condition on rows of the block, whichever name they came under.
    pub(crate) fn which(&self) -> String {
        format!("{COLUMN} = cityHash64({})", ddl::literal(&self.name))
    }
}

/// The column's definition.
pub(crate) fn column() -> String {
    format!(
        "`{COLUMN}` UInt64 MATERIALIZED cityHash64(replaceRegexpOne(\
         getSetting('insert_deduplication_token'), '^{RENAMED}[0-9a-f]{{16}}:', '')) CODEC(ZSTD(1))"
    )
}
