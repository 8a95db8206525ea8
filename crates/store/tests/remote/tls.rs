//! Over TLS: a private authority, a certificate of ours, and what is said when they do not fit.

use crate::scripted::{Said, Scripted, Wrap};
use model::Fate;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use store::Store;
use store::remote::{Certificates, Login, Remote, RemoteOptions};

/// An authority, and what it signed: `server` for localhost, `client` for ann.
struct Authority(tempfile::TempDir);

impl Authority {
    fn new() -> Authority {
        let authority = Authority(tempfile::tempdir().unwrap());
        authority.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            "/CN=test authority",
            "-days",
            "2",
        ]);
        std::fs::write(authority.path("san"), "subjectAltName=DNS:localhost\n").unwrap();
        for (name, subject) in [("server", "/CN=localhost"), ("client", "/CN=ann")] {
            let (key, request, signed) =
                (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
            authority.openssl(&[
                "req",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-keyout",
                &key,
                "-out",
                &request,
                "-subj",
                subject,
            ]);
            authority.openssl(&[
                "x509",
                "-req",
                "-in",
                &request,
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca.key",
                "-CAcreateserial",
                "-out",
                &signed,
                "-days",
                "2",
                "-extfile",
                "san",
            ]);
        }
        authority
    }

    fn openssl(&self, args: &[&str]) {
        let output = Command::new("openssl").args(args).current_dir(&self.0).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.0.path()).join(name)
    }

    fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path(name)).unwrap()
    }

    /// Speaks TLS, and wants a certificate of this authority's.
    fn server(&self) -> Wrap {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate("ca.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let key = PrivateKeyDer::from_pem_file(self.path("server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![self.certificate("server.pem")], key)
            .unwrap();
        let config = Arc::new(config);
        Arc::new(move |socket| {
            let connection = ServerConnection::new(config.clone()).unwrap();
            Box::new(StreamOwned::new(connection, socket))
        })
    }
}

fn remote(host: &str, port: u16, certificates: Certificates) -> model::Result<Remote> {
    Remote::new(RemoteOptions {
        address: format!("https://{host}:{port}").parse().unwrap(),
        login: Arc::new(|| Ok(Login::Certificate("ann".into()))),
        certificates,
        slot: None,
    })
}

#[tokio::test]
async fn both_sides_are_who_their_certificates_say() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = Scripted::start_with("u", Arc::new(|_| Said::ok("")), ours.server());
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
