//! A message of a topic, where the client has it.

/// One message. What it says is read where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    /// When it was produced, in milliseconds since 1970.
    pub timestamp_ms: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Of a key that changed: `__debezium.newkey` and `__debezium.oldkey`, as the key is serialized.
    pub new_key: Option<&'a [u8]>,
    pub old_key: Option<&'a [u8]>,
}
