//! What the consumer is told, with secrets in their place.

use super::Kafka;
use bus::consume::ConsumerOptions;
use bus::read::{Format, PlainColumn, PlainTopic, Reader, ReaderOptions};
use bus::registry::RegistryOptions;
use model::Result;

impl Kafka {
    pub(crate) fn consumer(
        &self,
        memory_bytes: usize,
        key_changes: bool,
    ) -> Result<ConsumerOptions> {
        let mut topics = self.topics.clone();
        // Whoever describes a topic wants it read.
        topics.extend(self.plain.keys().filter(|topic| !self.topics.contains(topic)).cloned());
        Ok(ConsumerOptions {
            brokers: self.brokers.resolve("source.kafka.brokers")?.expose().to_owned(),
            security: self.login.security()?,
            topics,
            group: self.group.clone(),
            reader: self.reader()?,
            key_changes,
            memory_bytes,
        })
    }

    /// What the connector reads.
    pub(crate) fn postgres(&self) -> Result<Option<source::Address>> {
        let Some(url) = &self.postgres else { return Ok(None) };
        let parsed = url.resolve("source.kafka.postgres")?.expose().parse();
        parsed.map(Some).map_err(|error: model::Error| error.context("[source.kafka] postgres"))
    }

    /// Whether what is said of columns can be read. It needs no secret, and no broker.
    pub(crate) fn check_columns(&self) -> Result<()> {
        Reader::new(self.columns(Format::DebeziumJson), Vec::new()).map(drop)
    }

    /// Whether what stands elsewhere is there.
    pub(crate) fn check_secrets(&self) -> Result<()> {
        self.consumer(0, false).map(drop)
    }

    fn reader(&self) -> Result<ReaderOptions> {
        let format = match self.format.as_str() {
            "debezium-avro" => Format::DebeziumAvro,
            "json" => Format::Json,
            _ => Format::DebeziumJson,
        };
        let mut options = self.columns(format);
        if let Some(url) = &self.registry {
            let url = url.resolve("source.kafka.registry")?;
            let ca_file = self.login.security()?.ca_file;
            options.registry =
                Some(RegistryOptions { ca_file, ..RegistryOptions::new(url.expose()) });
        }
        Ok(options)
    }

    /// What the messages do not say of themselves.
    fn columns(&self, format: Format) -> ReaderOptions {
        let mut options = ReaderOptions::new(format);
        options.schema = self.schema.clone();
        if let Some(placeholder) = &self.placeholder {
            options.placeholder.clone_from(placeholder);
        }
        options.declared.clone_from(&self.types);
        let plain = self.plain.iter().map(|(topic, (table, section))| {
            let columns = section.columns.iter().map(|(name, column)| {
                let path = column.path.clone().unwrap_or_else(|| name.clone());
                let type_name = column.r#type.clone().unwrap_or_else(|| "text".to_owned());
                (name.clone(), PlainColumn { path, type_name })
            });
            let plain = PlainTopic {
                table: table.clone(),
                columns: columns.collect(),
                rest: section.rest.clone(),
                time: section.time.clone(),
                id: section.id.clone(),
            };
            (topic.clone(), plain)
        });
        options.plain = plain.collect();
        options
    }
}
