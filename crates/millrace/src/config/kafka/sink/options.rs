//! What a sink is told, with secrets in their place.

use super::Sink;
use bus::registry::RegistryOptions;
use bus::write::{Compression, Delivery, Format, Route, SinkOptions, Tables};
use flow::sinks::{SinkPlan, SpoolPlan};
use model::Result;
use std::path::Path;
use std::time::Duration;

/// In the folder of the data.
const SPOOLS: &str = "sinks";

impl Sink {
    pub(crate) fn plan(&self, data_dir: &Path) -> Result<SinkPlan> {
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
            spool: Some(SpoolPlan {
                folder: data_dir.join(SPOOLS).join(folder_name(&self.name)),
                bytes_max: self.spool_mib << 20,
            }),
            takes_snapshot: self.takes_snapshot,
        })
    }
}

/// One part of a path, whatever the sink is called, and another one for each.
fn folder_name(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_has_a_folder_of_its_own() {
        for (name, folder) in
            [("shop-2", "shop-2"), ("..", "%2e%2e"), ("a/b", "a%2fb"), ("a%2fb", "a%252fb")]
        {
            assert_eq!(folder_name(name), folder);
        }
    }
}
