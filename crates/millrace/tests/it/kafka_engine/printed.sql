CREATE DATABASE IF NOT EXISTS `kafka_millrace` COMMENT 'topics that ClickHouse reads, made by millrace';

CREATE TABLE IF NOT EXISTS `kafka_millrace`.`errors` (
  topic LowCardinality(String),
  partition UInt64,
  offset UInt64,
  timestamp Nullable(DateTime64(3)),
  key String,
  message String,
  reason String,
  at DateTime64(3) DEFAULT now64(3)
) ENGINE = ReplacingMergeTree
ORDER BY (topic, partition, offset);

CREATE DATABASE IF NOT EXISTS `public_raw`;

CREATE DATABASE IF NOT EXISTS `public`;

CREATE TABLE IF NOT EXISTS `public_raw`.`orders` (
  `id` Int64,
  `total` Nullable(Decimal(10, 2)),
  `placed` Nullable(DateTime64(6, 'UTC')),
  `tags` Array(Nullable(Int32)),
  `note` Nullable(String),
  `_version` UInt128 CODEC(ZSTD(1)),
  `_deleted` UInt8
) ENGINE = ReplacingMergeTree(`_version`, `_deleted`)
ORDER BY (`id`)
SETTINGS index_granularity = 8192, fsync_after_insert = 1, fsync_part_directory = 1;

ALTER TABLE `public_raw`.`orders` ADD COLUMN IF NOT EXISTS `total` Nullable(Decimal(10, 2)), ADD COLUMN IF NOT EXISTS `placed` Nullable(DateTime64(6, 'UTC')), ADD COLUMN IF NOT EXISTS `tags` Array(Nullable(Int32)), ADD COLUMN IF NOT EXISTS `note` Nullable(String);

CREATE OR REPLACE VIEW `public`.`orders` SQL SECURITY DEFINER AS SELECT `id`, `total`, `placed`, `tags`, `note` FROM `public_raw`.`orders` FINAL;

DROP TABLE IF EXISTS `kafka_millrace`.`shop.public.orders__pump` SYNC;

DROP TABLE IF EXISTS `kafka_millrace`.`shop.public.orders` SYNC;

DROP TABLE IF EXISTS `kafka_millrace`.`shop.public.orders__rows` SYNC;

DROP TABLE IF EXISTS `kafka_millrace`.`shop.public.orders__errors` SYNC;

DROP TABLE IF EXISTS `kafka_millrace`.`shop.public.orders__decoded` SYNC;

CREATE TABLE `kafka_millrace`.`shop.public.orders` (
  message String
) ENGINE = Kafka
SETTINGS
  kafka_broker_list = 'kafka:9092',
  kafka_topic_list = 'shop.public.orders',
  kafka_group_name = 'millrace.shop.public.orders',
  kafka_format = 'RawBLOB',
  kafka_handle_error_mode = 'stream',
  kafka_flush_interval_ms = 500;

CREATE TABLE `kafka_millrace`.`shop.public.orders__decoded` (
  `id` Nullable(Int64),
  `total` Nullable(Decimal(10, 2)),
  `placed` Nullable(DateTime64(6, 'UTC')),
  `tags` Array(Nullable(Int32)),
  `note` Nullable(String),
  _op String,
  _version UInt128,
  _deleted UInt8,
  _reason String,
  _topic LowCardinality(String),
  _partition UInt64,
  _offset UInt64,
  _timestamp Nullable(DateTime64(3)),
  _key String,
  _message String
) ENGINE = Null;

CREATE MATERIALIZED VIEW `kafka_millrace`.`shop.public.orders__rows` TO `public_raw`.`orders` AS
SELECT
  ifNull(_d.`id`, defaultValueOfTypeName('Int64')) AS `id`,
  `total` AS `total`,
  `placed` AS `placed`,
  `tags` AS `tags`,
  `note` AS `note`,
  `_version`,
  `_deleted`
FROM `kafka_millrace`.`shop.public.orders__decoded` AS _d
WHERE _d._reason = '';

CREATE MATERIALIZED VIEW `kafka_millrace`.`shop.public.orders__errors` TO `kafka_millrace`.`errors` AS
SELECT _topic AS topic, _partition AS partition, _offset AS offset, _timestamp AS timestamp, _key AS key, _message AS message, _reason AS reason
FROM `kafka_millrace`.`shop.public.orders__decoded`
WHERE _reason != '';

CREATE MATERIALIZED VIEW `kafka_millrace`.`shop.public.orders__pump` TO `kafka_millrace`.`shop.public.orders__decoded` AS
WITH
  (_t -> if(_t = '', '', nullIf(tryBase64Decode(_t), ''))) AS _bytes,
  (_b -> reinterpretAsInt256(concat(reverse(_b), repeat(if(reinterpretAsUInt8(substring(_b, 1, 1)) >= 128, char(255), char(0)), greatest(32 - toInt32(length(_b)), 0))))) AS _unscaled,
  ((_t, _n) -> concat(repeat('0', greatest(_n - toInt32(length(_t)), 0)), _t)) AS _padded,
  ((_t, _n) -> if(_n > 0, concat(substring(_t, 1, length(_t) - _n), '.', right(_t, _n)), _t)) AS _split,
  ((_b, _s) -> if(length(_b) BETWEEN 1 AND 32 AND _s >= 0, concat(if(_unscaled(_b) < 0, '-', ''), _split(_padded(toString(abs(_unscaled(_b))), _s + 1), _s)), NULL)) AS _digits,
  ((_t, _is_text, _s) -> multiIf(NOT _is_text, _t, _t IN ('NaN', 'NAN'), NULL, NOT match(_t, '^-?[0-9]+([.][0-9]*)?$'), _digits(_bytes(_t), _s), length(_t) % 4 = 0 AND match(_t, '^[0-9]+$'), if(_s = 0, NULL, _digits(_bytes(_t), _s)), _t)) AS _by_look,
  (_us -> fromUnixTimestamp64Micro(multiIf(_us < -2208988800000000, toInt64(-2208988800000000), _us > 10413791999999999, toInt64(10413791999999999), toInt64(_us)), 'UTC')) AS _moment,
  (_t -> multiIf(_t = 'infinity', toDateTime64('2299-12-31 23:59:59.999999', 6, 'UTC'), _t = '-infinity', toDateTime64('1900-01-01 00:00:00', 6, 'UTC'), parseDateTime64BestEffortOrNull(_t, 6, 'UTC') < toDateTime64('1900-01-01 00:00:00', 6, 'UTC'), toDateTime64('1900-01-01 00:00:00', 6, 'UTC'), parseDateTime64BestEffortOrNull(_t, 6, 'UTC') > toDateTime64('2299-12-31 23:59:59.999999', 6, 'UTC'), toDateTime64('2299-12-31 23:59:59.999999', 6, 'UTC'), parseDateTime64BestEffortOrNull(_t, 6, 'UTC'))) AS _instant,
  ['5f5f646562657a69756d5f756e617661696c61626c655f76616c7565', 'X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==', '["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="]', '["__debezium_unavailable_value"]', '["b68a35a7-17ad-35b3-af2a-ae46edb4545a"]', '[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101]', '__debezium_unavailable_value', '{"__debezium_unavailable_value":"__debezium_unavailable_value"}', '{\\"__debezium_unavailable_value\\":\\"__debezium_unavailable_value\\"}'] AS _unavailable,
  JSONExtract(_q.message, 'Tuple(op Nullable(String), before Tuple(`id` Nullable(String)), after Tuple(`id` Nullable(String), `total` Nullable(String), `placed` Nullable(String), `tags` Nullable(String), `note` Nullable(String)), source Tuple(lsn Nullable(UInt64), sequence Nullable(String)))') AS _m,
  JSONExtract(if(JSONHas(_q._key, 'payload', 'id'), JSONExtractRaw(_q._key, 'payload'), _q._key), 'Tuple(`id` Nullable(String))') AS _k,
  if(_op = 'd', coalesce(_k.`id`, _m.before.`id`), _m.after.`id`) AS _x0,
  if(_op = 'd', NULL, _m.after.`total`) AS _x1,
  if(_op = 'd', NULL, _m.after.`placed`) AS _x2,
  if(_op = 'd', NULL, _m.after.`tags`) AS _x3,
  if(_op = 'd', NULL, _m.after.`note`) AS _x4
SELECT
  accurateCastOrNull(_x0, 'Int64') AS `id`,
  if(match(_by_look(_x1, JSONType(_q.message, 'after', 'total') = 'String', 2), '^-?0*[0-9]{0,8}([.][0-9]{0,2}0*)?$'), accurateCastOrNull(_by_look(_x1, JSONType(_q.message, 'after', 'total') = 'String', 2), 'Decimal(10, 2)'), NULL) AS `total`,
  ifNull(_moment(toInt64OrNull(_x2)), _instant(_x2)) AS `placed`,
  arrayMap(_e -> accurateCastOrNull(_e, 'Int32'), JSONExtract(ifNull(_x3, '[]'), 'Array(Nullable(String))')) AS `tags`,
  _x4 AS `note`,
  ifNull(_m.op, '') AS _op,
  bitOr(bitShiftLeft(toUInt128(281474976710656 + _q._offset), 64), toUInt128(coalesce(_m.source.lsn, toUInt64OrNull(extract(ifNull(_m.source.sequence, ''), '"([0-9]+)"\\]$')), 0))) AS _version,
  _op = 'd' AS _deleted,
  multiIf(
    JSONType(_q.message) != 'Object', 'it is no JSON object',
    _op = 't', 'a TRUNCATE, which is not applied',
    _op NOT IN ('c', 'r', 'u', 'd'), 'it is no change of Debezium\'s',
    has(_unavailable, ifNull(_x3, '')), 'column tags: an UPDATE did not touch its large value, which Debezium then leaves out; ALTER TABLE … REPLICA IDENTITY FULL',
    has(_unavailable, ifNull(_x4, '')), 'column note: an UPDATE did not touch its large value, which Debezium then leaves out; ALTER TABLE … REPLICA IDENTITY FULL',
    isNotNull(_x0) AND isNull(`id`), 'column id: its value does not fit Int64',
    isNull(`id`), 'its key lacks id',
    isNotNull(_x1) AND isNull(`total`), 'column total: its value does not fit Decimal(10, 2)',
    isNotNull(_x2) AND isNull(`placed`), 'column placed: its value does not fit DateTime64(6, \'UTC\')',
    isNotNull(_x3) AND (JSONType(_x3) != 'Array' OR arrayExists((_e, _v) -> isNotNull(_e) AND isNull(_v), JSONExtract(ifNull(_x3, '[]'), 'Array(Nullable(String))'), `tags`)), 'column tags: its value does not fit Array(Nullable(Int32))',
    '') AS _reason,
  _q._topic AS _topic,
  _q._partition AS _partition,
  _q._offset AS _offset,
  _q._timestamp_ms AS _timestamp,
  _q._key AS _key,
  _q.message AS _message
FROM `kafka_millrace`.`shop.public.orders` AS _q
WHERE NOT (_q.message = '' OR _op = 'm');

