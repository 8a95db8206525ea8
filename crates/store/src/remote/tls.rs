//! TLS towards the server: whom we believe, and the certificate that we show.
//!
//! The files are read again for each new connection: certificates are replaced in place before they run out.

use super::address::Address;
use super::server::locked;
use model::{Error, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio_rustls::TlsConnector;

/// Files in PEM form.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Certificates {
    /// Of who signed the server's; none: those that the system trusts.
    pub ca: Option<PathBuf>,
    /// Ours, with its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// What connections are made with, and for whom.
pub(super) struct Tls {
    pub(super) name: ServerName<'static>,
    files: Certificates,
    /// One for as long as the files say the same, so that its sessions are resumed.
    made: Mutex<(Read, TlsConnector)>,
}

/// What the files held.
#[derive(PartialEq, Eq)]
struct Read {
    ca: Option<Vec<u8>>,
    client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Tls {
    pub(super) fn new(address: &Address, files: &Certificates) -> Result<Tls> {
        let name = ServerName::try_from(address.host.clone()).map_err(|error| {
            Error::definite(format!("cannot verify {}: not a host name", address.host))
                .source(error)
        })?;
        let read = files.read()?;
        let made = files.connector(&read)?;
        Ok(Tls { name, files: files.clone(), made: Mutex::new((read, made)) })
    }

    pub(super) fn connector(&self) -> Result<TlsConnector> {
        let read = self.files.read()?;
        let mut made = locked(&self.made);
        if made.0 != read {
            let connector = self.files.connector(&read)?;
            *made = (read, connector);
        }
        Ok(made.1.clone())
    }
}

impl Certificates {
    fn read(&self) -> Result<Read> {
        let ca = self.ca.as_deref().map(|ca| bytes("store.ca_file", ca)).transpose()?;
        let client = match &self.client {
            None => None,
            Some((certificate, key)) => {
                Some((bytes("store.cert_file", certificate)?, bytes("store.key_file", key)?))
            }
        };
        Ok(Read { ca, client })
    }

    fn connector(&self, read: &Read) -> Result<TlsConnector> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::bug("cannot set up TLS").source(error))?
            .with_root_certificates(self.roots(read)?);
        let config = match (&self.client, &read.client) {
            (Some((certificate, key)), Some((chain, secret))) => {
                let secret = PrivateKeyDer::from_pem_slice(secret)
                    .map_err(|error| cannot_read("store.key_file", key).source(error))?;
                let chain = certificates("store.cert_file", certificate, chain)?;
                builder.with_client_auth_cert(chain, secret).map_err(|error| {
                    Error::definite("cannot use store.cert_file with store.key_file").source(error)
                })?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }

    fn roots(&self, read: &Read) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let (Some(ca), Some(pem)) = (&self.ca, &read.ca) else {
            for certificate in rustls_native_certs::load_native_certs().certs {
                // One odd certificate of the system's must not spoil the others.
                let _ = roots.add(certificate);
            }
            return Ok(roots);
        };
        for certificate in certificates("store.ca_file", ca, pem)? {
            roots.add(certificate).map_err(|error| {
                Error::definite(format!("cannot use store.ca_file {}", ca.display())).source(error)
            })?;
        }
        Ok(roots)
    }
}

fn cannot_read(key: &str, path: &Path) -> Error {
    Error::definite(format!("cannot read {key} {}", path.display()))
}

fn bytes(key: &str, path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| cannot_read(key, path).source(error))
}

fn certificates(key: &str, path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| cannot_read(key, path).source(error))?;
    match found.is_empty() {
        true => Err(cannot_read(key, path).detail("It holds no certificate in PEM form.")),
        false => Ok(found),
    }
}
