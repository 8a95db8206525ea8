//! Doors of their own beside the shared one: limits, the end, and whose rows they show.

use crate::http::{exchange, get, post};
use crate::{CORES, ports, sql};
use serve::Port;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub(crate) struct Door {
    pub(crate) port: u16,
    stop: oneshot::Sender<()>,
    served: std::thread::JoinHandle<()>,
}

impl Door {
    pub(crate) fn close(self) {
        self.stop.send(()).unwrap();
        self.served.join().unwrap();
    }
}

pub(crate) fn open() -> Door {
    open_at(Port::from)
}

pub(crate) fn open_at(port_of: impl FnOnce(TcpListener) -> Port + Send + 'static) -> Door {
    let engine = ports().engine.clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let (send_port, port) = std::sync::mpsc::channel();
    let served = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            send_port.send(listener.local_addr().unwrap().port()).unwrap();
            let shutdown = async { drop(stopped.await) };
            let users = serve::access::File::default();
            let ports = vec![port_of(listener)];
            serve::clickhouse::serve(ports, engine, users, CORES, shutdown).await.unwrap();
        });
    });
    Door { port: port.recv().unwrap(), stop, served }
}

#[test]
fn statements_under_way_end_before_the_door_closes() {
    let door = open();
    let port = door.port;
    assert_eq!(get(port, "/ping").status, 200);
    let slow = std::thread::spawn(move || post(port, "/?log_comment=closing", "SELECT sleep(2)"));
    let running = "SELECT count() FROM system.processes WHERE Settings['log_comment'] = 'closing'";
    while sql(running) == "0\n" {
        std::thread::sleep(Duration::from_millis(10));
    }
    door.close();
    let reply = slow.join().unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (200, "0\n"));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn there_is_a_most_of_statements_at_once() {
    let door = open();
    let running = std::thread::spawn({
        let port = door.port;
        // Seen from another door, as it has a connection of its own.
        let target = "/?query_id=in-full-house&log_comment=full";
        move || post(port, target, "SELECT count() FROM numbers(1e13)")
    });
    while sql("SELECT count() FROM system.processes WHERE query_id = 'in-full-house'") == "0\n" {
        std::thread::sleep(Duration::from_millis(10));
    }
    let head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nSELECT";
    let mut held = Vec::new();
    let mut refusals = 0;
    let refused = loop {
        // Again: the place of the one before may be free only now.
        if refusals == 0 {
            let mut stream = TcpStream::connect(("127.0.0.1", door.port)).unwrap();
            stream.write_all(head).unwrap();
            held.push(stream);
        }
        let reply = post(door.port, "/", "SELECT 1");
        refusals = if reply.status == 200 { 0 } else { refusals + 1 };
        if refusals == 10 || held.len() > 200 {
            break reply;
        }
        if refusals > 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("x-clickhouse-exception-code"), Some("202"));
    assert_eq!(get(door.port, "/ping").status, 200);
    // What is in it can be seen and ended, and nothing else be done. Some that are held may have come into
    // the places for that, where they may stay a few seconds.
    let let_in = |text: &str| {
        loop {
            let reply = post(door.port, "/", text);
            if reply.header("x-clickhouse-exception-code") != Some("202") {
                return reply.text();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let listed = let_in("SHOW PROCESSLIST");
    assert!(listed.contains("in-full-house"), "{listed}");
    for text in
        ["INSERT INTO FUNCTION null('x UInt8') VALUES (1)", "SHOW TABLES", "SET max_threads = 1"]
    {
        assert_eq!(post(door.port, "/", text).status, 503, "{text}");
    }
    let kill = "KILL QUERY WHERE query_id = 'in-full-house' SYNC";
    let killed = let_in(kill);
    assert!(killed.starts_with("finished"), "{killed}");
    assert_eq!(running.join().unwrap().header("x-clickhouse-exception-code"), Some("394"));
    // Those that come to their end are answered, and make room.
    held[0].write_all(b" 7").unwrap();
    drop(held);
    while post(door.port, "/", "SELECT 1").status != 200 {
        std::thread::sleep(Duration::from_millis(10));
    }
    door.close();
}

#[test]
fn a_connection_serves_one_request_after_another() {
    let request = |text: &str, more: &str| {
        format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\n{more}Content-Length: {}\r\n\r\n{text}",
            text.len()
        )
    };
    let both = request("SELECT 1", "") + &request("SELECT 2", "Connection: close\r\n");
    let answers = exchange(ports().door, both.as_bytes());
    let answers = String::from_utf8_lossy(&answers);
    let (first, second) = answers[1..].split_once("HTTP/1.1 200 OK").unwrap();
    assert!(first.contains("\r\n1\n\r\n0\r\n\r\n"), "{answers}");
    assert!(second.ends_with("\r\n2\n\r\n0\r\n\r\n"), "{answers}");
}

#[test]
fn what_the_pipeline_writes_is_there_at_once() {
    let engine = &ports().engine;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for number in 1..=20u64 {
        let row = vec![vec![Some(format!("door-{number}")), Some(number.to_string())]];
        runtime.block_on(engine.record("millrace.checkpoints (slot, confirmed)", row)).unwrap();
        let found = sql("SELECT max(confirmed) FROM millrace.checkpoints WHERE slot LIKE 'door-%'");
        assert_eq!(found, format!("{number}\n"));
    }
}
