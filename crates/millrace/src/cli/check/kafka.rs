//! What `check` finds of topics.

use super::from_error;
use crate::config::Config;
use bus::preflight::{self, Preflight};
use model::words::counted;
use model::{Error, Result};
use source::preflight::{Finding, Level};

/// Of `[source.kafka]`.
pub(super) struct Topics {
    pub(super) findings: Vec<Finding>,
    pub(super) names: Vec<String>,
    /// For the verdict: `Kafka at k1:9092, 3 topics`.
    pub(super) about: String,
}

/// `None`: no topics are read.
pub(super) async fn look(config: &Config) -> Result<Option<Topics>> {
    let Some(options) = config.topics()? else { return Ok(None) };
    let consumer = options.consumer;
    let brokers = consumer.brokers.clone();
    let looked = tokio::task::spawn_blocking(move || preflight::run(&consumer)).await;
    let found =
        looked.map_err(|panic| Error::bug("the topics could not be looked at").source(panic))?;
    let topics = counted(found.topics.len() as u64, "topic");
    let about = format!("Kafka at {brokers}, {topics}");
    Ok(Some(Topics { findings: findings(&found, &about), names: found.topics, about }))
}

fn findings(found: &Preflight, about: &str) -> Vec<Finding> {
    let finding = |trouble: &preflight::Trouble| {
        let level = if trouble.stops { Level::Error } else { Level::Warning };
        Finding { level, ..from_error(trouble.code, &trouble.error) }
    };
    let mut findings: Vec<Finding> = found.troubles.iter().map(finding).collect();
    if !found.topics.is_empty() {
        let partitions = counted(found.partitions as u64, "partition");
        findings.push(Finding::new(Level::Note, "kafka", format!("{about}, {partitions}")));
    }
    findings
}
