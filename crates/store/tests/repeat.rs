//! A block that is sent again to a real server, which was killed at a moment that nobody can wait for: what is on its
//! disk is made to be what such a moment leaves. Facts are there once.

use clickhouse::Server;
use contract::Home;
use model::Block;
use std::path::PathBuf;
use std::sync::Arc;
use store::remote::{Remote, RemoteOptions};
use store::{Insert, Target, Token};

const ROWS: i64 = 30;

fn first() -> Token {
    Token::first(Token::name("a"))
}

/// In a process that follows the one that sent it.
fn again() -> Token {
    Token::again(Token::name("a"))
}

/// Asks nothing unless it is the process of a server.
#[test]
fn is_a_server() {
    clickhouse::serve();
}

struct Facts {
    server: Server,
    home: Home,
    target: Arc<Target>,
    block: Block,
}

impl Facts {
    fn start() -> Facts {
        let server = Server::start("is_a_server");
        let options =
            RemoteOptions::new(format!("http://127.0.0.1:{}", server.port()).parse().unwrap());
        let home = Home::new(Arc::new(Remote::new(options).unwrap()));
        let (target, block) = contract::facts("facts", ROWS);
        home.make(&target);
        home.store.layout().system().iter().for_each(|statement| home.execute(statement));
        Facts { server, home, target, block }
    }

    fn send(&self, token: Token) {
        let (target, block) = (self.target.clone(), Arc::new(self.block.clone()));
        let insert = Insert { target, block, token: Some(token) };
        let written = self.home.wait(self.home.store.insert(insert)).unwrap();
        assert_eq!(written.rows(), ROWS as u64);
    }

    /// That the block is sent, so many seconds from now.
    fn record(&self, seconds: i32) {
        self.home.execute("TRUNCATE TABLE millrace.batches");
        self.home.execute(&format!(
            "INSERT INTO millrace.batches (target, token, at) SELECT 't', '{}', now64(3) + {seconds}",
            Token::name("a")
        ));
    }

    /// Rows, and those that are not twice.
    #[track_caller]
    fn are(&self, rows: i64) {
        let found = self.home.one("SELECT count(), uniqExact(id) FROM facts.t");
        assert_eq!(found, format!("{rows}|{rows}"));
    }

    /// Of the parts that have any.
    fn paths(&self) -> Vec<PathBuf> {
        let sql = "SELECT path FROM system.parts WHERE active AND table = 't' \
             AND name IN (SELECT _part FROM facts.t) ORDER BY name";
        let rows = self.home.rows(sql).into_iter().flatten().flatten();
        rows.map(PathBuf::from).collect()
    }

    /// While the server is away.
    fn lose(&mut self, paths: &[PathBuf]) {
        self.server.go();
        paths.iter().for_each(|path| std::fs::remove_dir_all(path).unwrap());
        self.server.come();
    }
}

/// It has their tokens, and not the rows.
#[test]
fn a_block_whose_parts_never_came_is_written_anew() {
    let mut facts = Facts::start();
    facts.send(first());
    for lost in [1, 3, 2] {
        let paths = facts.paths();
        assert_eq!(paths.len(), 3);
        facts.lose(&paths[..lost]);
        facts.are(ROWS - ROWS / 3 * lost as i64);
        facts.send(again());
        facts.are(ROWS);
    }
    let rows = facts.home.one("SELECT uniqExact(_insert_token) FROM facts.t");
    assert_eq!(rows, "1", "whichever name they came under");
}

#[test]
fn a_block_whose_token_is_gone_is_not_written_twice() {
    let mut facts = Facts::start();
    facts.send(first());
    let log = facts.paths()[0].with_file_name("deduplication_logs");
    facts.lose(&[log]);
    facts.send(again());
    facts.are(ROWS);
}

/// By the token alone: another block is another one, whatever is in it.
#[test]
fn a_block_that_came_is_dropped_and_its_like_is_not() {
    let facts = Facts::start();
    facts.send(first());
    facts.send(again());
    facts.are(ROWS);
    facts.send(Token::again(Token::name("b")));
    assert_eq!(facts.home.one("SELECT count() FROM facts.t"), (2 * ROWS).to_string());
}

/// What was deleted since is not brought back by a block that came.
#[test]
fn rows_that_went_stay_away() {
    let facts = Facts::start();
    facts.send(first());
    facts.home.execute("DELETE FROM facts.t WHERE id < 4");
    facts.send(again());
    facts.are(ROWS - 4);
}

/// A block whose first try reached the table and not the view.
#[test]
fn a_view_gets_what_it_lacks() {
    let mut facts = Facts::start();
    facts.send(first());
    for sql in [
        "CREATE TABLE facts.seen (id Int64) ENGINE = MergeTree ORDER BY id \
         SETTINGS non_replicated_deduplication_window = 100",
        "CREATE MATERIALIZED VIEW facts.view TO facts.seen AS SELECT id FROM facts.t",
    ] {
        facts.home.execute(sql);
    }
    facts.record(60);
    for _ in 0..2 {
        facts.send(again());
        facts.are(ROWS);
        assert_eq!(facts.home.one("SELECT count(), uniqExact(id) FROM facts.seen"), "30|30");
    }
    // It has restarted since: a power cut may have taken the token.
    let log = facts.paths()[0].with_file_name("deduplication_logs");
    facts.lose(&[log]);
    facts.record(-60);
    facts.send(again());
    facts.are(ROWS);
}

/// A row's partition may be what the server makes of it: then its token counts.
#[test]
fn a_partition_that_the_server_makes_is_left_to_the_token() {
    let mut facts = Facts::start();
    facts.home.execute("DROP TABLE facts.t SYNC");
    let mut target = (*facts.target).clone();
    target.extra_columns = vec![("came".into(), "Date DEFAULT today()".into())];
    target.partition_by = Some("(came, id % 3)".into());
    facts.target = Arc::new(target);
    facts.home.make(&facts.target);
    facts.send(first());
    facts.send(again());
    facts.are(ROWS);
    let paths = facts.paths();
    facts.lose(&paths);
    facts.send(again());
    facts.are(ROWS);
}

/// Rows of a version of ours that told no tokens: ClickHouse's word is all that there is.
#[test]
fn a_block_of_before_is_not_looked_for() {
    let facts = Facts::start();
    facts.send(Token::first("old"));
    facts.home.execute("ALTER TABLE facts.t DROP COLUMN _insert_token");
    facts.home.make(&facts.target);
    facts.send(Token::again("old"));
    facts.are(ROWS);
}
