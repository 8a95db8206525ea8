//! TLS towards the server: whom we believe, and the certificate that we show.

use super::address::Address;
use model::{Error, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
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
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
}

impl Tls {
    pub(super) fn new(address: &Address, files: &Certificates) -> Result<Tls> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::bug("cannot set up TLS").source(error))?
            .with_root_certificates(roots(files.ca.as_deref())?);
        let config = match &files.client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| {
                    Error::definite(format!("cannot read store.key_file {}", key.display()))
                        .source(error)
                })?;
                let chain = certificates("store.cert_file", certificate)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    Error::definite("cannot use store.cert_file with store.key_file").source(error)
                })?
            }
        };
        let name = ServerName::try_from(address.host.clone()).map_err(|error| {
            Error::definite(format!("cannot verify {}: not a host name", address.host))
                .source(error)
        })?;
        Ok(Tls { connector: TlsConnector::from(Arc::new(config)), name })
    }
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = ca else {
        for certificate in rustls_native_certs::load_native_certs().certs {
            // One odd certificate of the system's must not spoil the others.
            let _ = roots.add(certificate);
        }
        return Ok(roots);
    };
    for certificate in certificates("store.ca_file", ca)? {
        roots.add(certificate).map_err(|error| {
            Error::definite(format!("cannot use store.ca_file {}", ca.display())).source(error)
        })?;
    }
    Ok(roots)
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
