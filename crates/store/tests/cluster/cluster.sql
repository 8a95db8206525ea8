CREATE DATABASE IF NOT EXISTS `millrace` ON CLUSTER 'prod';

CREATE DATABASE IF NOT EXISTS `millrace_shard` ON CLUSTER 'prod';

CREATE TABLE IF NOT EXISTS millrace.checkpoints ON CLUSTER 'prod' (slot String, confirmed UInt64, at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', confirmed) ORDER BY slot SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.servers ON CLUSTER 'prod' (slot String, system String, timeline UInt32, version UInt64) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', version) ORDER BY slot SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.kafka_offsets ON CLUSTER 'prod' (consumer String, topic String, partition Int32, epoch UInt16, next Int64, at DateTime64(3, 'UTC') DEFAULT now64(3), version UInt64) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', version) ORDER BY (consumer, topic, partition) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.kafka_ids ON CLUSTER 'prod' (target LowCardinality(String), id_hash UUID, place LowCardinality(String), _lsn UInt64, at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', at) ORDER BY (target, id_hash) TTL toDateTime(at) + INTERVAL 7 DAY SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 256;

CREATE TABLE IF NOT EXISTS millrace.pauses ON CLUSTER 'prod' (slot String, since Int64, version UInt64) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', version) ORDER BY slot SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.batches ON CLUSTER 'prod' (target String, seq UInt64, from_version UInt128, through_version UInt128, row_count UInt64, token String, at DateTime64(3, 'UTC') DEFAULT now64(3), takes LowCardinality(String)) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', seq) ORDER BY target SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

ALTER TABLE millrace.batches ON CLUSTER 'prod' ADD COLUMN IF NOT EXISTS takes LowCardinality(String);

CREATE TABLE IF NOT EXISTS millrace.tables ON CLUSTER 'prod' (name String, id UInt32, mode LowCardinality(String), target String, state LowCardinality(String), detail String, version UInt64) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', version) ORDER BY name SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.copy_ranges ON CLUSTER 'prod' (target String, relfilenode UInt32, from_page UInt32, to_page UInt32, consistent_point UInt64, attempt UInt32, row_count UInt64, done UInt8, version UInt64, at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', version) ORDER BY (target, relfilenode, from_page) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.schema_changes ON CLUSTER 'prod' (source_table LowCardinality(String), lsn UInt64, change LowCardinality(String), column String, before String, now String, followed_by LowCardinality(String), at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}') ORDER BY (source_table, lsn, change, column, before, now) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.runs ON CLUSTER 'prod' (id String, schedule LowCardinality(String), command String, status LowCardinality(String), started DateTime64(3, 'UTC'), seconds Float64, sla_seconds Float64, nodes UInt32, failed UInt32, error String, version UInt64) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', version) ORDER BY (started, id) TTL toDateTime(started) + INTERVAL 180 DAY SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.run_nodes ON CLUSTER 'prod' (run String, started DateTime64(3, 'UTC'), node String, kind LowCardinality(String), status LowCardinality(String), seconds Float64, error String, relation String, row_count Nullable(UInt64), bytes Nullable(UInt64)) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}') ORDER BY (started, run, node) TTL toDateTime(started) + INTERVAL 180 DAY SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.samples ON CLUSTER 'prod' (at DateTime64(3, 'UTC'), connected Bool, lag_bytes UInt64, lag_seconds Float64, freshness_p50_ms Nullable(Float64), freshness_p99_ms Nullable(Float64), rows_per_second Float64, slot_active Bool, wal_status LowCardinality(String), tables UInt32, failed_tables UInt32, rejected_rows UInt64, memory_bytes UInt64, disk_free_bytes UInt64, disk_total_bytes UInt64) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}') ORDER BY at TTL toDateTime(at) + INTERVAL 30 DAY SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.table_samples ON CLUSTER 'prod' (at DateTime64(3, 'UTC'), table LowCardinality(String), state LowCardinality(String), rows_per_second Float64, streamed_rows UInt64, rejected_rows UInt64) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}') ORDER BY (at, table) TTL toDateTime(at) + INTERVAL 30 DAY SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.kafka_samples ON CLUSTER 'prod' (at DateTime64(3, 'UTC'), consumer LowCardinality(String), topic LowCardinality(String), partition Int32, offset Int64, end Int64, lag_messages UInt64, lag_seconds Float64) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}') ORDER BY (at, topic, partition, consumer) TTL toDateTime(at) + INTERVAL 30 DAY SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.alert_state ON CLUSTER 'prod' (kind LowCardinality(String), key String, body String, version UInt64, gone UInt8) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', version, gone) ORDER BY (kind, key) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.alert_history ON CLUSTER 'prod' (at DateTime64(3, 'UTC'), id String, body String) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}') ORDER BY (at, id) TTL toDateTime(at) + INTERVAL 180 DAY SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.quarantine ON CLUSTER 'prod' (source_table LowCardinality(String), id String, version UInt128, op LowCardinality(String), column LowCardinality(String), reason String, row String, key String, state LowCardinality(String) DEFAULT 'waiting', step UInt64 DEFAULT 0, settled UInt8 DEFAULT 0, token String, rank UInt256 DEFAULT bitShiftLeft(toUInt256(version), 64) + step, at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', rank, settled) ORDER BY (source_table, id) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS millrace.claims ON CLUSTER 'prod' (slot String, number UInt64, process String, holder String, place String, source String, at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}') ORDER BY (slot, number, process) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE DATABASE IF NOT EXISTS `public_raw` ON CLUSTER 'prod';

CREATE DATABASE IF NOT EXISTS `public_raw_shard` ON CLUSTER 'prod';

CREATE DATABASE IF NOT EXISTS `public` ON CLUSTER 'prod';

CREATE TABLE IF NOT EXISTS `public_raw_shard`.`orders` ON CLUSTER 'prod' (
  `id` Int64,
  `line` Int32,
  `name` Nullable(String),
  `at` DateTime64(6, 'UTC'),
  `note` Nullable(String),
  `_version` UInt128 CODEC(ZSTD(1)),
  `_deleted` UInt8
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', `_version`, `_deleted`)
ORDER BY (`id`)
SETTINGS index_granularity = 8192, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE OR REPLACE TABLE `public_raw`.`orders` ON CLUSTER 'prod' AS `public_raw_shard`.`orders` ENGINE = Distributed('prod', 'public_raw_shard', 'orders', cityHash64(tuple(`id`)));

CREATE OR REPLACE VIEW `public`.`orders` ON CLUSTER 'prod' SQL SECURITY DEFINER AS SELECT `id`, `line`, `name`, `at`, `note` FROM `public_raw`.`orders` FINAL;

CREATE DATABASE IF NOT EXISTS `public_raw` ON CLUSTER 'prod';

CREATE DATABASE IF NOT EXISTS `public_raw_shard` ON CLUSTER 'prod';

CREATE DATABASE IF NOT EXISTS `public` ON CLUSTER 'prod';

CREATE TABLE IF NOT EXISTS `public_raw_shard`.`lines` ON CLUSTER 'prod' (
  `id` Int64,
  `line` Int32,
  `name` Nullable(String),
  `at` DateTime64(6, 'UTC'),
  `note` Nullable(String),
  `_version` UInt128 CODEC(ZSTD(1)),
  `_deleted` UInt8
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', `_version`, `_deleted`)
ORDER BY (`id`, `line`)
SETTINGS index_granularity = 8192, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE OR REPLACE TABLE `public_raw`.`lines` ON CLUSTER 'prod' AS `public_raw_shard`.`lines` ENGINE = Distributed('prod', 'public_raw_shard', 'lines', cityHash64(tuple(`id`, `line`)));

CREATE OR REPLACE VIEW `public`.`lines` ON CLUSTER 'prod' SQL SECURITY DEFINER AS SELECT `id`, `line`, `name`, `at`, `note` FROM `public_raw`.`lines` FINAL;

CREATE DATABASE IF NOT EXISTS `public_raw` ON CLUSTER 'prod';

CREATE DATABASE IF NOT EXISTS `public_raw_shard` ON CLUSTER 'prod';

CREATE DATABASE IF NOT EXISTS `public` ON CLUSTER 'prod';

CREATE TABLE IF NOT EXISTS `public_raw_shard`.`whole` ON CLUSTER 'prod' (
  `id` Nullable(Int64),
  `line` Nullable(Int32),
  `name` Nullable(String),
  `at` Nullable(DateTime64(6, 'UTC')),
  `note` Nullable(String),
  `_version` UInt128 CODEC(ZSTD(1)),
  `_deleted` UInt8
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', `_version`, `_deleted`)
ORDER BY (`id`, `line`, `name`, `at`, `note`)
SETTINGS index_granularity = 8192, fsync_after_insert = 1, fsync_part_directory = 1, allow_nullable_key = 1;

CREATE OR REPLACE TABLE `public_raw`.`whole` ON CLUSTER 'prod' AS `public_raw_shard`.`whole` ENGINE = Distributed('prod', 'public_raw_shard', 'whole', cityHash64(tuple(`id`, `line`, `name`, `at`, `note`)));

CREATE OR REPLACE VIEW `public`.`whole` ON CLUSTER 'prod' SQL SECURITY DEFINER AS SELECT `id`, `line`, `name`, `at`, `note` FROM `public_raw`.`whole` FINAL;

CREATE DATABASE IF NOT EXISTS `analytics` ON CLUSTER 'prod';

CREATE DATABASE IF NOT EXISTS `analytics_shard` ON CLUSTER 'prod';

CREATE TABLE IF NOT EXISTS `analytics_shard`.`events` ON CLUSTER 'prod' (
  `id` Int64,
  `line` Int32,
  `name` Nullable(String),
  `at` DateTime64(6, 'UTC'),
  `note` JSON,
  `_lsn` UInt64 MATERIALIZED 0 CODEC(ZSTD(1))
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(at)
ORDER BY (`name`, `at`)
TTL toDateTime(at) + INTERVAL 2 YEAR
SETTINGS index_granularity = 8192, fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, allow_nullable_key = 1;

CREATE OR REPLACE TABLE `analytics`.`events` ON CLUSTER 'prod' AS `analytics_shard`.`events` ENGINE = Distributed('prod', 'analytics_shard', 'events', cityHash64(tuple(`name`, `at`)));

CREATE DATABASE IF NOT EXISTS `public` ON CLUSTER 'prod';

CREATE DATABASE IF NOT EXISTS `public_shard` ON CLUSTER 'prod';

CREATE TABLE IF NOT EXISTS `public_shard`.`heap` ON CLUSTER 'prod' (
  `id` Int64,
  `line` Int32,
  `name` Nullable(String),
  `at` DateTime64(6, 'UTC'),
  `note` JSON,
  `_lsn` UInt64 MATERIALIZED 0 CODEC(ZSTD(1))
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY tuple()
SETTINGS index_granularity = 8192, fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, allow_nullable_key = 1;

CREATE OR REPLACE TABLE `public`.`heap` ON CLUSTER 'prod' AS `public_shard`.`heap` ENGINE = Distributed('prod', 'public_shard', 'heap', cityHash64(tuple(`_lsn`, `id`)));

CREATE DATABASE IF NOT EXISTS `public` ON CLUSTER 'prod';

CREATE DATABASE IF NOT EXISTS `public_shard` ON CLUSTER 'prod';

CREATE TABLE IF NOT EXISTS `public_shard`.`applied` ON CLUSTER 'prod' (
  `id` Int64,
  `line` Int32,
  `name` Nullable(String),
  `at` DateTime64(6, 'UTC'),
  `note` JSON,
  `_lsn` UInt64 MATERIALIZED 0 CODEC(ZSTD(1))
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(at)
ORDER BY (`name`, `at`)
TTL toDateTime(at) + INTERVAL 2 YEAR
SETTINGS index_granularity = 8192, fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, allow_nullable_key = 1;

ALTER TABLE `public_shard`.`applied` ON CLUSTER 'prod' ADD COLUMN IF NOT EXISTS `_version` UInt128 MATERIALIZED bitShiftLeft(toUInt128(`_lsn`), 64) CODEC(ZSTD(1));

CREATE OR REPLACE TABLE `public`.`applied` ON CLUSTER 'prod' AS `public_shard`.`applied` ENGINE = Distributed('prod', 'public_shard', 'applied', cityHash64(tuple(`id`)));

CREATE DATABASE IF NOT EXISTS `public` ON CLUSTER 'prod';

CREATE DATABASE IF NOT EXISTS `public_shard` ON CLUSTER 'prod';

CREATE TABLE IF NOT EXISTS `public_shard`.`changes` ON CLUSTER 'prod' (
  `id` Int64,
  `line` Int32,
  `name` Nullable(String),
  `at` DateTime64(6, 'UTC'),
  `note` Nullable(String),
  `_op` LowCardinality(String),
  `_commit_time` DateTime64(6, 'UTC'),
  `_version` UInt128 CODEC(ZSTD(1)),
  `_key_before` Tuple(Nullable(Int64))
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (`id`, `_version`)
SETTINGS index_granularity = 8192, fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, allow_nullable_key = 1;

CREATE OR REPLACE TABLE `public`.`changes` ON CLUSTER 'prod' AS `public_shard`.`changes` ENGINE = Distributed('prod', 'public_shard', 'changes', cityHash64(tuple(`id`)));

ALTER TABLE `public_raw_shard`.`orders` ON CLUSTER 'prod' ADD COLUMN IF NOT EXISTS `added` Nullable(String), MODIFY COLUMN `line` Int64;

ALTER TABLE `public_raw`.`orders` ON CLUSTER 'prod' ADD COLUMN IF NOT EXISTS `added` Nullable(String), MODIFY COLUMN `line` Int64;

ALTER TABLE `analytics_shard`.`events` ON CLUSTER 'prod' RENAME COLUMN IF EXISTS `title` TO `name`;

ALTER TABLE `analytics_shard`.`events` ON CLUSTER 'prod' DELETE WHERE id IN (SELECT id FROM `analytics_shard`.`events`);

DELETE FROM `analytics_shard`.`events` ON CLUSTER 'prod' WHERE id = 7;

TRUNCATE TABLE `public_raw_shard`.`orders` ON CLUSTER 'prod';

CREATE TABLE IF NOT EXISTS `millrace`.`before_public.orders` ON CLUSTER 'prod' AS `public_raw_shard`.`orders` ENGINE = Distributed('prod', 'millrace_shard', 'before_public.orders');

DROP TABLE IF EXISTS `public_raw`.`orders` ON CLUSTER 'prod';

RENAME TABLE IF EXISTS `public_raw_shard`.`orders` TO `millrace_shard`.`before_public.orders` ON CLUSTER 'prod';

DROP TABLE IF EXISTS `millrace`.`before_public.orders` ON CLUSTER 'prod';

DROP TABLE IF EXISTS `millrace_shard`.`before_public.orders` ON CLUSTER 'prod';

DROP TABLE IF EXISTS `millrace`.`before_public.orders` ON CLUSTER 'prod' SYNC;

DROP TABLE IF EXISTS `millrace_shard`.`before_public.orders` ON CLUSTER 'prod' SYNC;

CREATE DATABASE IF NOT EXISTS `elsewhere` ON CLUSTER 'prod';

CREATE DATABASE IF NOT EXISTS `elsewhere_shard` ON CLUSTER 'prod';

RENAME TABLE IF EXISTS `public`.`orders` TO `millrace`.`moved_view slot 1` ON CLUSTER 'prod';

DROP VIEW IF EXISTS `millrace`.`moved_view slot 1` ON CLUSTER 'prod';

