//! Topics of a broker: made, grown, cut, removed.

use crate::Broker;
use futures_executor::block_on;
use harness::PATIENCE;
use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

impl Broker {
    #[track_caller]
    pub fn create_topic(&self, name: &str, partitions: u32, configs: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions as i32, TopicReplication::Fixed(1));
        for (key, value) in configs {
            topic = topic.set(key, value);
        }
        let (admin, patient) = self.admin();
        done("create", block_on(admin.create_topics([&topic], &patient)));
    }

    #[track_caller]
    pub fn delete_topic(&self, name: &str) {
        let (admin, patient) = self.admin();
        done("delete", block_on(admin.delete_topics(&[name], &patient)));
    }

    /// As `kafka-configs.sh --describe` says it.
    #[track_caller]
    pub fn config_of(&self, topic: &str, name: &str) -> Option<String> {
        let (admin, patient) = self.admin();
        let of = ResourceSpecifier::Topic(topic);
        let described = block_on(admin.describe_configs([&of], &patient)).expect("an answer");
        let configs = described.into_iter().next()?.expect("a topic");
        configs.entry_map().get(name)?.value.clone()
    }

    /// So that it has `partitions` then.
    #[track_caller]
    pub fn add_partitions(&self, topic: &str, partitions: u32) {
        let (admin, patient) = self.admin();
        let wanted = NewPartitions::new(topic, partitions as usize);
        done("add partitions to", block_on(admin.create_partitions([&wanted], &patient)));
    }

    /// As if they had expired: reads from before that offset are out of range.
    #[track_caller]
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let mut offsets = TopicPartitionList::new();
        offsets
            .add_partition_offset(topic, partition, Offset::Offset(before))
            .expect("an offset that there can be");
        let (admin, patient) = self.admin();
        let deleted = block_on(admin.delete_records(&offsets, &patient)).expect("it answers");
        for element in deleted.elements() {
            element.error().unwrap_or_else(|error| panic!("cannot delete of {topic}: {error}"));
        }
    }

    /// The first offset that is still there, and the next one to be written.
    #[track_caller]
    pub fn offsets(&self, topic: &str, partition: i32) -> (i64, i64) {
        let asking: BaseConsumer = self.internal_client().create().expect("a client");
        let offsets = asking.fetch_watermarks(topic, partition, PATIENCE);
        offsets.unwrap_or_else(|error| panic!("{topic}/{partition}: {error}"))
    }

    /// How far its partitions are, asked often.
    pub fn ends(&self, topic: &str) -> Ends {
        let mut config = self.internal_client();
        config.set("isolation.level", "read_committed");
        Ends { asking: config.create().expect("a client"), topic: topic.to_owned() }
    }

    #[track_caller]
    pub fn partitions(&self, topic: &str) -> usize {
        let asking: BaseConsumer = self.internal_client().create().expect("a client");
        let known = asking.fetch_metadata(Some(topic), PATIENCE).expect("the broker answers");
        known.topics().iter().map(|topic| topic.partitions().len()).sum()
    }

    /// What a group has committed, whose members are away.
    #[track_caller]
    pub fn set_offsets(&self, group: &str, topic: &str, offsets: &[i64]) {
        let mut config = self.internal_client();
        let member: BaseConsumer = config.set("group.id", group).create().expect("a client");
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets.iter().enumerate() {
            list.add_partition_offset(topic, partition as i32, Offset::Offset(*offset))
                .expect("an offset that there can be");
        }
        member.commit(&list, CommitMode::Sync).expect("nobody else is in the group");
    }

    fn admin(&self) -> (AdminClient<DefaultClientContext>, AdminOptions) {
        let admin = self.internal_client().create().expect("a client");
        // Answers when every broker knows of it.
        let patient = AdminOptions::new().request_timeout(Some(PATIENCE));
        (admin, patient.operation_timeout(Some(PATIENCE)))
    }
}

pub struct Ends {
    asking: BaseConsumer,
    topic: String,
}

impl Ends {
    /// Of its first partition: the next offset whose message is not committed; 0 without a topic.
    pub fn now(&self) -> i64 {
        self.asking.fetch_watermarks(&self.topic, 0, PATIENCE).map_or(0, |(_, end)| end)
    }
}

#[track_caller]
fn done(what: &str, results: KafkaResult<Vec<rdkafka::admin::TopicResult>>) {
    for result in results.expect("the broker answers") {
        result.unwrap_or_else(|(topic, error)| panic!("cannot {what} {topic}: {error}"));
    }
}
