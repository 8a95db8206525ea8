//! What librdkafka tells of by the way: deliveries that failed, brokers that refuse us. And where a
//! message goes among a topic's partitions.

use super::murmur::partition;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message as _;
use rdkafka::producer::{DeliveryResult, Partitioner, ProducerContext};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
pub(super) struct Context {
    told: Mutex<Told>,
    by_key: ByKey,
}

#[derive(Debug, Default)]
pub(super) struct Told {
    /// The first message of a batch that was not delivered, and to which topic.
    pub undelivered: Option<(KafkaError, String)>,
    /// What no waiting helps: who we are, or how we speak.
    pub refused: Option<(Code, String)>,
    /// Of a broker that is not reached, why.
    pub last_words: Option<String>,
}

impl Context {
    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {
    /// What matters comes as an error of a call.
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "librdkafka: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "librdkafka: {reason}");
        let code = error.rdkafka_error_code();
        // That all brokers are away says less than what was said of the last.
        if code != Some(Code::AllBrokersDown) {
            self.told().last_words = Some(reason.to_owned());
        }
        if let Some(code) = code
            && matches!(
                code,
                Code::Authentication
                    | Code::SaslAuthenticationFailed
                    | Code::UnsupportedSASLMechanism
                    | Code::SSL
            )
        {
            self.told().refused = Some((code, reason.to_owned()));
        }
    }
}

impl ProducerContext<ByKey> for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let mut told = self.told();
            // Those that are thrown away behind the first tell nothing.
            let is_purged =
                matches!(error.rdkafka_error_code(), Some(Code::PurgeQueue | Code::PurgeInflight));
            if told.undelivered.is_none() && !is_purged {
                told.undelivered = Some((error.clone(), message.topic().to_owned()));
            }
        }
    }

    fn get_custom_partitioner(&self) -> Option<&ByKey> {
        Some(&self.by_key)
    }
}

/// As Kafka's Java producer has it, and one partition a topic for what has no key.
#[derive(Debug, Default)]
pub(super) struct ByKey;

impl Partitioner for ByKey {
    fn partition(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        count: i32,
        _: impl Fn(i32) -> bool,
    ) -> i32 {
        partition(topic, key, count)
    }
}
