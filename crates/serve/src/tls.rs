//! TLS of a port: the certificate that we show, and whose clients we let in.
//!
//! The files are looked at with each handshake, so a renewed certificate needs no restart. While they
//! cannot be used (a new certificate is there, its key not yet), the last that could be is shown: who
//! renews a certificate must not close the door.

use model::{Error, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// In PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Ours, with those between it and its authority's.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Of who signs clients' certificates; none: clients need not show one.
    pub client_ca: Option<PathBuf>,
}

pub struct Tls {
    files: Files,
    shown: Mutex<Shown>,
}

struct Shown {
    /// Of the files when they were last read.
    stamps: Vec<Option<Stamp>>,
    config: Arc<ServerConfig>,
}

type Stamp = (SystemTime, u64);

impl Tls {
    pub fn open(files: Files) -> Result<Tls> {
        let stamps = files.stamps();
        let config = Arc::new(files.read()?);
        Ok(Tls { files, shown: Mutex::new(Shown { stamps, config }) })
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config()).accept(stream).await
    }

    fn config(&self) -> Arc<ServerConfig> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = self.files.stamps();
        if stamps != shown.stamps {
            match self.files.read() {
                Ok(config) => {
                    shown.config = Arc::new(config);
                    tracing::info!("serve: another certificate is shown from now on");
                }
                Err(error) => tracing::warn!(
                    error = %error.report(),
                    "serve: the certificate changed and cannot be used; the one before is shown"
                ),
            }
            shown.stamps = stamps;
        }
        shown.config.clone()
    }
}

impl Files {
    fn stamps(&self) -> Vec<Option<Stamp>> {
        let files = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        let stamp = |path: &PathBuf| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.modified().ok()?, found.len()))
        };
        files.into_iter().flatten().map(stamp).collect()
    }

    fn read(&self) -> Result<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = match &self.client_ca {
            None => WebPkiClientVerifier::no_client_auth(),
            Some(ca) => clients_of(ca, provider.clone())?,
        };
        let chain = certificates("serve.cert_file", &self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| {
            Error::definite(format!("cannot read serve.key_file {}", self.key.display()))
                .source(error)
        })?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::bug("cannot set up TLS").source(error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|error| {
                Error::definite("cannot use serve.cert_file with serve.key_file").source(error)
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn clients_of(
    ca: &Path,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>> {
    let cannot = || Error::definite(format!("cannot use serve.client_ca_file {}", ca.display()));
    let mut roots = RootCertStore::empty();
    for certificate in certificates("serve.client_ca_file", ca)? {
        roots.add(certificate).map_err(|error| cannot().source(error))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| cannot().source(error))
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let cannot = || Error::definite(format!("cannot read {key} {}", path.display()));
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(|found| found.collect::<Result<_, _>>())
        .map_err(|error| cannot().source(error))?;
    match found.is_empty() {
        true => Err(cannot().detail("It holds no certificate in PEM form.")),
        false => Ok(found),
    }
}
