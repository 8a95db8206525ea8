//! What a sink is told, with secrets in their place.

use super::Sink;
use bus::registry::RegistryOptions;
use bus::write::{Compression, Delivery, Format, Route, SinkOptions, Tables};
use flow::sinks::SinkPlan;
use model::Result;
use std::time::Duration;

impl Sink {
    pub(crate) fn plan(&self) -> Result<SinkPlan> {
        let brokers = self.brokers.resolve("sink.kafka.brokers")?;
        let mut options = SinkOptions::new(brokers.expose(), &self.topic_prefix);
        options.security = self.login.security()?;
        options.format = match (self.format.as_str(), &self.registry) {
            ("debezium-avro", Some(url)) => {
                let url = url.resolve("sink.kafka.registry")?;
                let ca_file = options.security.ca_file.clone();
                Format::Avro {
                    registry: RegistryOptions { ca_file, ..RegistryOptions::new(url.expose()) },
                }
            }
            ("debezium-json-schema", _) => Format::Json { with_schemas: true },
            _ => Format::Json { with_schemas: false },
        };
        options.delivery = match self.is_exactly_once {
            true => Delivery::ExactlyOnce { transactional_id: None },
            false => Delivery::AtLeastOnce,
        };
        options.compression = match self.compression.as_str() {
            "zstd" => Compression::Zstd,
            "gzip" => Compression::Gzip,
            "none" => Compression::None,
            _ => Compression::Lz4,
        };
        options.tables =
            Tables { include: self.tables.clone(), exclude: self.tables_exclude.clone() };
        options.columns_exclude.clone_from(&self.columns_exclude);
        let routes = self.routes.iter().map(|route| Route::new(&route.from, &route.to));
        options.routes = routes.collect::<Result<_>>()?;
        options.heartbeat = Duration::from_millis(self.heartbeat_ms);
        (options.tombstones, options.truncates) = (self.tombstones, self.truncates);
        options.messages = self.messages;
        options.transaction_metadata = self.transaction_metadata;
        options.message_bytes_max = self.message_bytes_max as usize;
        Ok(SinkPlan {
            name: self.name.clone(),
            options,
            is_required: self.is_required,
            queue_bytes_max: (self.queue_mib << 20) as usize,
            takes_snapshot: self.takes_snapshot,
        })
    }
}
