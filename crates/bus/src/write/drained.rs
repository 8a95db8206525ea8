//! librdkafka's own flush, which rdkafka does not hand on: its wrapper asks with no time at all, and looks again
//! every 100 ms.

use rdkafka::bindings;
use rdkafka::client::{Client, ClientContext};
use rdkafka::types::RDKafkaRespErr;
use std::time::Duration;

/// What the client has is sent without lingering; whether all of it is answered, in that time. A message that failed
/// is not answered until its event was taken, so that `true` means that all errors were heard of; with
/// `delivery.report.only.error`, only those have one.
#[allow(unsafe_code)]
pub(super) fn is_drained<C: ClientContext>(client: &Client<C>, most: Duration) -> bool {
    let most_ms = i32::try_from(most.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the pointer is of a client that is borrowed for as long as the call takes; the call may be made on any
    // thread, and keeps nothing.
    let answer = unsafe { bindings::rd_kafka_flush(client.native_ptr(), most_ms) };
    answer == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}
