//! A store behind TLS, as hosted ones are: a private authority, a certificate of ours, a token; and dbt comes to
//! it the same way.

use crate::remote::server;
use crate::transform::{small, write_model};
use crate::{project, says};
use harness::{Authority, Project};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What stands in front of a server: it ends TLS, and takes certificates and tokens for the server, which
/// has no TLS of its own and would refuse them.
struct Front {
    port: u16,
    heard: Arc<Heard>,
    _runtime: tokio::runtime::Runtime,
}

/// Connections on which these logged in so.
#[derive(Default)]
struct Heard {
    certificates: AtomicUsize,
    certificates_of_dbt: AtomicUsize,
    tokens: AtomicUsize,
    bad: Mutex<Vec<String>>,
}

impl Front {
    /// `wants`: a certificate of that authority's from whoever comes.
    fn start(authority: &Authority, to: u16, wants: bool) -> Front {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config(authority, wants)));
        let heard = Arc::<Heard>::default();
        let all = heard.clone();
        runtime.spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (acceptor, heard) = (acceptor.clone(), all.clone());
                tokio::spawn(async move {
                    if let Err(error) = pass(acceptor, socket, to, &heard).await {
                        heard.bad.lock().unwrap().push(error.to_string());
                    }
                });
            }
        });
        Front { port, heard, _runtime: runtime }
    }
}

fn config(authority: &Authority, wants: bool) -> ServerConfig {
    let certificate = |name: &str| CertificateDer::from_pem_file(authority.path(name)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.pem")).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = match wants {
        true => builder.unwrap().with_client_cert_verifier(verifier.unwrap()),
        false => builder.unwrap().with_no_client_auth(),
    };
    let key = PrivateKeyDer::from_pem_file(authority.path("server.key")).unwrap();
    builder.with_single_cert(vec![certificate("server.pem")], key).unwrap()
}

async fn pass(
    acceptor: TlsAcceptor,
    socket: TcpStream,
    to: u16,
    heard: &Heard,
) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = tokio::io::split(acceptor.accept(socket).await?);
    let (mut from_server, mut to_server) =
        TcpStream::connect(("127.0.0.1", to)).await?.into_split();
    let up = async move {
        let mut bytes = vec![0; 64 << 10];
        loop {
            let count = from_client.read(&mut bytes).await?;
            if count == 0 {
                return to_server.shutdown().await;
            }
            take(&mut bytes[..count], heard);
            to_server.write_all(&bytes[..count]).await?;
        }
    };
    let down = async move {
        tokio::io::copy(&mut from_server, &mut to_client).await?;
        to_client.shutdown().await
    };
    tokio::try_join!(up, down).map(|_| ())
}

/// Heads begin with what is read at once.
fn take(bytes: &mut [u8], heard: &Heard) {
    let mut found = |what: &[u8], instead: &[u8]| {
        let at = bytes.windows(what.len()).position(|some| some.eq_ignore_ascii_case(what));
        if let Some(at) = at {
            bytes[at..at + what.len()].copy_from_slice(instead);
        }
        at.is_some()
    };
    let by_certificate = found(b"ssl-certificate-auth: on", b"ssl-certificate-seen: on");
    let by_token = found(b"authorization: bearer hush", b"x-token-seen-: bearer hush");
    let is_dbt = found(b"user-agent: dbt-adapters", b"user-agent: dbt-adapters");
    heard.certificates.fetch_add(usize::from(by_certificate), Ordering::SeqCst);
    heard.certificates_of_dbt.fetch_add(usize::from(by_certificate && is_dbt), Ordering::SeqCst);
    heard.tokens.fetch_add(usize::from(by_token), Ordering::SeqCst);
}

fn authority() -> Authority {
    let authority = Authority::new();
    authority.sign("server", "localhost", "DNS:localhost");
    authority.sign("client", "default", "DNS:localhost");
    authority
}

/// Rows go in, dbt reads them and writes what it makes.
fn builds(project: &Project) {
    write_model(project, "m", "select id + 1 as next from public.t");
    let mut up = project.up();
    up.wait_ready();
    says(&project.run(&["transform", "run"]), 0, &["marts.m"]);
    says(&project.run(&["sql", "SELECT next FROM marts.m"]), 0, &["2"]);
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn dbt_comes_with_our_certificate_and_knows_the_private_authority() {
    let (cluster, server, authority) = (small(), server(), authority());
    let front = Front::start(&authority, server.port(), true);
    let path = |name: &str| authority.path(name).display().to_string();
    let section = format!(
        "[store]\nurl = \"https://localhost:{}\"\nca_file = \"{}\"\ncert_file = \"{}\"\nkey_file = \"{}\"\n",
        front.port,
        path("ca.pem"),
        path("client.pem"),
        path("client.key"),
    );
    builds(&project(&cluster, &section));
    assert!(front.heard.certificates_of_dbt.load(Ordering::SeqCst) > 0);
    let bad = front.heard.bad.lock().unwrap();
    assert!(bad.iter().all(|error| !error.contains("certificate")), "{bad:?}");
}

#[test]
fn dbt_has_a_user_where_we_have_a_token() {
    let (cluster, server, authority) = (small(), server(), authority());
    let front = Front::start(&authority, server.port(), false);
    let section = format!(
        "[store]\nurl = \"https://localhost:{}\"\nca_file = \"{}\"\ntoken = \"hush\"\n",
        front.port,
        authority.path("ca.pem").display(),
    );
    let without = project(&cluster, &section);
    write_model(&without, "m", "select 1 as one");
    says(&without.run(&["transform", "run"]), 2, &["it knows no store.token", "[transform] user"]);
    builds(&project(&cluster, &(section + "[transform]\nuser = \"default\"\n")));
    assert!(front.heard.tokens.load(Ordering::SeqCst) > 0);
    assert_eq!(front.heard.certificates.load(Ordering::SeqCst), 0);
}
