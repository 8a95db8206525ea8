//! Pieces of a heap that are copied by themselves, so that several connections share a table and an
//! interrupted copy goes on with what is missing.

use crate::client::pg_error;
use model::{Result, TableId};
use tokio_postgres::Client;

/// 32 MiB of heap: long enough to drown the statement's cost, short enough to lose.
pub const PAGES_PER_RANGE: u32 = 4096;

/// A table's pages on disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heap {
    /// Another one means that the rows lie elsewhere now: ranges of before say nothing any more.
    pub relfilenode: u32,
    pub pages: u32,
}

/// `None`: no heap of its own (partitioned, or another access method); copy it whole.
pub async fn pages(client: &Client, table: TableId) -> Result<Option<Heap>> {
    let sql = "
        select pg_relation_filenode(c.oid),
               pg_relation_size(c.oid) / current_setting('block_size')::int8
          from pg_class c join pg_am m on m.oid = c.relam
         where c.oid = $1 and c.relkind = 'r' and m.amname = 'heap'";
    let row = client.query_opt(sql, &[&table.0]).await;
    let row = row.map_err(|error| pg_error("measure a table", error))?;
    Ok(row.map(|row| Heap {
        relfilenode: row.get::<_, Option<u32>>(0).unwrap_or(0),
        pages: u32::try_from(row.get::<_, i64>(1)).unwrap_or(u32::MAX),
    }))
}

/// Pages `from_page..to_page`; without an end, whatever comes after as well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Range {
    pub from_page: u32,
    pub to_page: Option<u32>,
}

/// Cuts a heap. The last range is open: the heap may have grown since it was measured.
pub fn ranges(pages: u32, per_range: u32) -> Vec<Range> {
    let starts: Vec<u32> = (0..pages.max(1)).step_by(per_range.max(1) as usize).collect();
    let ends = starts.iter().skip(1).copied().map(Some).chain([None]);
    starts.iter().zip(ends).map(|(&from_page, to_page)| Range { from_page, to_page }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_every_page_once_and_end_open() {
        let range = |from_page, to_page| Range { from_page, to_page };
        assert_eq!(ranges(0, 10), [range(0, None)]);
        assert_eq!(ranges(10, 10), [range(0, None)]);
        assert_eq!(ranges(11, 10), [range(0, Some(10)), range(10, None)]);
        let many = ranges(u32::MAX, 1 << 20);
        assert_eq!((many.len(), many[4095].to_page), (4096, None));
        assert!(many.windows(2).all(|pair| pair[0].to_page == Some(pair[1].from_page)));
    }
}
