//! `engine.xml`: what the engine reads when it opens.

use std::path::Path;

/// Smaller parts keep their columns in one file: an insert of a large block makes and syncs two
/// files, not two a column.
const WIDE_PART_BYTES: u64 = 64 << 20;
/// So many parts of a size are merged at once, twice the engine's default: a stream makes parts all
/// the time, and half as many merges leave a third more CPU to everything else.
const MERGE_BASE: u32 = 10;
/// Merges give way to the stream, to queries and to a Postgres on the same machine.
const MERGE_NICE: u32 = 10;

/// On a terminal the engine would print a fatal line for every insert stream that closes (its thread
/// status is not the current one then, which harms nothing); elsewhere it prints nothing anyway.
pub(super) fn xml(memory: u64, users: &Path) -> String {
    let users = users.display();
    let marks = (memory / 16).min(1 << 30);
    format!(
        "<clickhouse>
  <logger><level>fatal</level><console>false</console></logger>
  <users_config>{users}</users_config>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <mark_cache_size>{marks}</mark_cache_size>
  <primary_index_cache_size>{marks}</primary_index_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <os_threads_nice_value_merge_mutate>{MERGE_NICE}</os_threads_nice_value_merge_mutate>
  <merge_tree>
    <min_bytes_for_wide_part>{WIDE_PART_BYTES}</min_bytes_for_wide_part>
    <merge_selector_base>{MERGE_BASE}</merge_selector_base>
  </merge_tree>
</clickhouse>
"
    )
}
