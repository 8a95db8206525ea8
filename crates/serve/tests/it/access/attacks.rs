//! What strangers, viewers and editors try. All of it is refused, none of it crashes the engine, and
//! no answer holds what it was after.

use super::{MARK, ask, code, door, in_url, sql};
use crate::http::{Reply, encode, post};

/// Refused to everybody but admins.
pub(super) const ATTACKS: &[&str] = &[
    // Files.
    "SELECT file('/etc/hostname')",
    "SELECT FILE('/etc/hostname')",
    "SELECT `file`('/etc/hostname')",
    "SELECT \"file\"('/etc/hostname')",
    "SELECT /* x */ file /* y */ (/* z */'/etc/hostname')",
    "SELECT file\u{a0}('/etc/hostname')",
    "SELECT \u{ff46}ile('/etc/hostname')",
    "-- harmless\nSELECT file('/etc/hostname')",
    "SELECT * APPLY(file) FROM (SELECT '/etc/hostname')",
    "SELECT * APPLY file FROM (SELECT '/etc/hostname')",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '/etc/hostname')",
    "SELECT * APPLY(x -> (SELECT groupArray(query) FROM system.processes)) FROM (SELECT 1)",
    "SELECT * APPLY x -> (SELECT groupArray(query) FROM system.processes) FROM (SELECT 1)",
    "SELECT * APPLY((x) -> (SELECT groupArray(query) FROM system.processes)) FROM (SELECT 1)",
    "SELECT * APPLY(`x` -> (SELECT groupArray(name) FROM millrace.access)) FROM (SELECT 1)",
    "SELECT * APPLY /* x */ (x -> (SELECT groupArray(region) FROM merge('filtered', '^orders$'))) FROM (SELECT 1)",
    "SELECT COLUMNS('.') APPLY(x -> (SELECT groupArray(region) FROM merge('filtered', '^orders$'))) FROM (SELECT 1 AS y)",
    "SELECT * APPLY(toString) APPLY(x -> (SELECT count() FROM system.processes)) FROM (SELECT 1)",
    "CREATE VIEW marts.bad AS SELECT * APPLY(x -> (SELECT count() FROM system.processes)) FROM (SELECT 1 AS y)",
    "SELECT * REPLACE(file('/etc/hostname') AS x) FROM (SELECT 1 AS x)",
    "SELECT COLUMNS('.') APPLY(`file`) FROM (SELECT '/etc/hostname' AS x)",
    "SELECT arrayMap(file, ['/etc/hostname'])",
    "SELECT arrayMap(`file`, ['/etc/hostname'])",
    "SELECT arrayMap(x -> file(x), ['/etc/hostname'])",
    "WITH file AS f SELECT arrayMap(f, ['/etc/hostname'])",
    "WITH file('/etc/hostname') AS f SELECT f",
    "WITH (SELECT file('/etc/hostname')) AS f SELECT f",
    "SELECT (SELECT (SELECT file('/etc/hostname')))",
    "SELECT 1 IN (SELECT length(file('/etc/hostname')))",
    "SELECT 1 UNION ALL SELECT length(file('/etc/hostname'))",
    "SELECT CASE WHEN 1 THEN file('/etc/hostname') END",
    "SELECT count() OVER (PARTITION BY file('/etc/hostname'))",
    "SELECT 1 ORDER BY file('/etc/hostname')",
    "SELECT 1 LIMIT length(file('/etc/hostname'))",
    "EXPLAIN SELECT file('/etc/hostname')",
    "EXPLAIN SYNTAX SELECT file('/etc/hostname')",
    "EXPLAIN AST SELECT file('/etc/hostname')",
    "EXPLAIN QUERY TREE SELECT file('/etc/hostname')",
    "EXPLAIN QUERY TREE passes = 1 SELECT file('/etc/hostname') SETTINGS max_rows_to_read = 1",
    "DESCRIBE (SELECT file('/etc/hostname') AS x)",
    "SHOW TABLES WHERE file('/etc/hostname') != ''",
    "SHOW TABLES LIMIT length(file('/etc/hostname'))",
    "SELECT * FROM file('/etc/hostname', 'LineAsString')",
    "SELECT * FROM fileCluster('x', '/etc/hostname', 'LineAsString')",
    "SELECT * FROM filesystem('/etc')",
    "SELECT * FROM `/etc/hostname`",
    "SELECT * FROM default.`/etc/hostname`",
    "SELECT * FROM `default`.`/etc/hostname`",
    "SELECT 1 IN default.`/etc/hostname`",
    "DESCRIBE default.`/etc/hostname`",
    "USE default",
    "SELECT 1 INTO OUTFILE '/tmp/millrace-attack'",
    "SELECT 1 INTO /* x */ OUTFILE '/tmp/millrace-attack'",
    "INSERT INTO marts.m FROM INFILE '/etc/hostname' FORMAT LineAsString",
    "INSERT INTO FUNCTION file('/tmp/millrace-attack', 'CSV', 'x String') SELECT 'x'",
    "CREATE TABLE marts.bad (x String DEFAULT file('/etc/hostname')) ENGINE = Memory",
    "ALTER TABLE marts.m ADD COLUMN y String DEFAULT file('/etc/hostname')",
    "ALTER TABLE marts.m UPDATE x = file('/etc/hostname') WHERE 1",
    "CREATE TABLE marts.bad (x String, CONSTRAINT c CHECK file('/etc/hostname') = '') ENGINE = Memory",
    "CREATE VIEW marts.bad AS SELECT file('/etc/hostname')",
    "SELECT * FROM values('x String DEFAULT file(\\'/etc/hostname\\'), y Int8', (1))",
    "SELECT x FROM values('a Int8, x String ALIAS file(\\'/etc/hostname\\')', (1))",
    "SELECT x FROM values('a Int8, x String/**/alias/**/file(\\'/etc/hostname\\')', (1))",
    "SELECT x FROM values('a Int8, x String al\\x69as file(\\'/etc/hostname\\')', (1))",
    "SELECT x FROM values(concat('a Int8, x String AL', 'IAS file(\\'/etc/hostname\\')'), (1))",
    "SELECT x FROM VALUES('a Int8, x String ALIAS file(\\'/etc/hostname\\')', (1))",
    "SELECT x FROM (VALUES ('a Int8, x String ALIAS file(\\'/etc/hostname\\')', 1))",
    "SELECT x FROM generateRandom('a Int8, x String ALIAS file(\\'/etc/hostname\\')') LIMIT 1",
    "SELECT x FROM view(SELECT x FROM values('a Int8, x String ALIAS file(\\'/etc/hostname\\')', (1)))",
    "CREATE TABLE marts.bad AS values('a Int8, x String ALIAS file(\\'/etc/hostname\\')', (1))",
    "SELECT * FROM format(JSONEachRow, 'y Int, x String DEFAULT file(\\'/etc/hostname\\')', '{\"y\":1}')",
    "SELECT * FROM input('x String DEFAULT file(\\'/etc/hostname\\')')",
    "SELECT * FROM sqlite('/tmp/x.db', 't')",
    "SELECT catboostEvaluate('/etc/passwd', 1.0)",
    "SELECT * FROM executable('x.sh', 'CSV', 'x String')",
    "SELECT * FROM python('x')",
    "SELECT * FROM icebergLocal('/etc')",
    "SELECT * FROM deltaLakeLocal('/etc')",
    "SELECT * FROM eval('SELECT 1')",
    // What another reader of SQL than the engine's takes for something else.
    "SELECT 'x' INTO\u{a0}OUTFILE '/tmp/millrace-attack' TRUNCATE FORMAT RawBLOB",
    "SELECT 'x' INTO\u{feff}OUTFILE '/tmp/millrace-attack' TRUNCATE FORMAT RawBLOB",
    "SELECT 'x' INTO //\nOUTFILE '/tmp/millrace-attack' TRUNCATE FORMAT RawBLOB",
    "SELECT 'x' INTO /* /* */ */ OUTFILE '/tmp/millrace-attack' TRUNCATE FORMAT RawBLOB",
    "SELECT 'x' AS a$x$, 1 INTO OUTFILE '/tmp/millrace-attack' TRUNCATE SETTINGS max_threads = 1 -- $x$",
    "SELECT 1 AS $x$ INTO OUTFILE '/tmp/millrace-attack' TRUNCATE",
    "SELECT * APPLY // '\n file // '\n FROM (SELECT '/etc/hostname')",
    "SELECT * APPLY(“file”) FROM (SELECT '/etc/hostname')",
    "SELECT file('/etc/hostname') AS “x\ny”",
    "SELECT file('/etc/hostname') AS ‘x’",
    "SET\u{a0}additional_table_filters = {}",
    "SELECT 1 SETTINGS\u{a0}additional_table_filters = {}",
    "SELECT 1 SETTINGS\u{2003}max_execution_time = 0",
    "SELECT 1 // '\nSETTINGS additional_table_filters = {} // '",
    "INSERT INTO marts.m SETTINGS\u{a0}input_format_values_interpret_expressions = 1 VALUES (file('/etc/hostname'))",
    "INSERT INTO marts.m FROM\u{a0}INFILE '/etc/hostname' FORMAT LineAsString",
    "INSERT INTO marts.m FROM //\n INFILE '/etc/hostname' FORMAT LineAsString",
    "CREATE TABLE marts.bad (x String) ENGINE\u{a0}= Buffer('millrace', 'access', 1, 1, 1, 1, 1, 1, 1)",
    "CREATE TABLE marts.bad (x String) ENGINE // '\n = Buffer('millrace', 'access', 1, 1, 1, 1, 1, 1, 1) // '",
    "CREATE VIEW marts.bad (x String) SQL\u{a0}SECURITY\u{a0}NONE AS SELECT name AS x FROM millrace.access",
    "SELECT 1e-- SETTINGS max_execution_time = 0",
    "SELECT (SELECT 1 SETTINGS max_threads = 1), .5SETTINGS additional_table_filters = {}",
    "SELECT 'x', .5INTO OUTFILE '/tmp/millrace-attack' TRUNCATE",
    // An alias that looks like a part of the print.
    "SELECT file('/etc/hostname') AS `a (alias b`",
    "SELECT file('/etc/hostname') AS \"a (children b\"",
    "SELECT arrayMap(file AS `a (alias b`, ['/etc/hostname'])",
    "SELECT 1 IN (millrace.access AS `a (alias b`)",
    // Network.
    "SELECT * FROM url('http://127.0.0.1:1/x', 'CSV', 'x String')",
    "SELECT * FROM uRl('http://127.0.0.1:1/x', 'CSV', 'x String')",
    "DESCRIBE url('http://127.0.0.1:1/x', 'CSV')",
    "DESCRIBE TABLE url('http://127.0.0.1:1/x')",
    "EXPLAIN SELECT * FROM url('http://127.0.0.1:1/x', 'CSV')",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/x', 'CSV', 'x String')",
    "SELECT * FROM gcs('http://127.0.0.1:1/bucket/x', 'CSV', 'x String')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM remoteSecure('127.0.0.1', system.one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM clusterAllReplicas('default', system.one)",
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'x String')",
    "SELECT * FROM redis('127.0.0.1:1', 'k', 'k String')",
    "SELECT * FROM jdbc('x', 'y', 'z')",
    "SELECT * FROM odbc('x', 'y', 'z')",
    "SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'CSV', 'x String')",
    "SELECT * FROM azureBlobStorage('x', 'y', 'z', 'CSV')",
    "SELECT * FROM view(SELECT * FROM url('http://127.0.0.1:1/x', 'CSV', 'x String'))",
    "SELECT * FROM viewIfPermitted(SELECT * FROM hidden.t ELSE null('x String'))",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM millrace.access))",
    "SELECT aiGenerate('x', 'y')",
    "INSERT INTO FUNCTION url('http://127.0.0.1:1/x', 'CSV', 'x String') SELECT 'x'",
    "INSERT INTO FUNCTION remote('127.0.0.1', marts.m) SELECT 'x'",
    "CREATE TABLE marts.bad (x String) ENGINE = URL('http://127.0.0.1:1/x', 'CSV')",
    "CREATE TABLE marts.bad (x String) ENGINE URL('http://127.0.0.1:1/x', 'CSV')",
    "CREATE TABLE marts.bad (x String) ENGINE = `URL`('http://127.0.0.1:1/x', 'CSV')",
    "CREATE TABLE marts.bad (x String) ENGINE = S3('http://127.0.0.1:1/bucket/x', 'CSV')",
    "CREATE TABLE marts.bad (x String) ENGINE = File(CSV)",
    "CREATE TABLE marts.bad (x String) ENGINE = File(CSV, '/etc/hostname')",
    "CREATE TABLE marts.bad (x String) ENGINE = Kafka('127.0.0.1:1', 't', 'g', 'CSV')",
    "CREATE TABLE marts.bad (x String) ENGINE = PostgreSQL('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "CREATE TABLE marts.bad (x String) ENGINE = MySQL('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "CREATE TABLE marts.bad (x String) ENGINE = Executable('x.sh', 'CSV')",
    "CREATE TABLE marts.bad (x String) ENGINE = Distributed('c', 'hidden', 't')",
    "CREATE TABLE marts.bad (x String) ENGINE = Buffer('millrace', 'access', 1, 1, 1, 1, 1, 1, 1)",
    "CREATE TABLE marts.bad (x String) ENGINE = Merge('millrace', '.*')",
    "CREATE TABLE marts.bad ENGINE = Alias('millrace', 'access')",
    "CREATE TABLE marts.bad (x String) ENGINE = EmbeddedRocksDB(0, '/tmp/x') PRIMARY KEY x",
    "CREATE TABLE marts.bad (x Int8) ENGINE = MergeTree ORDER BY x SETTINGS disk = disk(type = local, path = '/tmp/x/')",
    "CREATE TABLE marts.bad (x Int8) ENGINE = MergeTree ORDER BY x SETTINGS storage_policy = 'x'",
    "CREATE TABLE marts.bad AS url('http://127.0.0.1:1/x', 'CSV', 'x String')",
    "CREATE TEMPORARY TABLE bad (x String) ENGINE = URL('http://127.0.0.1:1/x', 'CSV')",
    "CREATE TEMPORARY TABLE bad (x String) ENGINE = File(CSV)",
    "CREATE MATERIALIZED VIEW marts.bad ENGINE = URL('http://127.0.0.1:1/x', 'CSV') AS SELECT x FROM marts.m",
    "CREATE DATABASE marts2 ENGINE = PostgreSQL('127.0.0.1:1', 'a', 'b', 'c')",
    "CREATE DATABASE marts ENGINE = SQLite('/tmp/x.db')",
    "CREATE DATABASE marts ENGINE = Filesystem('/etc')",
    // The server's own, and others' texts.
    "SELECT * FROM millrace.access",
    "SELECT * FROM `millrace`.`access`",
    "SELECT * FROM millrace . access",
    "SELECT * FROM millrace.access AS shop",
    "SELECT 1 IN millrace.access",
    "SELECT (SELECT count() FROM millrace.access)",
    "WITH orders AS (SELECT * FROM millrace.access) SELECT * FROM orders",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM millrace.access)",
    "SELECT * FROM numbers(1) LEFT JOIN millrace.access ON 1",
    "EXPLAIN SELECT * FROM millrace.access",
    "EXPLAIN QUERY TREE SELECT * FROM millrace.access",
    "EXPLAIN QUERY TREE passes = 1 SELECT * FROM (SELECT * FROM millrace.access)",
    "DESCRIBE millrace.access",
    "SHOW CREATE TABLE millrace.access",
    "EXISTS TABLE millrace.access",
    "SELECT * FROM merge('millrace', '.*')",
    "SELECT * FROM merge(REGEXP('mill.*|marts'), '.*')",
    "SELECT * FROM loop(millrace.access)",
    "SELECT * FROM loop('millrace', 'access')",
    "SELECT * FROM mergeTreeIndex('millrace', 'access')",
    "SELECT * FROM mergeTreeProjection('millrace', 'access', 'x')",
    "SELECT * FROM mergeTreeTextIndex('millrace', 'access', 'x')",
    "SELECT * FROM dictionary('hidden.d')",
    "SELECT hasColumnInTable('millrace', 'access', 'name')",
    "SELECT joinGet('hidden.j', 'x', 1)",
    "SELECT * FROM system.processes",
    "SELECT * FROM `system`.`processes`",
    "SELECT query FROM system . processes",
    "SELECT 1 IN system.processes",
    "SELECT * FROM system.users",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM system.stack_trace",
    "SELECT * FROM system.query_cache",
    "SELECT * FROM system.named_collections",
    "SELECT * FROM system.row_policies",
    "SELECT * FROM system.errors",
    "SELECT command FROM system.mutations",
    "SELECT exception FROM system.view_refreshes",
    "WITH system.users AS u SELECT 'x' IN u",
    "WITH system.server_settings AS a, a AS b SELECT ('', '', '', 0, '', '', 0, 0) IN b",
    "SELECT notInIgnoreSet('x', system.server_settings)",
    "SELECT * FROM system.detached_parts",
    "SELECT * FROM merge('system', 'processes')",
    "SHOW PROCESSLIST",
    "SHOW USERS",
    "SHOW ROLES",
    "SHOW ACCESS",
    "SHOW GRANTS FOR root",
    "SHOW CREATE USER root",
    "SHOW NAMED COLLECTIONS",
    "KILL QUERY WHERE 1",
    "KILL QUERY WHERE 1 ASYNC",
    "KILL MUTATION WHERE 1",
    // Other rights.
    "SET ROLE `all`",
    "SET ROLE read_all, write_all",
    "SET ROLE admin",
    "SET /* x */ ROLE admin",
    "SET DEFAULT ROLE admin TO vera",
    "EXECUTE AS root SELECT 1",
    "CREATE USER eve IDENTIFIED BY 'x'",
    "ALTER USER root IDENTIFIED BY 'x'",
    "DROP USER root",
    "GRANT admin TO vera",
    "GRANT admin TO ed",
    "GRANT ALL ON *.* TO ed",
    "REVOKE ALL ON *.* FROM root",
    "CREATE ROLE eve",
    "CREATE ROW POLICY p ON shop.orders USING 1 TO ALL",
    "CREATE QUOTA q FOR INTERVAL 1 hour MAX queries = 1000000 TO ALL",
    "CREATE SETTINGS PROFILE p SETTINGS readonly = 0",
    "CREATE VIEW marts.bad SQL SECURITY DEFINER AS SELECT * FROM shop.orders",
    "CREATE VIEW marts.bad DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT * FROM millrace.access",
    "CREATE VIEW marts.bad (x String) SQL SECURITY NONE AS SELECT name AS x FROM millrace.access",
    "ALTER TABLE marts.m MODIFY SQL SECURITY NONE",
    "CREATE VIEW marts.bad AS SELECT * FROM millrace.access",
    "CREATE VIEW marts.bad (name String) AS SELECT name FROM millrace.access",
    "CREATE MATERIALIZED VIEW marts.bad TO hidden.t AS SELECT x FROM marts.m",
    "CREATE MATERIALIZED VIEW marts.bad ENGINE = Memory AS SELECT * FROM merge(REGEXP('millrace|marts'), '.*')",
    "CREATE TABLE marts.bad AS millrace.access",
    "CREATE TABLE marts.bad CLONE AS millrace.access",
    "CREATE TABLE marts.bad ENGINE = Memory AS SELECT * FROM millrace.access",
    "CREATE DICTIONARY marts.bad (k UInt64, x String) PRIMARY KEY k SOURCE(CLICKHOUSE(DB 'millrace' TABLE 'access')) LAYOUT(FLAT()) LIFETIME(0)",
    "CREATE DICTIONARY marts.bad (k UInt64, x String) PRIMARY KEY k SOURCE(HTTP(URL 'http://127.0.0.1:1/' FORMAT CSV)) LAYOUT(FLAT()) LIFETIME(0)",
    "CREATE FUNCTION bad AS (x) -> file(x)",
    "CREATE OR REPLACE FUNCTION hidden_plus AS (x) -> file(x)",
    "DROP FUNCTION hidden_plus",
    "CREATE NAMED COLLECTION bad AS a = 1",
    "CREATE WORKLOAD bad",
    "BACKUP DATABASE shop TO File('/tmp/millrace-attack')",
    "BACKUP TABLE shop.orders TO Disk('x', 'y')",
    "RESTORE TABLE shop.orders FROM File('/tmp/millrace-attack')",
    "SYSTEM RELOAD CONFIG",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "SYSTEM STOP MERGES",
    "SYSTEM DROP MARK CACHE",
    "ATTACH TABLE marts.bad FROM '/tmp/x' (x Int8) ENGINE = MergeTree ORDER BY x",
    "ATTACH TABLE marts.bad (x Int8) ENGINE = MergeTree ORDER BY x",
    "DETACH TABLE shop.orders PERMANENTLY",
    "UNDROP TABLE shop.orders",
    "ALTER TABLE marts.m FREEZE",
    "ALTER TABLE marts.m REPLACE PARTITION tuple() FROM millrace.access",
    "ALTER TABLE shop.orders DELETE WHERE 1",
    "ALTER TABLE shop.orders MODIFY COMMENT 'x'",
    "DELETE FROM shop.orders WHERE 1",
    "UPDATE shop.orders SET region = 'x' WHERE 1",
    "INSERT INTO shop.orders VALUES (3, 'x')",
    "INSERT INTO shop.orders SELECT 3, 'x'",
    "INSERT INTO `shop`.`orders` FORMAT CSV\n3,x",
    "INSERT INTO millrace.access (kind, name) VALUES ('user', 'eve')",
    "INSERT INTO system.users VALUES ('x')",
    "DROP TABLE shop.orders",
    "DROP TABLE marts.m, shop.orders",
    "DROP DATABASE shop",
    "DROP DATABASE millrace",
    "DROP TABLE system.users",
    "DROP VIEW system.users",
    "TRUNCATE TABLE shop.orders",
    "TRUNCATE DATABASE shop",
    "TRUNCATE ALL TABLES FROM shop",
    "OPTIMIZE TABLE shop.orders",
    "RENAME TABLE shop.orders TO marts.orders",
    "RENAME TABLE marts.m TO shop.m",
    "RENAME DATABASE marts TO shop2",
    "EXCHANGE TABLES marts.m AND hidden.t",
    "CREATE DATABASE elsewhere",
    "CREATE TABLE shop.bad (x Int8) ENGINE = Memory",
    "CREATE TABLE system.bad (x Int8) ENGINE = Memory",
    "CREATE TABLE millrace.bad (x Int8) ENGINE = Memory",
    "MOVE USER root TO x",
    "CHECK GRANT SELECT ON *.*",
    // Limits, and other ways to read a text.
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS `readonly` = 0",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT 1 SETTINGS additional_table_filters = {'shop.orders': '1'}",
    "SELECT 1 SETTINGS dialect = 'prql'",
    "SELECT 1 SETTINGS use_query_cache = 1",
    "SELECT 1 SETTINGS format_schema = '/etc/hostname'",
    "SELECT (SELECT 1 SETTINGS max_execution_time = 0)",
    "SET readonly = 0",
    "SET dialect = 'kusto'",
    "SET additional_table_filters = {}",
    "SET max_execution_time = 0",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE shop.orders",
    "SELECT 1; DROP TABLE shop.orders; nonsense(",
    "nonsense(; SELECT file('/etc/hostname')",
    "SELECT addressToLine(1)",
    "SELECT addressToSymbol(1), demangle('x')",
    "SELECT getServerSetting('max_connections')",
    "SELECT showCertificate()",
    "SELECT getMacro('x')",
    "SELECT serverUUID()",
    "SELECT filesystemAvailable()",
    "SELECT logTrace('x')",
    "SELECT structureToProtobufSchema('x String')",
    "SELECT dictGet('nosuch.d', 'x', toUInt64(1)), file('x')",
    // Values that are worked out, by rows and by templates.
    "INSERT INTO marts.m VALUES (file('/etc/hostname'))",
    "INSERT INTO marts.m VALUES (concat('x', file('/etc/hostname')))",
    "INSERT INTO marts.m FORMAT Values (upper(file('/etc/hostname')))",
    "INSERT INTO marts.m VALUES ((SELECT x FROM millrace.access LIMIT 1))",
    "INSERT INTO marts.m VALUES ((SELECT name FROM millrace.access LIMIT 1))",
    "INSERT INTO marts.m SETTINGS input_format_values_interpret_expressions = 1 VALUES (file('/etc/hostname'))",
    "INSERT INTO marts.m SETTINGS input_format_values_deduce_templates_of_expressions = 1 VALUES (file('/etc/hostname'))",
    // What others do and did.
    "SELECT * FROM system.query_log",
    "SELECT query FROM `system`.`query_log`",
    "SELECT 1 IN system.query_log",
    "WITH l AS (SELECT query FROM system.query_log) SELECT * FROM l",
    "SELECT * FROM millrace.query_log",
    "SELECT * FROM (SELECT * FROM millrace.query_log)",
    "SELECT * FROM merge('millrace', 'query_log')",
    "CREATE VIEW marts.bad AS SELECT query AS x FROM system.query_log",
    "CREATE VIEW marts.bad AS SELECT query AS x FROM system.processes",
    "CREATE TABLE marts.bad ENGINE = Memory AS SELECT query FROM system.processes",
    "INSERT INTO marts.m SELECT query FROM system.processes",
    "INSERT INTO marts.m SELECT query FROM system.query_log",
    "SELECT * FROM millrace.processes",
    "SELECT * FROM `millrace`.processes",
    "show processlist FORMAT JSON",
    "SHOW FULL PROCESSLIST",
    "DESCRIBE system.query_log",
    "SHOW CREATE TABLE millrace.processes",
    "TRUNCATE TABLE millrace.query_log",
    "ALTER TABLE millrace.query_log DELETE WHERE 1",
    "INSERT INTO `millrace`.query_log (query) VALUES ('x')",
    "DROP VIEW system.query_log",
    "DROP VIEW millrace.processes",
    "CREATE OR REPLACE VIEW millrace.processes AS SELECT 1",
    // To be taken for another's statement, or not to be found.
    "SELECT 1 SETTINGS log_comment = 'door.1.root.x'",
    "SET log_comment = 'door.1.root.x'",
    // Names that the print of the parse could hide.
    "SELECT * FROM `shop`.`orders\\n   TableIdentifier shop.orders`",
    "SELECT * FROM `shop.orders`.`x`",
    "SELECT * FROM `millrace`.`access (alias x)`",
    "SELECT * FROM `millrace.access`.`y`",
];

/// An editor reads all data of users.
pub(super) const OF_VIEWERS: &[&str] = &[
    "SELECT * FROM hidden.t",
    "SELECT x FROM shop.peek",
    "SELECT 1 IN hidden.t",
    "SELECT * FROM partly.closed",
    "SELECT salary FROM partly.people",
    "SELECT * FROM partly.people",
    "SELECT name FROM partly.people WHERE salary != ''",
    "SELECT name FROM partly.people ORDER BY salary",
    "SELECT COLUMNS('s.*') FROM partly.people",
    "SELECT p.salary FROM partly.people AS p",
    "WITH t AS (SELECT 1) SELECT * FROM hidden.t",
    "EXPLAIN SELECT * FROM hidden.t",
    "EXPLAIN QUERY TREE SELECT * FROM hidden.t",
    "EXPLAIN QUERY TREE passes = 1 SELECT * FROM (SELECT * FROM hidden.t)",
    "EXPLAIN QUERY TREE passes = 1 SELECT (SELECT salary FROM partly.people LIMIT 1)",
    "EXPLAIN QUERY TREE passes = 1 SELECT * FROM (SELECT salary FROM partly.people) SETTINGS max_rows_to_read = 1",
    "SELECT * FROM (EXPLAIN QUERY TREE passes = 1 SELECT salary FROM partly.people)",
    "EXPLAIN SYNTAX SELECT * FROM hidden.t",
    "EXPLAIN SYNTAX run_query_tree_passes = 1 SELECT * FROM partly.people",
    "EXPLAIN SYNTAX run_query_tree_passes = 1, query_tree_passes = 1 SELECT salary FROM partly.people",
    "EXPLAIN PLAN header = 1 SELECT salary FROM partly.people",
    "EXPLAIN PLAN actions = 1 SELECT 1 AS tree",
    "EXPLAIN ESTIMATE SELECT * FROM hidden.t",
    "DESCRIBE hidden.t",
    "SHOW CREATE TABLE hidden.t",
    "SHOW CREATE DATABASE hidden",
    "EXISTS TABLE hidden.t",
    "SELECT dictGet('hidden.d', 'x', toUInt64(1))",
    "SELECT * APPLY(k -> dictGet('hidden.d', 'x', k)) FROM (SELECT toUInt64(1))",
    "USE hidden",
    "SELECT * FROM system.grants",
    "SELECT * FROM system.roles",
    "CREATE TEMPORARY TABLE t (x Int8)",
    "CREATE TABLE main.t (x Int8) ENGINE = Memory",
    "INSERT INTO marts.m VALUES ('x')",
    "DROP TABLE marts.m",
    "ALTER TABLE marts.m ATTACH PARTITION tuple() FROM hidden.t",
];

/// What is wrong with the answer to an attack: that it is one, or what it tells.
pub(super) fn flaw(who: &str, text: &str, reply: &Reply) -> Option<String> {
    let answer = reply.text();
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let tells = answer.contains(MARK) || (host.len() > 4 && answer.contains(host.trim()));
    let is_error = reply.status >= 400 && answer.starts_with("Code: ");
    (tells || !is_error).then(|| format!("{who}: {text}: {} {answer}", reply.status))
}

pub(super) fn none(flaws: impl Iterator<Item = Option<String>>) {
    let flaws: Vec<String> = flaws.flatten().collect();
    assert!(flaws.is_empty(), "{} went through:\n{}", flaws.len(), flaws.join("\n"));
}

pub(super) fn nothing_is_lost() {
    assert_eq!(sql("root", "SELECT count() FROM shop.orders"), "2\n");
    assert_eq!(sql("root", "SELECT count() FROM hidden.t"), "1\n");
    assert!(!std::path::Path::new("/tmp/millrace-attack").exists());
}

#[test]
fn a_viewer_gets_nowhere() {
    let texts = || ATTACKS.iter().chain(OF_VIEWERS);
    none(texts().map(|text| flaw("vera", text, &ask("vera", "/", text))));
    none(texts().map(|text| flaw("vera, in the URL", text, &ask("vera", &in_url(text), ""))));
    nothing_is_lost();
}

#[test]
fn an_editor_gets_no_further_than_her_databases() {
    none(ATTACKS.iter().map(|text| flaw("ed", text, &ask("ed", "/?session_id=attack", text))));
    nothing_is_lost();
    assert_eq!(sql("root", "SELECT count() FROM system.tables WHERE name = 'bad'"), "0\n");
}

#[test]
fn a_stranger_gets_nothing_at_all() {
    for text in ATTACKS.iter().chain(OF_VIEWERS).chain(&["SELECT 1"]) {
        let reply = post(door(), "/", text);
        none(std::iter::once(flaw("nobody", text, &reply)));
        assert_eq!(reply.status, 401, "{text}: {}", reply.text());
    }
}

#[test]
fn parameters_name_nothing_that_is_not_granted() {
    let tries = [
        ("SELECT * FROM {t:Identifier}", "param_t=hidden.t"),
        ("SELECT * FROM {d:Identifier}.{t:Identifier}", "param_d=hidden&param_t=t"),
        ("SELECT * FROM {d:Identifier}.t", "param_d=hidden"),
        ("SELECT {f:Identifier}('/etc/hostname')", "param_f=file"),
        ("SELECT * FROM {t:Identifier}", "param_t=%5Cn%20TableIdentifier%20shop.orders"),
        ("SELECT arrayMap({f:Identifier}, ['/etc/hostname'])", "param_f=file"),
        ("SELECT * APPLY({f:Identifier}) FROM (SELECT '/etc/hostname')", "param_f=file"),
        (
            "SELECT x FROM values({s:String}, (1))",
            "param_s=a%20Int8%2C%20x%20String%20ALIAS%20file('%2Fetc%2Fhostname')",
        ),
        ("SELECT {x:String}, file({f:String})", "param_x=1&param_f=%2Fetc%2Fhostname"),
        ("DROP TABLE {d:Identifier}.orders", "param_d=shop"),
        ("INSERT INTO {t:Identifier} SELECT 3, 'x'", "param_t=shop.orders"),
        ("SELECT * FROM t", "database=hidden"),
        ("SELECT * FROM access", "database=millrace"),
        ("SELECT * FROM processes", "database=system"),
        ("WITH processes AS p SELECT query FROM p", "database=system"),
        ("WITH server_settings AS s SELECT ('', '', '', 0, '', '', 0, 0) IN s", "database=system"),
        ("SELECT 1 IN (closed AS u)", "database=partly"),
        ("SELECT * FROM closed", "database=partly"),
        (
            "WITH closed AS (SELECT 1) SELECT * FROM (SELECT * FROM closed), closed",
            "database=partly",
        ),
        ("SELECT 1", "role=admin"),
        ("SELECT 1", "role=editor"),
        ("SELECT 1", "additional_table_filters=%7B%7D"),
        ("SELECT 1", "dialect=prql"),
        ("SELECT 1", "use_query_cache=1"),
        ("SELECT 1", "format_schema=x"),
        ("SELECT * FROM hidden.t", "readonly=0"),
        ("SELECT * FROM hidden.t", "readonly=2"),
    ];
    none(tries.iter().map(|(text, parameters)| {
        flaw(parameters, text, &ask("vera", &format!("/?{parameters}"), text))
    }));
    let place = "/?param_d=shop&param_t=orders";
    let fine = ask("vera", place, "SELECT count() FROM {d:Identifier}.{t:Identifier}");
    assert_eq!(fine.text(), "2\n");
    let values = "/?param_n=2&param_a=%5B1%5D&param_s=x";
    let fine = ask("vera", values, "SELECT {n:Int32} + 1, {a:Array(UInt8)}, {s:String}");
    assert_eq!(fine.text(), "3\t[1]\tx\n");
    nothing_is_lost();
}

#[test]
fn limits_hold_against_bombs_and_against_being_lifted() {
    let lifted = "/?max_threads=64&max_execution_time=0&max_memory_usage=0";
    let shown = "SELECT getSetting('max_threads'), getSetting('max_execution_time'), \
                 getSetting('max_memory_usage')";
    assert_eq!(ask("vera", lifted, shown).text(), "1\t20\t500000000\n");
    assert_eq!(ask("vera", "/", shown).text(), "1\t20\t500000000\n");
    assert_eq!(ask("vera", "/?max_execution_time=3", shown).text(), "1\t3\t500000000\n");
    // Half of the engine's memory, and ten minutes, where nothing is said.
    assert_eq!(ask("slow", "/", shown).text().split_once('\t').unwrap().1, "600\t1073741824\n");
    let bomb = ask("vera", "/?max_execution_time=1", "SELECT count() FROM numbers(1e15)");
    assert_eq!(bomb.header("x-clickhouse-exception-code"), Some("159"), "{}", bomb.text());
    let bomb = "SELECT uniqExact(number) FROM numbers(1e9)";
    let bomb = ask("vera", "/?max_execution_time=15", bomb);
    assert!(bomb.status >= 400, "{}", bomb.text());
    assert_eq!(code("ed", "SELECT 1 SETTINGS max_execution_time = 601"), "452");
    assert_eq!(code("ed", "SELECT 1 SETTINGS max_execution_time = 5"), "0");
}

#[test]
fn a_session_is_its_users_alone() {
    let session = format!("/?session_id={}", encode("mine"));
    assert_eq!(ask("ed", &session, "CREATE TEMPORARY TABLE own (x String)").status, 200);
    assert_eq!(ask("ed", &session, "INSERT INTO own SELECT 'mine'").status, 200);
    assert_eq!(ask("ed", &session, "SELECT x FROM own").text(), "mine\n");
    // Root's session of that name is another.
    assert!(ask("root", &session, "SELECT x FROM own").status >= 400);
    assert!(ask("vera", &session, "SELECT x FROM own").status >= 400);
    // Nor does hers become an admin's by being used again.
    assert!(ask("ed", &session, "SELECT * FROM millrace.access").status >= 400);
    assert_eq!(ask("ed", &session, "SET max_threads = 1").status, 200);
    assert_eq!(ask("ed", &session, "SELECT getSetting('max_threads')").text(), "1\n");
    assert_eq!(ask("ed", &session, "USE marts").status, 200);
    assert_eq!(ask("ed", &session, "SELECT count() FROM m").text(), "0\n");
    assert_eq!(ask("ed", &session, "USE system").status, 200);
    assert!(ask("ed", &session, "SELECT * FROM processes").status >= 400);
    // What failed leaves nothing for the next one.
    let failing =
        "SELECT throwIf(number = 3), 'left over' FROM numbers(10) SETTINGS max_block_size = 1";
    assert!(ask("ed", &session, failing).status >= 400);
    assert_eq!(ask("vera", &session, "SELECT 777").text(), "777\n");
    assert_eq!(ask("ed", &session, "SELECT 778").text(), "778\n");
}
