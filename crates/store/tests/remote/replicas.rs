//! Several servers at one address: the pin, and what one of them may still run.

use crate::scripted::{Said, Script, Scripted};
use crate::{options, remote};
use model::Fate;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::Store;
use store::remote::{Login, Quorum, Remote, RemoteOptions};

/// Leads each connection to the next of these, as long as they are there.
fn balancer(ports: Arc<Mutex<Vec<u16>>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (number, client) in listener.incoming().flatten().enumerate() {
            let to = {
                let ports = ports.lock().unwrap();
                ports[number % ports.len()]
            };
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
            for (mut from, mut into) in
                [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
            {
                std::thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while let Ok(count @ 1..) = from.read(&mut buffer) {
                        if into.write_all(&buffer[..count]).is_err() {
                            break;
                        }
                    }
                    let _ = into.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_balancer_it_is_one_server_until_that_is_gone() {
    let fine: Script = Arc::new(|heard| match heard.body.strip_prefix("SELECT not ") {
        Some(code) => Said::exception("404 Not Found", code.parse().unwrap(), "NAME"),
        None => Said::ok(""),
    });
    let servers = ["a", "b", "c"].map(|uuid| Scripted::start(uuid, fine.clone()));
    let ports = Arc::new(Mutex::new(servers.iter().map(|server| server.port).collect::<Vec<_>>()));
    let remote = remote(balancer(ports.clone()));
    let ask = async |count: usize| {
        let mut asked = tokio::task::JoinSet::new();
        for _ in 0..count {
            let remote = remote.clone();
            asked.spawn(async move { remote.execute("SELECT 1").await.unwrap() });
        }
        while let Some(done) = asked.join_next().await {
            done.unwrap();
        }
    };
    let fate =
        async |code: u32| remote.query(&format!("SELECT not {code}")).await.unwrap_err().fate();
    ask(1).await;
    ask(20).await;
    for code in [16, 47, 60, 81] {
        assert_eq!(fate(code).await, Fate::Definite, "{code}");
    }
    let busy: Vec<&Scripted> = servers.iter().filter(|server| !server.heard().is_empty()).collect();
    assert_eq!(busy.len(), 1, "{:?}", servers.each_ref().map(|server| server.heard().len()));
    assert!(busy[0].bodies().iter().filter(|body| *body == "SELECT 1").count() == 21);
    // It leaves: the others are led to, and one of them is the one from now on.
    let gone = busy[0].port;
    ports.lock().unwrap().retain(|port| *port != gone);
    let others =
        || servers.iter().filter(|server| server.port != gone).map(|server| server.heard().len());
    // Connections that are open already still go there.
    tokio::time::sleep(Duration::from_secs(6)).await;
    ask(20).await;
    let busy = others().filter(|count| *count > 0).count();
    assert_eq!((busy, others().sum::<usize>()), (1, 20));
    // It may not have heard of all tables and columns yet.
    for code in [16, 47, 60, 81] {
        assert_eq!(fate(code).await, Fate::Transient, "{code}");
    }
    assert_eq!(fate(62).await, Fate::Definite);
}

/// The replica that a process begins with may be another than the one of the process before.
#[tokio::test]
async fn a_name_that_is_missing_at_the_start_of_a_pipeline_may_come() {
    let script: Script = Arc::new(|heard| match heard.body.strip_prefix("SELECT not ") {
        Some(code) => Said::exception("404 Not Found", code.parse().unwrap(), "NAME"),
        None => Said::ok(""),
    });
    let server = Scripted::start("u", script);
    let slot = Some("s".to_owned());
    let starts =
        Remote::new(RemoteOptions { slot, ..options(server.port, Login::Nobody) }).unwrap();
    let looks = remote(server.port);
    for (code, fate) in [(60, Fate::Transient), (81, Fate::Transient), (62, Fate::Definite)] {
        let sql = format!("SELECT not {code}");
        assert_eq!(starts.query(&sql).await.unwrap_err().fate(), fate, "{code}");
        assert_eq!(looks.query(&sql).await.unwrap_err().fate(), Fate::Definite, "{code}");
    }
}

/// What one server may still run is not looked for at another, and nothing is written beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_statement_is_ended_where_it_was_asked() {
    let loses: Script = Arc::new(|heard| match heard.body.as_str() {
        "TRUNCATE TABLE a" => Said::Nothing,
        body if body.starts_with("SELECT count() FROM system.processes") => Said::ok("0\n"),
        _ => Said::ok(""),
    });
    let servers = ["a", "b"].map(|uuid| Scripted::start(uuid, loses.clone()));
    let ports = Arc::new(Mutex::new(vec![servers[0].port]));
    let remote = remote(balancer(ports.clone()));
    remote.execute("TRUNCATE TABLE a").await.unwrap_err();
    *ports.lock().unwrap() = vec![servers[1].port];
    for _ in 0..3 {
        let error = remote.execute("INSERT INTO a SELECT 1").await.unwrap_err();
        assert_eq!(error.fate(), Fate::Transient);
        assert!(error.report().contains("another server answers"), "{}", error.report());
    }
    assert!(servers[1].bodies().is_empty(), "{:?}", servers[1].bodies());
    *ports.lock().unwrap() = vec![servers[0].port];
    let mut tries = 0;
    while let Err(error) = remote.execute("INSERT INTO a SELECT 1").await {
        tries += 1;
        assert!(tries < 100 && error.fate() == Fate::Transient, "{}", error.report());
    }
    let bodies = servers[0].bodies();
    assert!(bodies[1].starts_with("SELECT count() FROM system.processes"), "{bodies:?}");
    assert_eq!(bodies[2..], ["INSERT INTO a SELECT 1"]);
    assert!(servers[1].bodies().is_empty());
}

/// A connection that comes elsewhere is no reason to go there: however often it does, for some seconds.
#[tokio::test(flavor = "multi_thread")]
async fn the_pinned_server_is_found_among_many() {
    let fine: Script = Arc::new(|heard| match heard.body.as_str() {
        "TRUNCATE TABLE a" => Said::Nothing,
        body if body.starts_with("SELECT count()") => Said::ok("0\n"),
        _ => Said::ok(""),
    });
    let servers = ["a", "b"].map(|uuid| Scripted::start(uuid, fine.clone()));
    // One in thirty leads to the first, and it begins with that.
    let mut ports = vec![servers[1].port; 30];
    ports[0] = servers[0].port;
    let remote = remote(balancer(Arc::new(Mutex::new(ports))));
    for _ in 0..2 {
        remote.execute("TRUNCATE TABLE a").await.unwrap_err();
        remote.execute("SELECT 1").await.unwrap();
    }
    assert!(servers[1].heard().is_empty(), "{:?}", servers[1].bodies());
}

/// What one server says of what it runs says nothing of another one.
#[tokio::test]
async fn requests_that_several_servers_answer_end_nothing() {
    let asked = Arc::new(AtomicUsize::new(0));
    let script: Script = Arc::new(move |heard| {
        let number = asked.fetch_add(1, Ordering::SeqCst) % 2;
        let name = format!("X-ClickHouse-Server-Display-Name: replica-{number}\r\n");
        match heard.body.as_str() {
            "TRUNCATE TABLE a" => Said::Nothing,
            "SELECT serverUUID()" => Said::Whole("200 OK", name, "u\n".into()),
            _ => Said::Whole("200 OK", name, "0\n".into()),
        }
    });
    let server = Scripted::start("", script);
    let remote = remote(server.port);
    remote.query("SELECT 1").await.unwrap();
    remote.execute("TRUNCATE TABLE a").await.unwrap_err();
    let error = remote.query("SELECT 1").await.unwrap_err();
    assert_eq!(error.fate(), Fate::Transient);
    assert!(error.report().contains("Another server answered"), "{}", error.report());
}

/// What is asked for counts, whichever replica answers; what is written, once enough of them have it.
#[tokio::test]
async fn reads_are_of_what_was_written_and_writes_have_their_quorum() {
    let row = || vec![vec![Some("s".to_owned()), Some("1".to_owned())]];
    for (quorum, value) in
        [(None, None), (Some(Quorum::Of(2)), Some("2")), (Some(Quorum::Majority), Some("auto"))]
    {
        let at_once = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let (running, seen) = (at_once.clone(), most.clone());
        let script: Script = Arc::new(move |heard| {
            if heard.body.starts_with("INSERT") {
                seen.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(100));
                running.fetch_sub(1, Ordering::SeqCst);
            }
            Said::ok("")
        });
        let server = Scripted::start("u", script);
        let options = RemoteOptions { quorum, ..options(server.port, Login::Nobody) };
        let remote = Remote::new(options).unwrap();
        remote.query("SELECT 1").await.unwrap();
        remote.execute("INSERT INTO a SELECT 1").await.unwrap();
        for heard in server.heard() {
            assert_eq!(heard.param("select_sequential_consistency"), Some("1"), "{}", heard.head);
        }
        let one = remote.record("millrace.pauses (slot, since)", row());
        let other = remote.record("millrace.pauses (slot, since)", row());
        let (one, other) = tokio::join!(one, other);
        one.and(other).unwrap();
        for heard in server.heard().iter().filter(|heard| heard.body.starts_with("INSERT")) {
            assert_eq!(heard.param("insert_quorum"), value, "{}", heard.head);
            assert_eq!(heard.param("insert_quorum_parallel"), value.map(|_| "0"));
        }
        assert!(quorum.is_none() || most.load(Ordering::SeqCst) == 1, "each has its turn");
    }
}
