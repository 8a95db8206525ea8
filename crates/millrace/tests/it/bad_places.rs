//! What can be wrong with where it runs: the configuration, the data directory, the engine's
//! library, the ports, and those who talk to them.

use crate::{BINARY, project, says};
use cluster::{Cluster, free_port};
use harness::{Project, config};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Nobody listens there, and these tests end before anybody is asked.
fn nowhere() -> String {
    format!("postgres://postgres@127.0.0.1:{}/postgres", free_port())
}

#[test]
fn help_and_config_check_need_neither_engine_nor_source() {
    let project = Project::new(BINARY, &config(&nowhere(), ""));
    let env = [("MILLRACE_LIBCHDB", "/nonexistent/libchdb.so")];
    says(&project.run_with(&["--help"], &env), 0, &["up", "check", "verify"]);
    says(&project.run_with(&["config", "check"], &env), 0, &[]);
}

#[test]
fn an_unknown_key_is_named_with_its_nearest_neighbour() {
    let wrong = format!("{}\n[store]\ndata_dri = \"x\"\n", config(&nowhere(), ""));
    let project = Project::new(BINARY, &wrong);
    // To `config check` it is the answer; to the others the reason why they cannot run.
    for (verb, code) in [(&["config", "check"][..], 1), (&["up"], 2), (&["check"], 2)] {
        says(&project.run(verb), code, &["store.data_dri", "did you mean", "data_dir"]);
    }
}

#[test]
fn no_configuration_names_the_verb_that_writes_one() {
    let project = Project::new(BINARY, "");
    std::fs::remove_file(project.path().join("millrace.toml")).unwrap();
    says(&project.run(&["up"]), 2, &["millrace.toml", "hint:", "millrace init"]);
}

#[test]
fn a_data_directory_in_use_names_the_process() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key)");
    // Its own ports are in use too then, which is not what one has to hear.
    let (mut text, port) = (config(&cluster.url(), ""), free_port().to_string());
    text = text.replacen("127.0.0.1:0", &format!("127.0.0.1:{port}"), 1);
    let project = Project::new(BINARY, &text);
    let mut up = project.up();
    up.wait_ready();
    let pid = up.pid().to_string();
    let ran = project.up_ends();
    says(&ran, 2, &[".millrace", &format!("process {pid}"), &format!("kill {pid}")]);
    assert!(!ran.talk().contains(&port), "{}", ran.talk());
    // The first one has not noticed.
    cluster.sql("insert into t values (1)");
    up.wait_for("SELECT count() FROM public.t", "1");
}

#[test]
fn a_data_directory_that_cannot_be_made_says_why() {
    let project =
        Project::new(BINARY, &config(&nowhere(), "[store]\ndata_dir = \"taken/state\"\n"));
    std::fs::write(project.path().join("taken"), "a file").unwrap();
    says(
        &project.up_ends(),
        2,
        &["cannot use the data directory", "taken/state", "not a directory"],
    );
}

#[test]
fn a_missing_library_names_the_command_that_installs_it() {
    let project = Project::new(BINARY, &config(&nowhere(), ""));
    let ran = project.try_up(&[("MILLRACE_LIBCHDB", "/nonexistent/libchdb.so")]).err().unwrap();
    says(&ran, 2, &["libchdb", "/nonexistent/libchdb.so", "make setup"]);
}

#[test]
fn a_truncated_library_names_the_command_that_installs_it() {
    let project = Project::new(BINARY, &config(&nowhere(), ""));
    let cut = project.path().join("libchdb.so");
    let mut head = vec![0u8; 1 << 20];
    std::fs::File::open(library()).unwrap().read_exact(&mut head).unwrap();
    std::fs::write(&cut, head).unwrap();
    let ran = project.try_up(&[("MILLRACE_LIBCHDB", cut.to_str().unwrap())]).err().unwrap();
    says(&ran, 2, &["cannot load libchdb", "cut short", "make setup"]);
}

#[test]
fn a_library_that_is_none_of_clickhouse_says_so() {
    let project = Project::new(BINARY, &config(&nowhere(), ""));
    let (code, other) = (project.path().join("other.c"), project.path().join("other.so"));
    std::fs::write(&code, "int answer(void) { return 42; }\n").unwrap();
    let cc = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&other).arg(&code).status();
    assert!(cc.unwrap().success());
    let ran = project.try_up(&[("MILLRACE_LIBCHDB", other.to_str().unwrap())]).err().unwrap();
    says(&ran, 2, &["cannot load libchdb", "make setup"]);
}

#[test]
fn a_library_of_another_version_says_which() {
    let project = Project::new(BINARY, &config(&nowhere(), ""));
    let (code, old) = (project.path().join("old.c"), project.path().join("old.so"));
    std::fs::write(&code, "const char *chdb_version(void) { return \"25.1.0\"; }\n").unwrap();
    let cc = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&old).arg(&code).status();
    assert!(cc.unwrap().success());
    let ran = project.try_up(&[("MILLRACE_LIBCHDB", old.to_str().unwrap())]).err().unwrap();
    says(&ran, 2, &["cannot load libchdb", "25.1.0", "26.7.3", "make setup"]);
}

/// The engine's library as `make setup` left it.
fn library() -> PathBuf {
    if let Some(path) = std::env::var_os("MILLRACE_LIBCHDB") {
        return path.into();
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    let folder = std::fs::read_dir(cache.join("millrace")).unwrap();
    let mut found = folder.map(|entry| entry.unwrap().path());
    found.find(|path| path.extension().is_some_and(|ext| ext == "so")).unwrap()
}

#[test]
fn a_port_in_use_is_named() {
    let cluster = Cluster::start();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for key in ["clickhouse", "ui"] {
        let text = config(&cluster.url(), "")
            .replace(&format!("{key} = \"127.0.0.1:0\""), &format!("{key} = \"127.0.0.1:{port}\""));
        let project = Project::new(BINARY, &text);
        says(&project.up_ends(), 2, &[&format!("127.0.0.1:{port}"), "in use", "hint:", key]);
    }
}

#[test]
fn the_door_survives_what_is_no_http() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); insert into t values (7)");
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    let long = format!("GET / HTTP/1.1\r\nX-Long: {}\r\n\r\n", "x".repeat(1 << 20));
    let malformed: [&[u8]; 7] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello?\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\nSELECT 1",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\nSELECT 1\r\n",
        long.as_bytes(),
    ];
    for address in [up.door().address(), up.ui()] {
        for bytes in malformed {
            let said = raw(address, bytes);
            let status = said.split(' ').nth(1).unwrap_or("closed");
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
            let refused = said.is_empty() || status.starts_with('4') || status.starts_with('5');
            assert!(refused, "{shown:?} was answered: {said}");
            assert!(!said.contains("panicked"), "{shown:?}: {said}");
        }
    }
    // Whole as HTTP, but no SQL: answered, since the client stays to hear it.
    let odd = b"GET /?query=%ZZ%f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let said = send(up.door().address(), odd, false);
    assert!(said.split(' ').nth(1).is_some_and(|status| status.starts_with('4')), "{said}");
    // An upload that breaks off is not run: neither the short nor the unfinished one.
    let cut =
        "POST /?query=INSERT%20INTO%20public_raw.t%20FORMAT%20TabSeparated HTTP/1.1\r\nHost: x\r\n";
    raw(up.door().address(), format!("{cut}Content-Length: 100\r\n\r\n8\\t1\\t0\n").as_bytes());
    raw(up.door().address(), format!("{cut}Transfer-Encoding: chunked\r\n\r\n2\r\n8\n").as_bytes());
    let refused = up.door().try_query("SELEC 1").unwrap_err();
    assert_eq!(refused.status, 400, "{refused}");
    assert!(refused.text.contains("Code: 62"), "{refused}");
    assert_eq!(up.door().try_query("SELECT * FROM public.nothing").unwrap_err().status, 404);
    assert_eq!(up.query("SELECT id FROM public.t"), "7");
    assert!(up.is_running() && !up.log().contains("panicked"), "{}", up.log());
}

/// Sends bytes and says goodbye, and reads what comes until the other side closes or falls silent.
fn raw(address: &str, bytes: &[u8]) -> String {
    send(address, bytes, true)
}

fn send(address: &str, bytes: &[u8], goodbye: bool) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let _ = socket.write_all(bytes);
    if goodbye {
        let _ = socket.shutdown(std::net::Shutdown::Write);
    }
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
