//! A store over HTTP, on the wire: logins, answers of every kind, lost ones, replicas behind a balancer.
//! (What it keeps is asked in `serve`, of a real engine.)

mod fence;
mod preflight;
mod replicas;
mod scripted;
mod tls;

use model::{Error, Fate};
use scripted::{Said, Script, Scripted};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use store::remote::{Hidden, Login, Remote, RemoteOptions};
use store::{Insert, Store, Token};

fn options(port: u16, login: Login) -> RemoteOptions {
    RemoteOptions {
        login: Arc::new(move || Ok(login.clone())),
        ..RemoteOptions::new(format!("http://127.0.0.1:{port}").parse().unwrap())
    }
}

fn remote(port: u16) -> Remote {
    Remote::new(options(port, Login::Nobody)).unwrap()
}

/// What the statement is answered; everything else goes well.
fn answers(statement: &'static str, said: impl Fn() -> Said + Send + Sync + 'static) -> Script {
    Arc::new(move |heard| if heard.body == statement { said() } else { Said::ok("") })
}

#[tokio::test]
async fn a_login_travels_in_headers_and_nowhere_else() {
    let server =
        Scripted::start("u", Arc::new(|_| Said::exception("403 Forbidden", 497, "ACCESS_DENIED")));
    for (login, name, value) in [
        (Login::Nobody, "x-clickhouse-user", None),
        (
            Login::User("ann".into(), Hidden::new("topsecret")),
            "x-clickhouse-key",
            Some("topsecret"),
        ),
        (Login::Token(Hidden::new("topsecret")), "authorization", Some("Bearer topsecret")),
        (Login::Certificate("ann".into()), "x-clickhouse-ssl-certificate-auth", Some("on")),
    ] {
        let remote = Remote::new(options(server.port, login.clone())).unwrap();
        let error = remote.execute("SELECT 1").await.unwrap_err();
        let heard = server.heard().pop().unwrap();
        assert_eq!(heard.header(name), value, "{}", heard.head);
        assert!(!heard.head.lines().next().unwrap().contains("secret"), "{}", heard.head);
        let said = format!("{remote:?} {login:?} {}", error.report());
        assert!(!said.contains("topsecret"), "{said}");
    }
    let remote =
        Remote::new(options(server.port, Login::User("a".into(), Hidden::new("x\nsecret"))));
    let error = remote.unwrap().execute("SELECT 1").await.unwrap_err();
    assert!(
        error.report().contains("the password does not fit") && !error.report().contains("secret")
    );
}

#[tokio::test]
async fn every_answer_has_its_fate() {
    let page = |status| {
        Said::Strange(status, "Content-Type: text/html\r\n".into(), "<html>secret</html>".into())
    };
    let late = || {
        let progress = "X-ClickHouse-Progress: {\"read_rows\":\"1\"}\r\n".repeat(300);
        let Said::Whole(_, code, text) = Said::exception("200 OK", 241, "MEMORY_LIMIT_EXCEEDED")
        else {
            unreachable!()
        };
        Said::Whole("200 OK", progress + &code, text)
    };
    use Fate::{Definite, Transient};
    let cases: Vec<(Said, Fate, &str)> = vec![
        (page("502 Bad Gateway"), Transient, "answered 502"),
        (page("503 Service Unavailable"), Transient, "answered 503"),
        (page("429 Too Many Requests"), Transient, "answered 429"),
        (page("401 Unauthorized"), Transient, "answered 401"),
        (page("404 Not Found"), Transient, "not as ClickHouse does"),
        (page("301 Moved Permanently"), Transient, "not as ClickHouse does"),
        (Said::exception("500 Internal Server Error", 1000, "POCO_EXCEPTION"), Transient, "1000"),
        (Said::exception("500 Internal Server Error", 425, "SYSTEM_ERROR"), Transient, "425"),
        (Said::exception("403 Forbidden", 516, "AUTHENTICATION_FAILED"), Transient, "store.url"),
        (late(), Transient, "ClickHouse error 241"),
        (Said::exception("500 Internal Server Error", 252, "TOO_MANY_PARTS"), Transient, "252"),
        (Said::exception("500 Internal Server Error", 242, "TABLE_IS_READ_ONLY"), Transient, "242"),
        (
            Said::exception("500 Internal Server Error", 319, "UNKNOWN_STATUS_OF_INSERT"),
            Transient,
            "319",
        ),
        (Said::exception("503 Service Unavailable", 999, "KEEPER_EXCEPTION"), Transient, "999"),
        (Said::exception("404 Not Found", 60, "UNKNOWN_TABLE"), Definite, "ClickHouse error 60"),
        (Said::exception("403 Forbidden", 497, "ACCESS_DENIED"), Definite, "millrace check"),
        (Said::Cut("200 OK"), Transient, "broke"),
        (Said::Cut("500 Internal Server Error"), Transient, "answered 500"),
        (Said::Nothing, Transient, "broke"),
    ];
    for (said, fate, words) in cases {
        let shown = format!("{said:?}");
        let server = Scripted::start("u", answers("SELECT 7", move || said.clone()));
        let error = remote(server.port).query("SELECT 7").await.unwrap_err();
        assert_eq!(error.fate(), fate, "{shown}: {}", error.report());
        assert!(error.report().contains(words), "{shown}: {}", error.report());
        assert!(!error.report().contains("secret"), "{}", error.report());
        let is_past = error.what().starts_with("could not");
        assert_eq!(is_past, fate == Transient, "{}", error.what());
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = remote(nobody).query("SELECT 7").await.unwrap_err();
    assert_eq!(error.fate(), Transient);
    assert!(
        error.report().contains("could not reach ClickHouse at 127.0.0.1"),
        "{}",
        error.report()
    );
}

#[tokio::test]
async fn rows_behind_progress_are_an_answer() {
    let progress = "X-ClickHouse-Progress: {\"read_rows\":\"1\"}\r\n".repeat(700);
    let said = move || Said::Whole("200 OK", progress.clone(), "1\t\\N\n".into());
    let server = Scripted::start("u", answers("SELECT 7", said));
    let rows = remote(server.port).query("SELECT 7").await.unwrap();
    assert_eq!(rows, [[Some("1".to_owned()), None]]);
}

/// Text and data in one body; only tokens compare blocks; settings of a profile do not count.
#[tokio::test]
async fn an_insert_is_one_body_and_says_how_it_is_meant() {
    let server = Scripted::start("u", Arc::new(|_| Said::ok("")));
    let rows = vec![vec![Some("a\tb".to_owned()), None]];
    remote(server.port).record("millrace.pauses (slot, since)", rows).await.unwrap();
    let heard = server.heard().pop().unwrap();
    let sql =
        "INSERT INTO millrace.pauses (slot, since) SETTINGS async_insert = 0 FORMAT TabSeparated\n";
    assert_eq!(heard.body, format!("{sql}a\\tb\t\\N\n"));
    for (name, value) in [
        ("insert_deduplicate", "0"),
        ("wait_end_of_query", "1"),
        ("join_use_nulls", "0"),
        ("final", "0"),
    ] {
        assert_eq!(heard.param(name), Some(value), "{}", heard.head);
    }
    assert!(heard.param("query").is_none(), "{}", heard.head);
    assert!(heard.param("query_id").unwrap().starts_with("millrace_look-"), "{}", heard.head);
}

/// Of a block that may have come, it is asked what is there.
#[tokio::test]
async fn a_block_without_an_answer_is_looked_for_before_it_is_sent_again() {
    let lost = AtomicBool::new(true);
    let script: Script = Arc::new(move |heard| match heard.body.as_str() {
        body if body.starts_with("INSERT") && lost.swap(false, Ordering::SeqCst) => Said::Nothing,
        body if body.contains("system.tables") => Said::ok("\t0\t[]\n"),
        body if body.contains("_insert_token = cityHash64('2:a')") => Said::ok("1\n"),
        _ => Said::ok("0\n"),
    });
    let server = Scripted::start("u", script);
    let (target, block) = contract::facts("facts", 7);
    let (block, token) = (Arc::new(block), Some(Token::first(Token::name("a"))));
    let (remote, insert) = (remote(server.port), Insert { target, block, token });
    let error = remote.insert(insert.clone()).await.unwrap_err();
    assert_eq!(error.fate(), Fate::Transient, "{}", error.report());
    assert_eq!(remote.insert(insert).await.unwrap().rows(), 7);
    let bodies = server.bodies();
    assert_eq!(bodies.iter().filter(|body| body.starts_with("INSERT")).count(), 1, "{bodies:?}");
}

/// An answer that is lost, or that comes of somebody between, may be of a statement that goes on: it is
/// ended before anything else is asked.
#[tokio::test]
async fn what_lost_its_answer_is_ended_first() {
    let page = |status| Said::Strange(status, String::new(), "<html></html>".into());
    for said in [
        Said::Nothing,
        page("502 Bad Gateway"),
        page("503 Service Unavailable"),
        page("504 Gateway Timeout"),
        page("408 Request Timeout"),
        page("200 OK"),
        // It was sent a second time by somebody between.
        Said::exception("500 Internal Server Error", 216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING"),
    ] {
        let shown = format!("{said:?}");
        let runs = Arc::new(AtomicUsize::new(3));
        let left = runs.clone();
        let script: Script = Arc::new(move |heard| match heard.body.as_str() {
            "TRUNCATE TABLE a" => said.clone(),
            body if body.starts_with("SELECT count() FROM system.processes") => {
                let left =
                    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
                Said::ok(if left.unwrap_or(0) > 1 { "1\n" } else { "0\n" })
            }
            _ => Said::ok(""),
        });
        let server = Scripted::start("u", script);
        let remote = remote(server.port);
        let error = remote.execute("TRUNCATE TABLE a").await.unwrap_err();
        assert_eq!(error.fate(), Fate::Transient, "{shown}: {}", error.report());
        let before = server.heard().len();
        let id = server.heard().last().unwrap().param("query_id").unwrap().to_owned();
        remote.execute("INSERT INTO a SELECT 1").await.unwrap();
        let which = format!("WHERE query_id IN ('{id}')");
        let (count, kill) = (
            format!("SELECT count() FROM system.processes {which}"),
            format!("KILL QUERY {which} ASYNC"),
        );
        let then = &server.bodies()[before..];
        assert_eq!(
            then,
            [&count, &kill, &count, &kill, &count, "INSERT INTO a SELECT 1"],
            "{shown}"
        );
        // And only once.
        remote.execute("SELECT 2").await.unwrap();
        assert_eq!(server.bodies().last().unwrap(), "SELECT 2");
        assert_eq!(server.bodies().len(), before + 7);
    }
    // What ended in an error of its own is over.
    let fails = || Said::exception("500 Internal Server Error", 241, "MEMORY_LIMIT_EXCEEDED");
    let server = Scripted::start("u", answers("TRUNCATE TABLE a", fails));
    let remote = remote(server.port);
    remote.execute("TRUNCATE TABLE a").await.unwrap_err();
    remote.execute("SELECT 2").await.unwrap();
    assert_eq!(server.bodies(), ["TRUNCATE TABLE a", "SELECT 2"]);
}

/// The statement is answered at once, and asked for until it is done: nobody between us loses patience.
#[tokio::test]
async fn a_mutation_is_not_waited_for_but_asked_for() {
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = asked.clone();
    // The one of before; not heard of yet; under way, failing, done.
    let answers = ["7\t0\t0", "7\t0\t0", "8\t1\t0", "8\t1\t1", "8\t0\t0"];
    let there = |answer: &str| Said::ok(&format!("{answer}\t1\n"));
    let script: Script = Arc::new(move |heard| match heard.body.contains("system.mutations") {
        true => there(answers[seen.fetch_add(1, Ordering::SeqCst)]),
        false => Said::ok(""),
    });
    let server = Scripted::start("u", script);
    let table = model::TableName::new("d", "it's");
    remote(server.port).mutate(&table, "DELETE FROM t WHERE 1").await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), answers.len());
    let sent: Vec<_> =
        server.heard().into_iter().filter(|heard| heard.body.starts_with("DELETE")).collect();
    let [sent] = &sent[..] else { panic!("{:?}", server.bodies()) };
    for name in ["mutations_sync", "lightweight_deletes_sync"] {
        assert_eq!(sent.param(name), Some("0"), "{}", sent.head);
    }
    assert!(server.bodies()[0].ends_with(r"database = 'd' AND table = 'it\'s'"));
}

/// It took its rows along. (Nothing else ends the questions: the mutation is left.)
#[tokio::test]
async fn a_table_that_goes_is_not_waited_for() {
    let asked = AtomicUsize::new(0);
    let script: Script = Arc::new(move |heard| match heard.body.contains("system.mutations") {
        true => match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Said::ok("7\t0\t0\t1\n"),
            1..4 => Said::ok("8\t1\t0\t1\n"),
            _ => Said::ok("0\t1\t0\t0\n"),
        },
        false => Said::ok(""),
    });
    let server = Scripted::start("u", script);
    let table = model::TableName::new("d", "t");
    remote(server.port).mutate(&table, "DELETE FROM t WHERE 1").await.unwrap();
}

/// Whatever the user's profile says, and where the server does not know the choice.
#[tokio::test]
async fn rows_go_by_a_mutation() {
    let asked = AtomicUsize::new(0);
    let unknown = Arc::new(AtomicBool::new(false));
    let is_unknown = unknown.clone();
    let script: Script = Arc::new(move |heard| {
        if heard.body.contains("system.mutations") {
            return Said::ok(&format!("{}\t0\t0\t1\n", asked.fetch_add(1, Ordering::SeqCst)));
        }
        match heard.param("lightweight_delete_mode") {
            Some(_) if is_unknown.load(Ordering::SeqCst) => {
                Said::exception("404 Not Found", 115, "UNKNOWN_SETTING")
            }
            _ => Said::ok(""),
        }
    });
    let server = Scripted::start("u", script);
    let (remote, table) = (remote(server.port), model::TableName::new("d", "t"));
    remote.mutate(&table, "DELETE FROM t WHERE 1").await.unwrap();
    unknown.store(true, Ordering::SeqCst);
    remote.mutate(&table, "DELETE FROM t WHERE 2").await.unwrap();
    let sent = server.heard().into_iter().filter(|heard| heard.body.starts_with("DELETE"));
    let mode = |heard: scripted::Heard| heard.param("lightweight_delete_mode").map(str::to_owned);
    let by_mutation = Some("alter_update".to_owned());
    assert_eq!(sent.map(mode).collect::<Vec<_>>(), [by_mutation.clone(), by_mutation, None]);
}

/// Who waits hears that the server is away. However the questions fail, the statement is sent once.
#[tokio::test]
async fn a_mutation_is_waited_for_again_and_not_sent_again() {
    let fails: [fn() -> Said; 5] = [
        || Said::Nothing,
        || Said::Cut("200 OK"),
        || Said::Strange("502 Bad Gateway", String::new(), String::new()),
        || Said::exception("500 Internal Server Error", 241, "MEMORY_LIMIT_EXCEEDED"),
        || Said::exception("500 Internal Server Error", 159, "TIMEOUT_EXCEEDED"),
    ];
    for fail in fails {
        let asked = AtomicUsize::new(0);
        let script: Script = Arc::new(move |heard| match heard.body.as_str() {
            body if body.contains("system.mutations") => {
                match asked.fetch_add(1, Ordering::SeqCst) {
                    0 => Said::ok("7\t0\t0\t1\n"),
                    1..4 => fail(),
                    _ => Said::ok("8\t0\t0\t1\n"),
                }
            }
            body if body.contains("system.processes") => Said::ok("0\n"),
            _ => Said::ok(""),
        });
        let server = Scripted::start("u", script);
        let table = model::TableName::new("d", "t");
        let remote = remote(server.port);
        for _ in 1..4 {
            let error = remote.mutate(&table, "DELETE FROM t WHERE 1").await.unwrap_err();
            assert_eq!(error.fate(), Fate::Transient, "{}", error.report());
        }
        remote.mutate(&table, "DELETE FROM t WHERE 1").await.unwrap();
        let sent = |bodies: Vec<String>| bodies.iter().filter(|b| b.starts_with("DELETE")).count();
        assert_eq!(sent(server.bodies()), 1, "{:?}", server.bodies());
        // That one is over: the same words are another one, which this server never hears of.
        let next = remote.mutate(&table, "DELETE FROM t WHERE 1");
        tokio::time::timeout(std::time::Duration::from_millis(200), next).await.unwrap_err();
        assert_eq!(sent(server.bodies()), 2, "{:?}", server.bodies());
    }
    // What is no trouble of the way is said.
    let asked = AtomicUsize::new(0);
    let script: Script = Arc::new(move |heard| match heard.body.contains("system.mutations") {
        true if asked.fetch_add(1, Ordering::SeqCst) > 0 => {
            Said::exception("403 Forbidden", 497, "ACCESS_DENIED")
        }
        true => Said::ok("7\t0\t0\t1\n"),
        false => Said::ok(""),
    });
    let server = Scripted::start("u", script);
    let table = model::TableName::new("d", "t");
    let mutated = remote(server.port).mutate(&table, "DELETE FROM t WHERE 1").await;
    assert_eq!(mutated.unwrap_err().fate(), Fate::Definite);
}

/// So is what an earlier process left running, before anything is read of what is kept.
#[tokio::test]
async fn a_pipeline_ends_what_another_process_of_it_left() {
    let server = Scripted::start(
        "u",
        Arc::new(|heard| match heard.body.as_str() {
            body if body.starts_with("SELECT count() FROM system.processes") => Said::ok("0\n"),
            body if body.contains("FROM millrace.checkpoints") => {
                Said::exception("404 Not Found", 81, "UNKNOWN_DATABASE")
            }
            _ => Said::ok(""),
        }),
    );
    let slot = Some("s".to_owned());
    let remote =
        Remote::new(RemoteOptions { slot, ..options(server.port, Login::Nobody) }).unwrap();
    assert_eq!(remote.begin().await.unwrap(), None);
    remote.execute("SELECT 1").await.unwrap();
    let bodies = server.bodies();
    let at = |words: &str| {
        bodies.iter().position(|body| body.contains(words)).unwrap_or_else(|| panic!("{words}"))
    };
    let ends = at("startsWith(query_id, 'millrace-s-')");
    let makes = at("CREATE DATABASE IF NOT EXISTS `millrace`");
    assert!(at("FROM millrace.checkpoints WHERE slot != 's'") < makes);
    assert!(makes < ends && ends < at("SELECT 1"));
    let ids = server.heard().into_iter().map(|heard| heard.param("query_id").unwrap().to_owned());
    assert!({ ids }.all(|id| id.starts_with("millrace-s-")), "so that the next one finds them");
    remote.query("SELECT 2").await.unwrap();
    assert_eq!(server.bodies().len(), bodies.len() + 1, "set up once");
}

#[tokio::test]
async fn a_server_of_another_pipeline_is_refused() {
    let server = Scripted::start(
        "u",
        Arc::new(|heard| match heard.body.as_str() {
            body if body.starts_with("SELECT count() FROM system.processes") => Said::ok("0\n"),
            body if body.contains("FROM millrace.checkpoints") => Said::ok("theirs\n"),
            _ => Said::ok(""),
        }),
    );
    let slot = Some("ours".to_owned());
    let remote =
        Remote::new(RemoteOptions { slot, ..options(server.port, Login::Nobody) }).unwrap();
    let error = remote.execute("SELECT 1").await.unwrap_err();
    assert_eq!(error.fate(), Fate::Definite);
    assert!(error.report().contains("slot theirs") && error.report().contains("slot = 'theirs'"));
    // Nothing of the other one is ended, and nothing is made beside it.
    let is_harmless = |body: &String| body.starts_with("SELECT") && !body.contains("processes");
    assert!(server.bodies().iter().all(is_harmless), "{:?}", server.bodies());
}

/// Who has let us in once has a login that is being replaced: that passes, with the one that its file says then.
#[tokio::test]
async fn a_token_that_ran_out_is_read_again() {
    let valid = Arc::new(Mutex::new("one"));
    let known = valid.clone();
    let script: Script = Arc::new(move |heard| {
        let wanted = format!("Bearer {}", known.lock().unwrap());
        match heard.header("authorization") == Some(wanted.as_str()) {
            true if heard.body.starts_with("SELECT count()") => Said::ok("0\n"),
            true if heard.body.starts_with("TRUNCATE") => Said::Nothing,
            true => Said::ok("u\n"),
            false => Said::exception("403 Forbidden", 516, "AUTHENTICATION_FAILED"),
        }
    });
    let server = Scripted::start("", script);
    let ours = Arc::new(Mutex::new("one"));
    let own = ours.clone();
    let login = Arc::new(move || match *own.lock().unwrap() {
        "" => Err(Error::definite("cannot read the file of store.token")),
        token => Ok(Login::Token(Hidden::new(token))),
    });
    let remote =
        Remote::new(RemoteOptions { login, ..options(server.port, Login::Nobody) }).unwrap();
    let asked = async |sql| remote.query(sql).await;
    asked("SELECT 1").await.unwrap();
    *valid.lock().unwrap() = "two";
    // The file is made anew, a moment later than the server's.
    for held in ["one", "one", ""] {
        *ours.lock().unwrap() = held;
        let error = asked("SELECT 2").await.unwrap_err();
        assert_eq!(error.fate(), Fate::Transient, "{held}: {}", error.report());
    }
    *ours.lock().unwrap() = "two";
    asked("SELECT 2").await.unwrap();
    // So it is on a connection of before on which a statement that was given up is ended.
    let (lost, well) = tokio::join!(remote.execute("TRUNCATE TABLE a"), asked("SELECT 3"));
    assert!(lost.is_err() && well.is_ok());
    *valid.lock().unwrap() = "three";
    *ours.lock().unwrap() = "three";
    let error = asked("SELECT 4").await.unwrap_err();
    assert_eq!(error.fate(), Fate::Transient, "{}", error.report());
    asked("SELECT 4").await.unwrap();
}

/// Before anything of ours has ever answered there, somebody has to help.
#[tokio::test]
async fn what_does_not_let_us_in_is_definite_only_at_first() {
    let page = |status| Said::Strange(status, String::new(), "<html>".into());
    let refused = || Said::exception("403 Forbidden", 516, "AUTHENTICATION_FAILED");
    for (said, fate) in [
        (refused(), Fate::Definite),
        (page("401 Unauthorized"), Fate::Definite),
        (page("404 Not Found"), Fate::Definite),
        (page("301 Moved Permanently"), Fate::Definite),
        (page("502 Bad Gateway"), Fate::Transient),
        (page("200 OK"), Fate::Transient),
        (Said::exception("500 Internal Server Error", 202, "TOO_MANY"), Fate::Transient),
    ] {
        let shown = format!("{said:?}");
        let is_well = Arc::new(AtomicBool::new(false));
        let seen = is_well.clone();
        let script: Script = Arc::new(move |_| match seen.load(Ordering::SeqCst) {
            true => Said::Cut("200 OK"),
            false => said.clone(),
        });
        let server = Scripted::start("", script);
        let remote_here = remote(server.port);
        let error = remote_here.query("SELECT 7").await.unwrap_err();
        assert_eq!(error.fate(), fate, "{shown}: {}", error.report());
        let is_past = error.what().starts_with("could not");
        assert_eq!(is_past, fate == Fate::Transient, "{}", error.what());
    }
    // The file of a password that is wrong at the start is read once more.
    let tries = Arc::new(AtomicUsize::new(0));
    let seen = tries.clone();
    let login = Arc::new(move || {
        let name = if seen.fetch_add(1, Ordering::SeqCst) == 0 { "old" } else { "new" };
        Ok(Login::User("ann".into(), Hidden::new(name)))
    });
    let script: Script = Arc::new(move |heard| match heard.header("x-clickhouse-key") {
        Some("new") => Said::ok("u\n"),
        _ => refused(),
    });
    let server = Scripted::start("", script);
    let remote =
        Remote::new(RemoteOptions { login, ..options(server.port, Login::Nobody) }).unwrap();
    remote.query("SELECT 1").await.unwrap();
    assert_eq!(tries.load(Ordering::SeqCst), 2);
}

/// However often it comes in a moment: several writers may meet it at once.
#[tokio::test]
async fn what_may_be_of_the_network_is_tried_again() {
    for code in [3, 32, 33, 40, 159, 271] {
        let said = move || Said::exception("500 Internal Server Error", code, "NAME");
        let server = Scripted::start("u", answers("SELECT 7", said));
        let remote = remote(server.port);
        for _ in 0..30 {
            let error = remote.query("SELECT 7").await.unwrap_err();
            assert_eq!(error.fate(), Fate::Transient, "{code}");
        }
    }
}

/// A receipt is for what the server says of this very statement.
#[tokio::test]
async fn a_page_that_says_all_is_well_is_no_receipt() {
    let own = |heard: &scripted::Heard| {
        format!("X-ClickHouse-Query-Id: {}\r\n", heard.param("query_id").unwrap())
    };
    let none = || String::new();
    let other = "X-ClickHouse-Query-Id: millrace-s-1-1\r\n";
    let cases: Vec<(&str, Script)> = vec![
        ("a page", Arc::new(move |_| Said::Strange("200 OK", none(), "<html>".into()))),
        ("nothing", Arc::new(move |_| Said::Strange("200 OK", none(), none()))),
        ("an old answer", Arc::new(move |_| Said::Strange("200 OK", other.into(), none()))),
        ("text", Arc::new(move |heard| Said::Strange("200 OK", own(heard), "thanks".into()))),
    ];
    for (name, script) in cases {
        let script: Script = Arc::new(move |heard| match heard.body.starts_with("INSERT") {
            true => script(heard),
            false => Said::ok("0\n"),
        });
        let server = Scripted::start("u", script);
        let rows = vec![vec![Some("s".to_owned()), Some("1".to_owned())]];
        let written = remote(server.port).record("millrace.pauses (slot, since)", rows).await;
        let error = written.unwrap_err();
        assert_eq!(error.fate(), Fate::Transient, "{name}: {}", error.report());
        assert!(error.report().contains("answered 200"), "{name}: {}", error.report());
    }
}
