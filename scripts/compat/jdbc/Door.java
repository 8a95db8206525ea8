// clickhouse-jdbc against the door: what tools and apps do with a JDBC driver. CH_HOST, CH_PORT, CH_USER, CH_PASSWORD say where.

import java.math.BigDecimal;
import java.sql.*;
import java.time.*;
import java.util.*;

public final class Door {
    interface Body { void run() throws Exception; }

    static final String URL = "jdbc:clickhouse://" + System.getenv("CH_HOST") + ":" + System.getenv("CH_PORT");
    static int passed, failed;

    static Connection open(String database, String... more) throws SQLException {
        Properties properties = new Properties();
        properties.put("user", System.getenv("CH_USER"));
        properties.put("password", System.getenv("CH_PASSWORD"));
        for (int i = 0; i < more.length; i += 2) properties.put(more[i], more[i + 1]);
        return DriverManager.getConnection(URL + "/" + database, properties);
    }

    static void test(String name, Body body) {
        try {
            body.run();
            passed++;
            System.out.println("ok      " + name);
        } catch (Throwable error) {
            failed++;
            System.out.println("FAILED  " + name);
            error.printStackTrace(System.out);
        }
    }

    static void same(Object wanted, Object got) {
        if (!Objects.deepEquals(wanted, got)) throw new AssertionError("wanted " + wanted + ", got " + got);
    }

    static SQLException fails(Body body) throws Exception {
        try {
            body.run();
        } catch (SQLException error) {
            return error;
        }
        throw new AssertionError("no error");
    }

    static Object one(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(sql)) {
            if (!r.next()) return null;
            return r.getObject(1);
        }
    }

    static void run(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement()) { s.execute(sql); }
    }

    static Set<String> column(ResultSet r, String name) throws SQLException {
        Set<String> found = new TreeSet<>();
        while (r.next()) found.add(r.getString(name));
        r.close();
        return found;
    }

    public static void main(String[] args) throws Exception {
        String database = "jdbc_" + UUID.randomUUID().toString().substring(0, 8);
        try (Connection c = open("default")) { run(c, "CREATE DATABASE " + database); }
        try (Connection c = open(database)) {
            queries(c);
            metadata(c, database);
            prepared(c);
            writes(c, database);
            errors(c, database);
            run(c, "DROP DATABASE " + database);
        }
        System.out.println(passed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }

    static void queries(Connection c) {
        test("a connection is valid and knows its server", () -> {
            same(true, c.isValid(5));
            same("ClickHouse", c.getMetaData().getDatabaseProductName());
            same(26, c.getMetaData().getDatabaseMajorVersion());
        });
        test("types come as Java's", () -> {
            String sql = "SELECT toInt8(-1) AS a, toUInt64(18446744073709551615) AS b, 1.5::Float64 AS c, 'é' AS d, "
                + "toDecimal64('1.50', 2) AS e, toDate('2026-01-02') AS f, toDateTime64('2026-01-02 03:04:05.678', 3, 'UTC') AS g, "
                + "true AS h, CAST(NULL, 'Nullable(Int32)') AS i, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS j, "
                + "[1, 2]::Array(Int32) AS k, map('x', 1) AS l, toIPv4('1.2.3.4') AS m, CAST('b', 'Enum8(\\'a\\' = 1, \\'b\\' = 2)') AS n";
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(sql)) {
                same(true, r.next());
                same(-1, r.getInt("a"));
                same("18446744073709551615", r.getString("b"));
                same(1.5, r.getDouble("c"));
                same("é", r.getString("d"));
                same(new BigDecimal("1.50"), r.getBigDecimal("e"));
                same(LocalDate.of(2026, 1, 2), r.getDate("f").toLocalDate());
                same(Instant.parse("2026-01-02T03:04:05.678Z"), r.getObject("g", ZonedDateTime.class).toInstant());
                same(true, r.getBoolean("h"));
                same(0, r.getInt("i"));
                same(true, r.wasNull());
                same(UUID.fromString("61f0c404-5cb3-11e7-907b-a6006ad3dba0"), r.getObject("j"));
                same("[1, 2]", Arrays.toString((Object[]) r.getArray("k").getArray()));
                same(1, ((Number) ((Map<?, ?>) r.getObject("l")).get("x")).intValue());
                same("b", r.getString("n"));
                same(false, r.next());
            }
        });
        test("a DateTime keeps its zone", () -> {
            String sql = "SELECT toDateTime('2026-07-01 12:00:00', 'Europe/London') AS t";
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(sql)) {
                r.next();
                same(Instant.parse("2026-07-01T11:00:00Z"), r.getObject(1, ZonedDateTime.class).toInstant());
            }
        });
        test("an answer of many small blocks has one header", () -> {
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT 1 AS x UNION ALL SELECT 2 UNION ALL SELECT 3")) {
                Set<Integer> seen = new TreeSet<>();
                while (r.next()) seen.add(r.getInt(1));
                same("[1, 2, 3]", seen.toString());
            }
        });
        for (String[] how : new String[][] {{"compress", "true"}, {"compress", "false"}, {"client.use_http_compression", "true"}}) {
            test("a million rows as a stream, " + how[0] + "=" + how[1], () -> {
                try (Connection other = open("default", how); Statement s = other.createStatement();
                     ResultSet r = s.executeQuery("SELECT number, toString(number) FROM numbers(1000000)")) {
                    long sum = 0;
                    while (r.next()) sum += r.getLong(1) - Long.parseLong(r.getString(2)) + 1;
                    same(1000000L, sum);
                }
            });
        }
        test("maxRows ends an answer early and the connection goes on", () -> {
            try (Statement s = c.createStatement()) {
                s.setMaxRows(3);
                ResultSet r = s.executeQuery("SELECT number FROM system.numbers LIMIT 100000");
                int count = 0;
                while (r.next()) count++;
                same(3, count);
            }
            same(1, ((Number) one(c, "SELECT 1")).intValue());
        });
        test("settings of the connection reach the server", () -> {
            try (Connection other = open("default", "clickhouse_setting_max_threads", "3")) {
                same(3, ((Number) one(other, "SELECT getSetting('max_threads')")).intValue());
            }
        });
        test("eight threads at once on one connection's server", () -> {
            List<Thread> threads = new ArrayList<>();
            Set<Integer> seen = Collections.synchronizedSet(new TreeSet<>());
            for (int n = 0; n < 8; n++) {
                int mine = n;
                threads.add(new Thread(() -> {
                    try (Connection other = open("default")) {
                        for (int i = 0; i < 10; i++) one(other, "SELECT sleep(0.01)");
                        seen.add(((Number) one(other, "SELECT " + mine)).intValue());
                    } catch (SQLException error) { error.printStackTrace(System.out); }
                }));
            }
            for (Thread thread : threads) thread.start();
            for (Thread thread : threads) thread.join();
            same(8, seen.size());
        });
    }

    static void metadata(Connection c, String database) throws SQLException {
        run(c, "CREATE TABLE described (id UInt64 COMMENT 'the key', name LowCardinality(Nullable(String)), at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY id");
        run(c, "CREATE VIEW seen AS SELECT id FROM described");
        DatabaseMetaData m = c.getMetaData();
        test("databases, tables and columns", () -> {
            same(true, column(m.getSchemas(), "TABLE_SCHEM").containsAll(List.of("system", database)));
            same(Set.of("described", "seen"), column(m.getTables(null, database, "%", null), "TABLE_NAME"));
            same(Set.of("seen"), column(m.getTables(null, database, "%", new String[] {"VIEW"}), "TABLE_NAME"));
            try (ResultSet r = m.getColumns(null, database, "described", "%")) {
                List<String> found = new ArrayList<>();
                while (r.next()) found.add(r.getString("COLUMN_NAME") + ":" + r.getString("TYPE_NAME") + ":" + r.getString("IS_NULLABLE"));
                same(3, found.size());
                same(true, found.get(0).startsWith("id:UInt64:NO"));
                same(true, found.get(1).endsWith("YES"));
            }
            same(Set.of("id"), column(m.getPrimaryKeys(null, database, "described"), "COLUMN_NAME"));
        });
        test("types, functions, table types", () -> {
            same(true, column(m.getTypeInfo(), "TYPE_NAME").size() > 20);
            same(true, column(m.getTableTypes(), "TABLE_TYPE").size() > 3);
            same(true, column(m.getFunctions(null, null, "arrayJoi%"), "FUNCTION_NAME").contains("arrayJoin"));
        });
        test("an answer's own metadata", () -> {
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT id, name, at FROM described")) {
                ResultSetMetaData columns = r.getMetaData();
                same(3, columns.getColumnCount());
                same("UInt64", columns.getColumnTypeName(1));
                same(ResultSetMetaData.columnNullable, columns.isNullable(2));
                same(Types.TIMESTAMP, columns.getColumnType(3));
                same(false, r.next());
            }
        });
    }

    static void prepared(Connection c) {
        test("a prepared query with values of many types", () -> {
            String sql = "SELECT ? AS a, ? AS b, ? AS c, ? AS d, toDate(?) AS e WHERE 1 = ?";
            try (PreparedStatement p = c.prepareStatement(sql)) {
                p.setInt(1, 42);
                p.setString(2, "it's \\ a\ttab\n?");
                p.setNull(3, Types.VARCHAR);
                p.setBoolean(4, true);
                p.setObject(5, LocalDate.of(2026, 1, 2));
                p.setInt(6, 1);
                try (ResultSet r = p.executeQuery()) {
                    same(true, r.next());
                    same(42, r.getInt(1));
                    same("it's \\ a\ttab\n?", r.getString(2));
                    same(null, r.getObject(3));
                    same("2026-01-02", r.getString(5));
                }
                p.setInt(6, 0);
                try (ResultSet r = p.executeQuery()) { same(false, r.next()); }
                same(6, p.getParameterMetaData().getParameterCount());
            }
        });
        test("the columns of a prepared query before it runs", () -> {
            try (PreparedStatement p = c.prepareStatement("SELECT id, name FROM described WHERE id = ?")) {
                same(2, p.getMetaData().getColumnCount());
            }
        });
    }

    static void writes(Connection c, String database) throws SQLException {
        run(c, "CREATE TABLE written (id UInt64, s String, at Nullable(DateTime64(3, 'UTC')), l Array(Int32)) ENGINE = MergeTree ORDER BY id");
        test("an INSERT says how many rows it wrote", () -> {
            try (Statement s = c.createStatement()) {
                same(2, s.executeUpdate("INSERT INTO written VALUES (1, 'a', NULL, []), (2, 'b', now64(3), [1, 2])"));
            }
        });
        run(c, "CREATE TABLE batched (id UInt64, s String, at Nullable(DateTime64(3, 'UTC'))) ENGINE = MergeTree ORDER BY id");
        for (String beta : List.of("false", "true")) {
            test("a batch of 20,000 rows, row_binary_for_simple_insert=" + beta, () -> {
                try (Connection other = open(database, "beta.row_binary_for_simple_insert", beta);
                     PreparedStatement p = other.prepareStatement("INSERT INTO batched (id, s, at) VALUES (?, ?, ?)")) {
                    long from = beta.equals("true") ? 200000 : 100000;
                    for (long n = 0; n < 20000; n++) {
                        p.setLong(1, from + n);
                        p.setString(2, "row '" + n + "'\n");
                        if (n % 2 == 0) p.setNull(3, Types.TIMESTAMP);
                        else p.setTimestamp(3, new Timestamp(1767323045678L));
                        p.addBatch();
                    }
                    same(20000, p.executeBatch().length);
                    String sql = "SELECT toInt32(count()) FROM batched WHERE id >= " + from + " AND id < " + (from + 20000);
                    same(20000, one(other, sql));
                    same("row '7'\n", one(other, "SELECT s FROM batched WHERE id = " + (from + 7)));
                }
            });
        }
        test("a batch of statements", () -> {
            try (Statement s = c.createStatement()) {
                for (int n = 10; n < 13; n++) s.addBatch("INSERT INTO written (id) VALUES (" + n + ")");
                same(3, s.executeBatch().length);
            }
            same(3, one(c, "SELECT toInt32(count()) FROM written WHERE id BETWEEN 10 AND 12"));
        });
        test("ALTER, DELETE, TRUNCATE", () -> {
            run(c, "ALTER TABLE written ADD COLUMN more String DEFAULT 'x'");
            run(c, "DELETE FROM written WHERE id >= 10 AND id <= 12");
            same(0, one(c, "SELECT toInt32(count()) FROM written WHERE id BETWEEN 10 AND 12"));
            run(c, "TRUNCATE TABLE written");
            same(0, one(c, "SELECT toInt32(count()) FROM written"));
        });
    }

    static void errors(Connection c, String database) {
        test("errors have ClickHouse's code", () -> {
            same(47, fails(() -> one(c, "SELECT nope")).getErrorCode());
            same(60, fails(() -> one(c, "SELECT * FROM nowhere")).getErrorCode());
            same(62, fails(() -> run(c, "CREATE TABEL x (n Int8) ENGINE = Memory")).getErrorCode());
            same(1, ((Number) one(c, "SELECT 1")).intValue());
        });
        test("a wrong password is refused", () -> {
            SQLException error = fails(() -> { try (Connection other = open("default", "password", "wrong")) { one(other, "SELECT 1"); } });
            same(true, String.valueOf(error.getMessage() + error.getCause()).contains("516"));
        });
        test("an error behind the first rows is an error", () -> {
            String sql = "SELECT number, throwIf(number = 3000000) FROM numbers(4000000) SETTINGS max_block_size = 1000, max_threads = 1";
            boolean ended = false;
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(sql)) {
                while (r.next());
                ended = true;
            } catch (SQLException expected) {
                same(true, !ended);
            }
            same(false, ended);
        });
        test("a query timeout ends the statement", () -> {
            try (Statement s = c.createStatement()) {
                s.setQueryTimeout(1);
                fails(() -> s.executeQuery("SELECT count() FROM numbers(10000000000000)").next());
            }
        });
        test("cancel ends the statement at the server", () -> {
            try (Statement s = c.createStatement()) {
                Throwable[] got = new Throwable[1];
                String mark = UUID.randomUUID().toString();
                Thread thread = new Thread(() -> {
                    try { s.executeQuery("SELECT count(), '" + mark + "' FROM numbers(10000000000000)").next(); }
                    catch (Throwable error) { got[0] = error; }
                });
                thread.start();
                String running = "SELECT toInt32(count()) FROM system.processes WHERE query LIKE '%" + mark + "%' AND query NOT LIKE '%processes%'";
                try (Connection other = open(database)) {
                    while (!Objects.equals(one(other, running), 1)) Thread.sleep(20);
                    s.cancel();
                    thread.join();
                    same(true, got[0] != null);
                    while (!Objects.equals(one(other, running), 0)) Thread.sleep(20);
                }
            }
        });
    }
}
