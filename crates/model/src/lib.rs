//! The words that every other crate speaks: log positions, tables, columns, blocks of changes and
//! errors with a fate. Nothing here does I/O, so nothing here can fail for a reason outside itself.

mod lsn;

pub use lsn::{Lsn, ParseLsnError, Version};
