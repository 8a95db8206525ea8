//! Who may do what, at a door of its own with users: an admin, an editor, a viewer.

mod attacks;
mod fence;
mod filters;
mod kept;
mod later;
mod login;
mod made;
mod names;
mod revoked;
mod shared;
mod statements;
mod ways;

use crate::http::{Reply, encode, post_with};
use crate::{CORES, ports};
use serve::access::{File, FileHolder, FilePassword};
use std::sync::{LazyLock, RwLock};

pub(crate) const PASSWORD: &str = "topsecret";
/// Stands in rows that nobody but admins may see.
pub(crate) const MARK: &str = "not-for-everybody";

/// The engine learns of them when it opens, so all tests share these.
pub(crate) fn users() -> File {
    let holder = |role: &str, grants: &[&str]| FileHolder {
        password: Some(FilePassword::Plain(PASSWORD.into())),
        roles: vec![role.into()],
        grants: grants.iter().map(|grant| (*grant).to_owned()).collect(),
        ..FileHolder::default()
    };
    let mut vera = holder(
        "viewer",
        &[
            "SELECT ON shop.*",
            "SELECT ON partly.open",
            "SELECT(id, name) ON partly.people",
            "SELECT ON filtered.*",
        ],
    );
    vera.filters.insert("filtered.orders".into(), "region = 'EU'".into());
    vera.filters.insert("filtered.shown".into(), "region = 'EU'".into());
    vera.limits.extend([("max_threads".to_owned(), 1), ("max_execution_time".to_owned(), 20)]);
    vera.limits.insert("max_memory_usage".into(), 500_000_000);
    let writes = "INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP DATABASE, \
                  DROP TABLE, DROP VIEW, TRUNCATE, OPTIMIZE ON marts.*";
    let mut poor = holder("viewer", &["SELECT ON shop.*"]);
    poor.quotas = vec!["FOR INTERVAL 1 hour MAX queries = 3".into()];
    let mut slow = holder("viewer", &[]);
    slow.password = Some(FilePassword::Bcrypt(
        // Of PASSWORD, cost 4.
        BCRYPT.into(),
    ));
    // An editor with a filter, and one who writes without being an editor.
    let mut fred = holder("editor", &["ALL ON freds.*"]);
    fred.filters.insert("filtered.orders".into(), "region = 'EU'".into());
    let pat = holder("viewer", &["SELECT ON shop.*", "ALL ON pats.*"]);
    let users = [
        ("fred", fred),
        ("pat", pat),
        ("root", holder("admin", &[])),
        ("vera", vera),
        ("ed", holder("editor", &[writes])),
        ("poor", poor),
        ("slow", slow),
    ];
    let users = users.into_iter().map(|(name, holder)| (name.to_owned(), holder)).collect();
    File { users, ..File::default() }
}

const BCRYPT: &str = "$2b$04$8G2aCNA4bZzdXmlU3rh2R.SiQofSSf0G45aV.Y2T9o9l1WZe9ofGe";

/// Two doors on one store show their users in the same tables: whoever reads those keeps a second one away.
pub(crate) static SHOWN: RwLock<()> = RwLock::new(());

/// The port of the door with users.
pub(crate) fn door() -> u16 {
    static DOOR: LazyLock<u16> = LazyLock::new(|| {
        let port = open();
        fill(port);
        port
    });
    *DOOR
}

/// Another one, which takes up what was kept until now.
fn open() -> u16 {
    let engine = ports().engine.clone();
    let (send, port) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap().port()).unwrap();
            let forever = std::future::pending();
            serve::clickhouse::serve(vec![listener.into()], engine, users(), CORES, forever)
                .await
                .unwrap();
        });
    });
    port.recv().unwrap()
}

fn fill(port: u16) {
    let mark = format!("'{MARK}'");
    for text in [
        "CREATE DATABASE shop",
        "CREATE TABLE shop.orders (id Int64, region String) ENGINE = MergeTree ORDER BY id",
        "INSERT INTO shop.orders VALUES (1, 'EU'), (2, 'US')",
        "CREATE DATABASE hidden",
        "CREATE TABLE hidden.t (x String) ENGINE = MergeTree ORDER BY x",
        &format!("INSERT INTO hidden.t SELECT {mark}"),
        "CREATE DICTIONARY hidden.d (k UInt64, x String) PRIMARY KEY k \
         SOURCE(CLICKHOUSE(QUERY 'SELECT 1 AS k, x FROM hidden.t')) LAYOUT(FLAT()) LIFETIME(0)",
        "CREATE TABLE hidden.j (k UInt64, x String) ENGINE = Join(ANY, LEFT, k)",
        &format!("INSERT INTO hidden.j SELECT 1, {mark}"),
        "CREATE VIEW shop.peek AS SELECT x FROM hidden.t",
        "CREATE DATABASE partly",
        "CREATE TABLE partly.open (id Int64) ENGINE = MergeTree ORDER BY id",
        "INSERT INTO partly.open VALUES (7)",
        "CREATE TABLE partly.closed (x String) ENGINE = MergeTree ORDER BY x",
        &format!("INSERT INTO partly.closed SELECT {mark}"),
        "CREATE TABLE partly.people (id Int64, name String, salary String) \
         ENGINE = MergeTree ORDER BY id",
        &format!("INSERT INTO partly.people SELECT 1, 'ann', {mark}"),
        "CREATE DATABASE filtered",
        "CREATE TABLE filtered.orders (id Int64, region String) ENGINE = MergeTree ORDER BY id",
        &format!("INSERT INTO filtered.orders SELECT 1, 'EU' UNION ALL SELECT 2, {mark}"),
        "CREATE VIEW filtered.shown SQL SECURITY DEFINER AS SELECT id, region FROM filtered.orders",
        "CREATE DATABASE marts",
        "CREATE TABLE marts.m (x String) ENGINE = MergeTree ORDER BY x",
        "CREATE DATABASE freds",
        "CREATE DATABASE pats",
        "CREATE FUNCTION hidden_plus AS (x) -> x + 1",
    ] {
        let reply = as_user_at(port, "root", "/", text);
        assert_eq!(reply.status, 200, "{text}: {}", reply.text());
    }
}

fn as_user_at(port: u16, user: &str, target: &str, text: &str) -> Reply {
    let headers = [("X-ClickHouse-User", user), ("X-ClickHouse-Key", PASSWORD)];
    post_with(port, target, &headers, text.as_bytes())
}

pub(crate) fn ask(user: &str, target: &str, text: &str) -> Reply {
    as_user_at(door(), user, target, text)
}

/// The answer of a statement that must succeed.
pub(crate) fn sql(user: &str, text: &str) -> String {
    let reply = ask(user, "/", text);
    assert_eq!(reply.status, 200, "{user}: {text}: {}", reply.text());
    assert!(reply.whole, "{text}");
    reply.text()
}

pub(crate) fn code(user: &str, text: &str) -> String {
    let reply = ask(user, "/", text);
    reply.header("x-clickhouse-exception-code").unwrap_or("0").to_owned()
}

pub(crate) fn in_url(text: &str) -> String {
    format!("/?query={}", encode(text))
}
