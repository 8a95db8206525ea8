//! How far each partition is: measured, never derived.

use super::offsets::{self, Position};
use crate::status::{KafkaReport, PartitionReport, Status, now_us};
use bus::consume::{ConsumerOptions, Control, Place};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Whoever knows how far the topics are read.
pub(super) trait Shows: Send + Sync {
    fn report(&self, status: &Status) -> KafkaReport;

    /// How a person has a topic read again.
    fn to_earliest(&self) -> String;
}

/// Written by the loop, read by whoever asks.
pub(super) struct Shown {
    brokers: String,
    group: String,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    control: Option<Arc<Control>>,
    applied: BTreeMap<Place, i64>,
    poison: u64,
    missed: u64,
}

impl Shown {
    pub(super) fn new(options: &ConsumerOptions) -> Shown {
        let (brokers, group) = (options.brokers.clone(), options.group.clone());
        Shown { brokers, group, inner: Mutex::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn set_control(&self, control: Arc<Control>) {
        let mut inner = self.lock();
        inner.control = Some(control);
        inner.applied.clear();
    }

    pub(super) fn set_positions(&self, positions: &BTreeMap<Place, Position>) {
        let applied = positions.iter().map(|(place, at)| (place.clone(), at.recordable()));
        self.lock().applied = applied.collect();
    }

    pub(super) fn count_poison(&self, messages: u64) {
        self.lock().poison += messages;
    }

    pub(super) fn count_missed(&self, messages: u64) {
        self.lock().missed += messages;
    }
}

impl Shows for Shown {
    fn to_earliest(&self) -> String {
        offsets::to_earliest(&self.brokers, &self.group, "TOPIC")
    }

    fn report(&self, status: &Status) -> KafkaReport {
        let inner = self.lock();
        let lags = inner.control.as_ref().map(|control| control.lag()).unwrap_or_default();
        let trouble = inner.control.as_ref().and_then(|control| control.trouble());
        let now_ms = now_us() / 1000;
        let partition = |(place, lag): (&Place, &bus::consume::Lag)| {
            let applied = inner.applied.get(place).copied().unwrap_or(lag.next);
            // Marks of transactions at the end are no messages.
            let is_all = lag.next >= lag.end && applied >= lag.read;
            let offset = if is_all { lag.end } else { applied };
            let behind = lag.end.saturating_sub(offset).max(0) as u64;
            let seconds = match behind {
                0 => 0.0,
                _ => (now_ms - lag.read_ms).max(0) as f64 / 1000.0,
            };
            PartitionReport {
                topic: place.topic.to_string(),
                partition: place.partition,
                offset,
                end: lag.end,
                lag_messages: behind,
                lag_seconds: if lag.read_ms == 0 { 0.0 } else { seconds },
            }
        };
        let partitions: Vec<PartitionReport> = lags.iter().map(partition).collect();
        let of_status = status.report().source;
        KafkaReport {
            engine: "millrace",
            brokers: self.brokers.clone(),
            group: self.group.clone(),
            connected: of_status.connected && trouble.is_none(),
            lag_messages: partitions.iter().map(|partition| partition.lag_messages).sum(),
            lag_seconds: partitions.iter().map(|p| p.lag_seconds).fold(0.0, f64::max),
            partitions,
            messages_read: None,
            rebalances: None,
            poison_messages: inner.poison,
            missed_messages: inner.missed,
            last_error: trouble.or(of_status.last_error),
        }
    }
}
