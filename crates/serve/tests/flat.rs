//! Answers and bodies that are larger than the memory that they take: a process of its own, so that what
//! it takes is theirs. `make test-large` sends 65 million rows each way: 5.3 GB in.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use store::{Engine, EngineOptions};

/// 81 bytes each, 100 as JSON.
const ROWS: u64 = 6_000_000;
/// Of resident memory, beyond what the process has when it is warm, and less than the rows are. The engine gathers
/// a million rows of an INSERT to a block, and has about three such blocks at once.
const GROWTH_BYTES_MAX: u64 = 400 << 20;
/// More than 256 MiB as text.
const DOCUMENT_ROWS: u64 = 3_500_000;
const PAD: &str = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz";

fn rows() -> u64 {
    std::env::var("MILLRACE_TEST_ROWS").map_or(ROWS, |rows| rows.parse().expect("a number"))
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// The most that the process has while it runs `work`.
fn most_bytes<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let (most, ended) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::SeqCst) {
                most.fetch_max(resident_bytes(), Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let done = work();
        ended.store(true, Ordering::SeqCst);
        (most.load(Ordering::SeqCst), done)
    })
}

fn connect(port: u16, target: &str, framing: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{framing}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

fn ask(port: u16, target: &str, text: &str) -> TcpStream {
    let mut stream = connect(port, target, &format!("Content-Length: {}", text.len()));
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// How many bytes come, and the last of them.
fn drain(stream: &mut TcpStream) -> (u64, Vec<u8>) {
    let (mut piece, mut total, mut last) = (vec![0; 256 << 10], 0, Vec::new());
    loop {
        let count = stream.read(&mut piece).unwrap();
        if count == 0 {
            return (total, last);
        }
        total += count as u64;
        last.extend_from_slice(&piece[..count]);
        last.drain(..last.len().saturating_sub(100));
    }
}

fn sql(port: u16, text: &str) -> String {
    let mut answer = String::new();
    ask(port, "/", text).read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{text}: {answer}");
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    body.split("\r\n").nth(1).unwrap_or_default().trim_end().to_owned()
}

fn select(port: u16, rows: u64, target: &str) -> u64 {
    let text = format!("SELECT number AS n, '{PAD}' AS pad FROM numbers({rows})");
    let (total, last) = drain(&mut ask(port, target, &text));
    assert!(last.ends_with(b"\r\n0\r\n\r\n"), "{}", String::from_utf8_lossy(&last));
    total
}

/// In chunks, made as they are sent.
fn insert(port: u16, rows: u64) {
    let target = "/?query=INSERT%20INTO%20taken%20FORMAT%20RowBinary";
    let mut stream = connect(port, target, "Transfer-Encoding: chunked");
    const CHUNK_ROWS: u64 = 1000;
    for first in (0..rows).step_by(CHUNK_ROWS as usize) {
        let mut chunk = Vec::new();
        for row in first..(first + CHUNK_ROWS).min(rows) {
            chunk.extend_from_slice(&row.to_le_bytes());
            chunk.push(PAD.len() as u8);
            chunk.extend_from_slice(PAD.as_bytes());
        }
        stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).unwrap();
        stream.write_all(&chunk).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(&format!("\"written_rows\":\"{rows}\"")), "{answer}");
}

/// A client that reads nothing for a while stops the statement, and gets all of it when it goes on.
fn select_slowly(port: u16, rows: u64, format: &str) -> u64 {
    let text = format!("SELECT number AS n, '{PAD}' AS pad FROM numbers({rows})");
    let target = format!("/?log_comment=slow&default_format={format}");
    let mut stream = ask(port, &target, &text);
    let mut head = [0; 1000];
    stream.read_exact(&mut head).unwrap();
    let read_rows = || -> u64 {
        let text = "SELECT max(read_rows) FROM system.processes WHERE Settings['log_comment'] LIKE '%|slow'";
        sql(port, text).parse().unwrap()
    };
    let mut before = read_rows();
    loop {
        std::thread::sleep(Duration::from_millis(500));
        match read_rows() {
            now if now == before => break,
            now => before = now,
        }
    }
    assert!(before < rows / 2, "{before} of {rows} rows were read for a client that does not read");
    let (total, last) = drain(&mut stream);
    assert!(last.ends_with(b"\r\n0\r\n\r\n"));
    total + head.len() as u64
}

/// Without what differs from run to run.
const STATISTICS: &str = "output_format_write_statistics";

fn one_piece(engine: &Engine, text: &str, format: &str) -> Vec<u8> {
    let mut session = engine.session().unwrap();
    session.set(STATISTICS, "0").unwrap();
    session.query(text, format, &[]).unwrap().bytes().to_vec()
}

/// By HTTP/1.0, which has no chunks.
fn document(port: u16, text: &str, format: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!(
        "POST /?default_format={format}&{STATISTICS}=0 HTTP/1.0\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    stream.write_all(format!("{head}{text}").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    assert!(answer[..head].starts_with(b"HTTP/1.0 200 OK"));
    answer.split_off(head + 4)
}

#[test]
fn what_passes_through_the_door_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions { data_dir: folder.path().to_owned(), memory_bytes: 2 << 30 };
    let engine = Engine::open(&options).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let shared = engine.clone();
    runtime.spawn(async {
        serve::clickhouse::serve(
            vec![listener.into()],
            shared,
            Default::default(),
            2,
            std::future::pending(),
        )
        .await
        .unwrap();
    });
    sql(port, "CREATE TABLE taken (n UInt64, pad String) ENGINE = Null");
    let rows = rows();
    let check = |what: &str, work: &dyn Fn(u64)| {
        work(rows / 20);
        let warm = resident_bytes();
        let (most, ()) = most_bytes(|| work(rows));
        let grown = most.saturating_sub(warm);
        println!("{what}: {} MiB grown over {} MiB", grown >> 20, warm >> 20);
        assert!(grown < GROWTH_BYTES_MAX, "{what}: {grown} bytes for {} of rows", rows * 81);
    };
    check("JSONEachRow", &|rows| {
        assert!(select(port, rows, "/?default_format=JSONEachRow") > rows * 90);
    });
    check("Native", &|rows| {
        assert!(select(port, rows, "/?default_format=Native") > rows * 80);
    });
    check("Native in frames", &|rows| {
        select(port, rows, "/?default_format=Native&compress=1");
    });
    check("JSON", &|rows| {
        assert!(select(port, rows, "/?default_format=JSON") > rows * 90);
    });
    check("XML in frames", &|rows| {
        select(port, rows, "/?default_format=XML&compress=1");
    });
    check("INSERT", &|rows| insert(port, rows));
    check("a slow reader", &|rows| {
        assert!(select_slowly(port, rows.max(1_000_000), "JSONEachRow") > rows * 90);
    });
    check("a slow reader of a document", &|rows| {
        assert!(select_slowly(port, rows.max(1_000_000), "JSON") > rows * 90);
    });
    // Last: the one piece takes the memory that the others must not.
    for format in ["JSONCompact", "Values", "Parquet"] {
        let text = format!("SELECT number AS n, '{PAD}' AS pad FROM numbers({DOCUMENT_ROWS})");
        let whole = one_piece(&engine, &text, format);
        assert!(format == "Parquet" || whole.len() > 256 << 20, "{}", whole.len());
        assert!(document(port, &text, format) == whole, "{format} is another");
    }
}
