//! `engine.xml`: what the engine reads when it opens.

use std::io::{Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Smaller parts keep their columns in one file: an insert of a large block makes and syncs two
/// files, not two a column.
const WIDE_PART_BYTES: u64 = 64 << 20;
/// So many parts of a size are merged at once, twice the engine's default: a stream makes parts all
/// the time, and half as many merges leave a third more CPU to everything else.
const MERGE_BASE: u32 = 10;
/// Merges give way to the stream, to queries and to a Postgres on the same machine.
const MERGE_NICE: u32 = 10;

/// Of consumers of the engine's own: how often they count how far they are, and how soon the group gives what a
/// killed process had to the next one (librdkafka's default is 45 s).
const KAFKA: [(&str, &str); 2] =
    [("statistics.interval.ms", "1000"), ("session.timeout.ms", "6000")];

/// On a terminal the engine would print a fatal line for every insert stream that closes (its thread
/// status is not the current one then, which harms nothing); elsewhere it prints nothing anyway.
pub(super) fn xml(memory: u64, users: &Path, kafka: &[(&str, String)]) -> String {
    let users = users.display();
    let of_kafka =
        KAFKA.into_iter().chain(kafka.iter().map(|(name, value)| (*name, value.as_str())));
    let of_kafka: String = of_kafka
        .map(|(name, value)| {
            let name = name.replace('.', "_");
            format!("    <{name}>{}</{name}>\n", escaped(value))
        })
        .collect();
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
  <kafka>
{of_kafka}  </kafka>
</clickhouse>
"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// For its owner alone: it may hold a password.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    // One of before may be open to others.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    options.create_new(true).write(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_kafka_is_xml_and_its_owners_alone() {
        let kafka = [("sasl.password", "a<b&c".to_owned())];
        let text = xml(1 << 30, Path::new("/users.xml"), &kafka);
        assert!(text.contains("<sasl_password>a&lt;b&amp;c</sasl_password>"), "{text}");
        assert!(text.contains("<session_timeout_ms>6000</session_timeout_ms>"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.xml");
        std::fs::write(&path, "old").unwrap();
        write(&path, &text).unwrap();
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
