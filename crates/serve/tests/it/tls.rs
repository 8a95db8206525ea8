//! The door over TLS, spoken to by curl: who shows which certificate, and what becomes of those that do not.

use crate::lifecycle::{Door, open_at};
use harness::Authority;
use serve::{Files, Port, Tls};
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// What it signed: `server` for localhost, `client` for ann.
fn authority() -> Authority {
    let authority = Authority::new();
    authority.sign("server", "localhost", "DNS:localhost");
    authority.sign("client", "ann", "DNS:ann.example");
    authority
}

fn files(authority: &Authority) -> Files {
    Files {
        certificate: authority.path("server.pem"),
        key: authority.path("server.key"),
        client_ca: None,
    }
}

fn open(files: Files) -> Door {
    let tls = Tls::open(files).unwrap();
    open_at(|listener| Port { listener, tls: Some(Arc::new(tls)) })
}

/// As `Err`: curl's exit code, <https://curl.se/libcurl/c/libcurl-errors.html>.
fn ask(port: u16, ca: &Path, client: Option<&Authority>, sql: &str) -> Result<String, i32> {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--cacert"]).arg(ca).args(["--data-binary", sql]);
    if let Some(authority) = client {
        curl.arg("--cert").arg(authority.path("client.pem"));
        curl.arg("--key").arg(authority.path("client.key"));
    }
    let output = curl.arg(format!("https://localhost:{port}/")).output().unwrap();
    match output.status.code() {
        Some(0) => Ok(String::from_utf8(output.stdout).unwrap()),
        code => Err(code.unwrap_or(-1)),
    }
}

const UNKNOWN_AUTHORITY: Result<String, i32> = Err(60);

#[test]
fn statements_and_rows_go_over_tls() {
    let (ours, theirs) = (authority(), authority());
    let door = open(files(&ours));
    let ca = ours.path("ca.pem");
    assert_eq!(ask(door.port, &ca, None, "SELECT 1"), Ok("1\n".into()));
    let many = "SELECT number FROM numbers(300000)";
    let rows = ask(door.port, &ca, None, many).unwrap();
    assert!(rows.lines().map(|row| row.parse::<u32>().unwrap()).eq(0..300_000));
    let long = format!("SELECT length('{}')", "x".repeat(100_000));
    assert_eq!(ask(door.port, &ca, None, &long), Ok("100000\n".into()));
    assert_eq!(ask(door.port, &theirs.path("ca.pem"), None, "SELECT 1"), UNKNOWN_AUTHORITY);

    // Who says nothing, or speaks no TLS, keeps nobody waiting and gets no answer.
    let silent = TcpStream::connect(("127.0.0.1", door.port)).unwrap();
    let plain = crate::http::exchange(door.port, b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(!plain.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&plain));
    let mut odd = TcpStream::connect(("127.0.0.1", door.port)).unwrap();
    odd.write_all(&[0x16, 3, 1, 0xff, 0xff]).unwrap();
    assert_eq!(ask(door.port, &ca, None, "SELECT 2"), Ok("2\n".into()));
    drop((silent, odd));
    door.close();
}

#[test]
fn a_renewed_certificate_needs_no_restart() {
    let (before, after) = (authority(), authority());
    let place = tempfile::tempdir().unwrap();
    let take = |from: &Authority, file: &str| {
        std::fs::copy(from.path(file), place.path().join(file)).unwrap();
    };
    take(&before, "server.pem");
    take(&before, "server.key");
    let file = |name: &str| place.path().join(name);
    let door =
        open(Files { certificate: file("server.pem"), key: file("server.key"), client_ca: None });
    let by = |authority: &Authority| ask(door.port, &authority.path("ca.pem"), None, "SELECT 1");
    assert_eq!(by(&before), Ok("1\n".into()));
    // Half of it is there: the one before is shown.
    take(&after, "server.pem");
    assert_eq!(by(&before), Ok("1\n".into()));
    take(&after, "server.key");
    assert_eq!(by(&after), Ok("1\n".into()));
    assert_eq!(by(&before), UNKNOWN_AUTHORITY);
    // Gone for a while.
    std::fs::remove_file(file("server.pem")).unwrap();
    assert_eq!(by(&after), Ok("1\n".into()));
    take(&before, "server.pem");
    take(&before, "server.key");
    assert_eq!(by(&before), Ok("1\n".into()));
    door.close();
}

#[test]
fn clients_show_a_certificate_where_one_is_asked_for() {
    let (ours, theirs) = (authority(), authority());
    let door = open(Files { client_ca: Some(ours.path("ca.pem")), ..files(&ours) });
    let ca = ours.path("ca.pem");
    assert_eq!(ask(door.port, &ca, Some(&ours), "SELECT 1"), Ok("1\n".into()));
    assert!(ask(door.port, &ca, None, "SELECT 1").is_err());
    assert!(ask(door.port, &ca, Some(&theirs), "SELECT 1").is_err());
    door.close();
}

#[test]
fn files_that_are_no_certificates_are_named() {
    let ours = authority();
    let why = |files: Files| match Tls::open(files) {
        Ok(_) => panic!("they were taken"),
        Err(error) => error.report(),
    };
    let good = files(&ours);
    let missing = why(Files { certificate: ours.path("none.pem"), ..good.clone() });
    assert!(missing.contains("serve.cert_file"), "{missing}");
    let empty = why(Files { certificate: ours.path("server.key"), ..good.clone() });
    assert!(empty.contains("no certificate in PEM form"), "{empty}");
    let keyless = why(Files { key: ours.path("server.pem"), ..good.clone() });
    assert!(keyless.contains("serve.key_file"), "{keyless}");
    let others = why(Files { key: ours.path("client.key"), ..good.clone() });
    assert!(others.contains("serve.cert_file with serve.key_file"), "{others}");
    let client = why(Files { client_ca: Some(ours.path("none.pem")), ..good });
    assert!(client.contains("serve.client_ca_file"), "{client}");
}
