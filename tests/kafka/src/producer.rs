//! Writes messages as any client does.

use crate::Broker;
use harness::PATIENCE;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};
use std::sync::Mutex;
use std::time::Duration;

/// The queue holds 100,000 messages: the next one waits that long for its place.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// What is left out is null, and the partition the key's.
#[derive(Clone, Copy, Default)]
pub struct Record<'a> {
    pub topic: &'a str,
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

pub struct Producer(ThreadedProducer<Deliveries>);

/// The first that failed.
#[derive(Default)]
struct Deliveries(Mutex<Option<KafkaError>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.0.lock().expect("nobody panics here").get_or_insert_with(|| error.clone());
        }
    }
}

impl Broker {
    /// Which may write everything.
    pub fn producer(&self) -> Producer {
        Producer::with(&self.internal_client())
    }
}

impl Producer {
    /// With a client's own settings: [`Broker::client`] and what the test adds.
    pub fn with(config: &ClientConfig) -> Producer {
        Producer(config.create_with_context(Deliveries::default()).expect("a client"))
    }

    /// Returns before it is there: see [`Producer::flush`].
    #[track_caller]
    pub fn send(&self, message: Record<'_>) {
        let mut headers = OwnedHeaders::new();
        for (key, value) in message.headers {
            headers = headers.insert(Header { key, value: *value });
        }
        let mut record = BaseRecord::<[u8], [u8]>::to(message.topic);
        if !message.headers.is_empty() {
            record = record.headers(headers);
        }
        record.partition = message.partition;
        record.key = message.key;
        record.payload = message.value;
        loop {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            record = match self.0.send(record) {
                Ok(()) => return,
                Err((error, back)) if error == full => back,
                Err((error, _)) => panic!("{}: {error}", message.topic),
            };
            std::thread::sleep(QUEUE_PAUSE);
        }
    }

    /// Returns once every message is there.
    #[track_caller]
    pub fn flush(&self) {
        self.try_flush().unwrap_or_else(|error| panic!("a message did not arrive: {error}"));
    }

    /// The first error since the last time.
    pub fn try_flush(&self) -> Result<(), KafkaError> {
        self.0.flush(PATIENCE)?;
        let failed = self.0.context().0.lock().expect("nobody panics here").take();
        failed.map_or(Ok(()), Err)
    }
}
