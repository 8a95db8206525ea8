//! Messages that cannot be read are set aside, and the others go on.

use super::support::{Topic, settle, start, stored};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_is_set_aside_with_its_place() {
    let topic = Topic::new("kx", "users", 1);
    topic.insert(json!({"id": 1, "name": "a"}));
    topic.send_bytes(Some(b"{\"id\":2}"), Some("{\"before\":null,\"after\":{\"id\":2".into()));
    topic.send_bytes(Some(b"\x00\x01"), Some("no json".into()));
    topic.insert(json!({"id": 3, "name": "c"}));
    topic.flush();
    let kafka = start(&topic.options());
    settle(&kafka, &topic).await;
    assert_eq!(
        stored("SELECT groupArray(id) FROM (SELECT id FROM kx.users ORDER BY id)").await,
        "[1,3]"
    );
    let kept = stored(
        "SELECT source_table, id, op, JSONExtractInt(row, 'offset'), base64Decode(JSONExtractString(row, 'value_base64')) \
         FROM millrace.quarantine FINAL WHERE source_table = 'topic dbz.kx.users' ORDER BY id",
    )
    .await;
    assert_eq!(
        kept,
        "topic dbz.kx.users|kafka 0/1|message|1|{\"before\":null,\"after\":{\"id\":2\n\
         topic dbz.kx.users|kafka 0/2|message|2|no json"
    );
    let (_, shown) = kafka.handle().report();
    assert_eq!((shown.poison_messages, shown.lag_messages), (2, 0));
    kafka.shutdown().await.unwrap();
}

/// A value that its column does not hold is set aside as one of the stream's is: the row of before goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_does_not_fit_sets_its_row_aside() {
    let topic = Topic::new("kv", "users", 1);
    topic.insert(json!({"id": 1, "age": 30}));
    topic.insert(json!({"id": 2, "age": 31}));
    topic.update(json!({"id": 1, "age": "thirty"}));
    topic.flush();
    let kafka = start(&topic.options());
    settle(&kafka, &topic).await;
    assert_eq!(stored("SELECT id, age FROM kv.users").await, "2|31");
    assert_eq!(
        stored("SELECT column, key FROM millrace.quarantine FINAL WHERE source_table = 'kv.users'")
            .await,
        "age|[\"1\"]"
    );
    kafka.shutdown().await.unwrap();
}
