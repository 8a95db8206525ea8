//! Messages that nobody can read, kept aside whole: with their place, and the reason.

use crate::quarantine::Kept;
use crate::retry::patiently;
use crate::status::Status;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bus::consume::{Place, Poison};
use model::Result;
use serde::{Deserialize, Serialize};
use store::{Rows, Store};

const COLUMNS: &str =
    "millrace.quarantine (source_table, id, version, op, column, reason, row, key)";

/// What the quarantine calls them: no table is known.
pub(super) const OP: &str = "message";

/// What is wrong with the message, without where it is: that stands beside it, and those of one reason are counted
/// together.
fn alike(reason: &str) -> &str {
    let behind = reason.strip_prefix("read offset ").and_then(|rest| rest.split_once("]: "));
    behind.map_or(reason, |(_, what)| what)
}

/// A larger one stays in its topic, for as long as that keeps it.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// As the quarantine has it.
#[derive(Serialize, Deserialize)]
struct Body {
    topic: String,
    partition: i32,
    offset: i64,
    timestamp_ms: i64,
    key_base64: Option<String>,
    value_base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new_key_base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    old_key_base64: Option<String>,
    /// It was larger than what is kept: only the topic has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_out_bytes: Option<usize>,
}

const LISTED: &str = "topic ";

/// What the messages of a topic are listed under.
pub(super) fn listed(topic: &str) -> String {
    format!("{LISTED}{topic}")
}

pub(super) fn is_listed(name: &str) -> bool {
    name.starts_with(LISTED)
}

/// Each once, however often it comes.
pub(super) async fn record(store: &dyn Store, status: &Status, poison: &[Poison]) -> Result<()> {
    if poison.is_empty() {
        return Ok(());
    }
    let rows: Rows = poison.iter().map(row).collect();
    patiently(status, || store.record(COLUMNS, rows.clone())).await?;
    let first = &poison[0];
    tracing::warn!(
        topic = %first.place.topic, partition = first.place.partition, offset = first.offset,
        messages = poison.len(), why = %first.reason,
        "messages that cannot be read: millrace quarantine list"
    );
    Ok(())
}

fn row(poison: &Poison) -> Vec<Option<String>> {
    let Poison { place, offset, version, timestamp_ms, key, value, new_key, old_key, reason } =
        poison;
    let bytes = [key, value, new_key, old_key];
    let bytes: usize = bytes.iter().map(|bytes| bytes.as_ref().map_or(0, Vec::len)).sum();
    let is_kept = bytes <= KEPT_BYTES_MAX;
    let encoded = |bytes: &Option<Vec<u8>>| {
        bytes.as_ref().filter(|_| is_kept).map(|bytes| STANDARD.encode(bytes))
    };
    let body = Body {
        topic: place.topic.to_string(),
        partition: place.partition,
        offset: *offset,
        timestamp_ms: *timestamp_ms,
        key_base64: encoded(key),
        value_base64: encoded(value),
        new_key_base64: encoded(new_key),
        old_key_base64: encoded(old_key),
        left_out_bytes: (!is_kept).then_some(bytes),
    };
    let fields = [
        listed(&place.topic),
        format!("kafka {}/{offset}", place.partition),
        version.0.to_string(),
        OP.to_owned(),
        String::new(),
        alike(reason).to_owned(),
        serde_json::to_string(&body).expect("texts and numbers"),
        String::new(),
    ];
    fields.map(Some).to_vec()
}

/// A message as it was, and whether its bytes have to be asked of its topic.
pub(super) fn read(kept: &Kept) -> Option<(Poison, bool)> {
    let body: Body = serde_json::from_str(&kept.row).ok()?;
    let decoded = |text: Option<String>| text.map(|text| STANDARD.decode(text)).transpose().ok();
    let poison = Poison {
        place: Place { topic: body.topic.into(), partition: body.partition },
        offset: body.offset,
        version: kept.version,
        timestamp_ms: body.timestamp_ms,
        key: decoded(body.key_base64)?,
        value: decoded(body.value_base64)?,
        new_key: decoded(body.new_key_base64)?,
        old_key: decoded(body.old_key_base64)?,
        reason: kept.reason.clone(),
    };
    Some((poison, body.left_out_bytes.is_some()))
}

#[cfg(test)]
mod tests {
    use super::alike;

    #[test]
    fn messages_of_one_reason_have_one() {
        let reason = "read offset 7 of shop.public.t[0]: it is no JSON\ndetail: It is no UTF-8.";
        assert_eq!(alike(reason), "it is no JSON\ndetail: It is no UTF-8.");
        assert_eq!(alike("something else"), "something else");
    }
}
