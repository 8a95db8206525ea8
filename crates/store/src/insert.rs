//! The text of an INSERT whose data follows: the same in both homes, which add how the data comes.

use crate::{Insert, Target, ddl, native};
use model::Mode;

/// One block stays one part a partition, whatever its size. Of many partitions, such as some years by
/// day, but not of so many that it takes the place of most tokens that are remembered.
const ONE_BLOCK: &str = "async_insert = 0, max_insert_block_size = 100000000, \
    min_insert_block_size_rows = 100000000, min_insert_block_size_bytes = 4000000000, \
    max_partitions_per_insert_block = 2000";

/// Of a block; [`native::encode`] makes the data.
pub(crate) fn of_block(insert: &Insert) -> String {
    let target = &insert.target;
    let mode = match target.mode {
        // Duplicates wait for the merge: nearly twice the rate, and FINAL gives the same result.
        Mode::Mirror | Mode::History => "optimize_on_insert = 0",
        Mode::Append => "insert_allow_materialized_columns = 1",
    };
    let token = insert.token.as_ref().map_or(String::new(), |token| {
        format!(", insert_deduplication_token = {}", ddl::literal(&token.name))
    });
    let columns = native::column_names(target).join(", ");
    let defaults = u8::from(native::needs_defaults(target));
    format!(
        "INSERT INTO {} ({columns}) SETTINGS {ONE_BLOCK}, {mode}, \
         input_format_null_as_default = {defaults}{token}",
        ddl::name(&target.rows)
    )
}

/// Of rows of our own tables; [`crate::tsv::write`] makes the data.
pub(crate) fn of_record(into: &str) -> String {
    format!("INSERT INTO {into} SETTINGS async_insert = 0")
}

/// The columns of rows that go with a question, as [`native::encode`] sends them.
pub(crate) fn columns_beside(target: &Target) -> String {
    let columns = target.columns.iter();
    let columns =
        columns.map(|column| format!("{} {}", ddl::ident(&column.name), column.clickhouse));
    let own = ddl::own_columns(target).into_iter().map(|(name, ty)| format!("{name} {ty}"));
    columns.chain(own).collect::<Vec<_>>().join(", ")
}

/// What is being done, for an error.
pub(crate) fn doing(into: &str) -> String {
    format!("write {}", into.split(' ').next().unwrap_or(into))
}
