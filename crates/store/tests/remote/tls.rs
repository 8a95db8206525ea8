//! Over TLS: a private authority, a certificate of ours, and what is said when they do not fit.

use crate::scripted::{Said, Script, Scripted, Wrap};
use harness::Authority;
use model::Fate;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use store::Store;
use store::remote::{Certificates, Login, Remote, RemoteOptions};

/// What it signed: `server` for localhost, `client` for ann.
fn authority() -> Authority {
    let authority = Authority::new();
    authority.sign("server", "localhost", "DNS:localhost");
    authority.sign("client", "ann", "DNS:localhost");
    authority
}

/// Speaks TLS, and wants a certificate of that authority's.
fn server(authority: &Authority) -> Wrap {
    let certificate = |name: &str| CertificateDer::from_pem_file(authority.path(name)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let key = PrivateKeyDer::from_pem_file(authority.path("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![certificate("server.pem")], key)
        .unwrap();
    let config = Arc::new(config);
    Arc::new(move |socket| {
        let connection = ServerConnection::new(config.clone()).unwrap();
        Box::new(StreamOwned::new(connection, socket))
    })
}

fn remote(host: &str, port: u16, certificates: Certificates) -> model::Result<Remote> {
    Remote::new(RemoteOptions {
        login: Arc::new(|| Ok(Login::Certificate("ann".into()))),
        certificates,
        ..RemoteOptions::new(format!("https://{host}:{port}").parse().unwrap())
    })
}

#[tokio::test]
async fn both_sides_are_who_their_certificates_say() {
    let (ours, theirs) = (authority(), authority());
    let server = Scripted::start_with("u", Arc::new(|_| Said::ok("")), server(&ours));
    let known = |authority: &Authority, client: Option<&Authority>| Certificates {
        ca: Some(authority.path("ca.pem")),
        client: client.map(|of| (of.path("client.pem"), of.path("client.key"))),
    };
    let fine = remote("localhost", server.port, known(&ours, Some(&ours))).unwrap();
    fine.execute("SELECT 1").await.unwrap();
    let heard = server.heard().pop().unwrap();
    assert_eq!(heard.header("x-clickhouse-user"), Some("ann"));
    assert_eq!(heard.header("x-clickhouse-ssl-certificate-auth"), Some("on"));
    let before = server.heard().len();

    let strange = remote("localhost", server.port, known(&theirs, Some(&ours))).unwrap();
    let error = strange.execute("SELECT 1").await.unwrap_err();
    assert_eq!(error.fate(), Fate::Definite, "{}", error.report());
    assert!(error.report().contains("store.ca_file"), "{}", error.report());
    let misnamed = remote("127.0.0.1", server.port, known(&ours, Some(&ours))).unwrap();
    assert_eq!(misnamed.execute("SELECT 1").await.unwrap_err().fate(), Fate::Definite);
    // The server hears of these only after its own part is done, and breaks off.
    for client in [None, Some(&theirs)] {
        let refused = remote("localhost", server.port, known(&ours, client)).unwrap();
        assert!(refused.execute("SELECT 1").await.is_err());
    }
    assert_eq!(server.heard().len(), before, "nothing came through");

    let missing = Certificates { ca: Some(ours.path("none.pem")), client: None };
    let error = remote("localhost", server.port, missing).unwrap_err();
    assert!(error.report().contains("store.ca_file"), "{}", error.report());
    let swapped =
        Certificates { ca: None, client: Some((ours.path("client.key"), ours.path("client.pem"))) };
    let error = remote("localhost", server.port, swapped).unwrap_err();
    assert!(error.report().contains("store.key_file"), "{}", error.report());
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = plain.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut socket in plain.incoming().flatten() {
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let error = remote("localhost", port, known(&ours, None)).unwrap();
    let error = error.execute("SELECT 1").await.unwrap_err();
    assert!(error.report().contains("on TLS"), "{}", error.report());
}

/// Certificates are replaced in place before they run out; one that does not fit for a moment stops nothing.
#[tokio::test]
async fn files_are_read_again_for_each_connection() {
    let (ours, theirs) = (authority(), authority());
    let script: Script = Arc::new(|heard| match heard.body.as_str() {
        "TRUNCATE TABLE a" => Said::Nothing,
        body if body.starts_with("SELECT count()") => Said::ok("0\n"),
        _ => Said::ok(""),
    });
    let server = Scripted::start_with("u", script, server(&ours));
    let folder = tempfile::tempdir().unwrap();
    let here = |name: &str| folder.path().join(name);
    let put = |from: &Authority| {
        for name in ["ca.pem", "client.pem", "client.key"] {
            std::fs::copy(from.path(name), here(name)).unwrap();
        }
    };
    let files = Certificates {
        ca: Some(here("ca.pem")),
        client: Some((here("client.pem"), here("client.key"))),
    };
    put(&ours);
    let remote = remote("localhost", server.port, files).unwrap();
    // Its answer is lost, and so is the connection.
    remote.execute("TRUNCATE TABLE a").await.unwrap_err();
    put(&theirs);
    let error = remote.execute("SELECT 1").await.unwrap_err();
    assert_eq!(error.fate(), Fate::Transient, "{}", error.report());
    assert!(error.report().contains("store.ca_file"), "{}", error.report());
    std::fs::remove_file(here("ca.pem")).unwrap();
    let error = remote.execute("SELECT 1").await.unwrap_err();
    assert_eq!(error.fate(), Fate::Transient, "{}", error.report());
    put(&ours);
    remote.execute("SELECT 1").await.unwrap();
}
