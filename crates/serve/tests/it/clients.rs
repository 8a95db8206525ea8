//! Stock clients, as `make setup` installs them.

use crate::{ports, sql};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
    std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("millrace")
}

#[test]
fn clickhouse_connect_reads_and_inserts() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/connect.py");
    let python = cache().join("venv/bin/python");
    assert!(python.exists(), "no {}: run make setup", python.display());
    let output = Command::new(python).arg(script).arg(ports().door.to_string()).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert_eq!(out.trim(), "all well");
    assert_eq!(sql("SELECT count() FROM py.numbers"), "200003\n");
}

#[test]
fn curl_reads_and_inserts() {
    let url = format!("http://default:@127.0.0.1:{}/", ports().door);
    let curl = |args: &[&str], input: &[u8]| {
        let mut child = Command::new("curl")
            .args(["-sS", "--fail-with-body"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(curl(&[&url, "-d", "SELECT 1"], b""), (true, "1\n".into()));
    assert_eq!(
        curl(&["-G", &url, "--data-urlencode", "query=SELECT 'a b'"], b""),
        (true, "a b\n".into())
    );
    assert!(
        curl(&[&url, "-d", "CREATE TABLE curled (n UInt64) ENGINE = MergeTree ORDER BY n"], b"").0
    );
    let lines: String = (0..500_000).map(|n| format!("{n}\n")).collect();
    let target = format!("{url}?query=INSERT%20INTO%20curled%20FORMAT%20TSV");
    assert_eq!(curl(&[&target, "--data-binary", "@-"], lines.as_bytes()), (true, String::new()));
    assert!(!curl(&[&target, "-T", "-"], b"7").0, "curl -T sends PUT");
    assert_eq!(curl(&[&target, "-X", "POST", "-T", "-"], b"500000\n"), (true, String::new()));
    assert_eq!(
        curl(&[&url, "--compressed", "-d", "SELECT count() FROM curled"], b"").1,
        "500001\n"
    );
    let (fine, text) = curl(&[&url, "-d", "SELECT nope"], b"");
    assert!(!fine && text.contains("UNKNOWN_IDENTIFIER"), "{text}");
}
