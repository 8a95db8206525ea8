//! Where the source is and how to get in: a Postgres URL, with TLS as libpq understands it.

use model::{Error, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};

/// `sslmode`, with libpq's meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tls {
    Disable,
    /// TLS if the server has it, whoever it is.
    Prefer,
    /// TLS, whoever the server is.
    Require,
    /// The certificate is signed by one we trust.
    VerifyCa,
    /// And it names the host.
    VerifyFull,
}

/// A parsed URL. Its `Debug` shows no password.
#[derive(Clone)]
pub struct Address {
    config: Config,
    tls: Tls,
    root_certificate: Option<PathBuf>,
}

impl Address {
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    pub fn tls_mode(&self) -> Tls {
        self.tls
    }

    /// `host:port` or the socket.
    pub fn place(&self) -> String {
        crate::client::place(&self.config)
    }

    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or(self.user())
    }

    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or("postgres")
    }

    pub fn is_local_socket(&self) -> bool {
        self.config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)))
    }

    /// Whether a host is to be looked up: one that is neither an address, nor a socket, nor this machine.
    pub fn needs_names(&self) -> bool {
        self.config.get_hosts().iter().any(|host| match host {
            Host::Unix(_) => false,
            Host::Tcp(name) => name != "localhost" && name.parse::<IpAddr>().is_err(),
        })
    }

    /// `sslrootcert`.
    pub fn root_certificate(&self) -> Option<&Path> {
        self.root_certificate.as_deref()
    }

    /// `None`: do not speak TLS.
    pub(crate) fn tls(&self) -> Result<Option<Arc<ClientConfig>>> {
        if self.tls == Tls::Disable || self.is_local_socket() {
            return Ok(None);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let cannot = |error: rustls::Error| Error::bug("cannot set up TLS").source(error);
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(cannot)?;
        let verifier: Arc<dyn ServerCertVerifier> = match self.tls {
            Tls::Disable | Tls::Prefer | Tls::Require => Arc::new(Anybody(provider)),
            Tls::VerifyCa | Tls::VerifyFull => {
                let roots = Arc::new(self.roots()?);
                let webpki = WebPkiServerVerifier::builder_with_provider(roots, provider)
                    .build()
                    .map_err(|error| Error::bug("cannot set up TLS").source(error))?;
                match self.tls {
                    Tls::VerifyCa => Arc::new(AnyName(webpki)),
                    _ => webpki,
                }
            }
        };
        let config =
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        Ok(Some(Arc::new(config)))
    }

    fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let Some(path) = &self.root_certificate else {
            for certificate in rustls_native_certs::load_native_certs().certs {
                // One odd certificate of the system's must not spoil the others.
                let _ = roots.add(certificate);
            }
            return Ok(roots);
        };
        let cannot = || Error::definite(format!("cannot read sslrootcert {}", path.display()));
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(|found| found.collect::<std::result::Result<Vec<_>, _>>())
            .map_err(|error| cannot().source(error))?;
        for certificate in certificates {
            roots.add(certificate).map_err(|error| cannot().source(error))?;
        }
        if roots.is_empty() {
            return Err(cannot().detail("It holds no certificate in PEM form."));
        }
        Ok(roots)
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(url: &str) -> Result<Address> {
        let (rest, options) = without_tls_options(url);
        let mut config: Config = rest.parse().map_err(|error: tokio_postgres::Error| {
            Error::definite("cannot read the address")
                .hint(
                    "it looks like postgres://user:password@host:5432/database?sslmode=verify-full",
                )
                .source(error)
        })?;
        if config.get_hosts().is_empty() {
            config.host("localhost");
        }
        if config.get_user().is_none() {
            config.user(std::env::var("PGUSER").unwrap_or_else(|_| "postgres".into()));
        }
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        // The stream connects by itself and would not know of these.
        let is_unknown = !config.get_hostaddrs().is_empty()
            || config.get_target_session_attrs() != TargetSessionAttrs::Any
            || config.get_load_balance_hosts() != LoadBalanceHosts::Disable;
        if is_unknown {
            return Err(Error::definite(
                "cannot use hostaddr, target_session_attrs or load_balance_hosts in the address",
            )
            .hint("name the one server to read from as the host"));
        }
        let root_certificate = options.root_certificate.map(PathBuf::from);
        let tls = match options.mode.as_deref() {
            None | Some("prefer" | "allow") => Tls::Prefer,
            Some("disable") => Tls::Disable,
            // libpq: a root certificate makes `require` check it.
            Some("require") if root_certificate.is_some() => Tls::VerifyCa,
            Some("require") => Tls::Require,
            Some("verify-ca") => Tls::VerifyCa,
            Some("verify-full") => Tls::VerifyFull,
            Some(other) => {
                return Err(Error::definite(format!("cannot use sslmode={other}")).hint(
                    "one of disable, prefer, require, verify-ca, verify-full in the address",
                ));
            }
        };
        config.ssl_mode(match tls {
            Tls::Disable => SslMode::Disable,
            Tls::Prefer => SslMode::Prefer,
            _ => SslMode::Require,
        });
        Ok(Address { config, tls, root_certificate })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} ({:?})", self.database(), self.place(), self.tls)
    }
}

#[derive(Default)]
struct TlsOptions {
    mode: Option<String>,
    root_certificate: Option<String>,
}

/// tokio-postgres refuses the options of libpq that it does not know.
fn without_tls_options(url: &str) -> (String, TlsOptions) {
    let mut options = TlsOptions::default();
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), options) };
    let mut kept = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", value)) => options.mode = Some(value.to_owned()),
            Some(("sslrootcert", value)) => options.root_certificate = Some(unescaped(value)),
            _ => kept.push(pair),
        }
    }
    let base = base.to_owned();
    (if kept.is_empty() { base } else { format!("{base}?{}", kept.join("&")) }, options)
}

/// Percent-decoding, for paths.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).filter(|_| *first == b'%');
        let code = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

type Provider = Arc<rustls::crypto::CryptoProvider>;

/// libpq's `require`: encrypted, but to whomever.
#[derive(Debug)]
struct Anybody(Provider);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// libpq's `verify-ca`: signed by one we trust, whatever host it names.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
        match self.0.verify_server_cert(certificate, chain, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                NotValidForName | NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_where_who_and_how() {
        let address: Address =
            "postgres://ann:s%40cret@db.example:6432/shop?sslmode=verify-full&sslrootcert=%2Ftmp%2Fca.pem&connect_timeout=3"
                .parse()
                .unwrap();
        assert_eq!((address.user(), address.database()), ("ann", "shop"));
        assert_eq!(address.place(), "db.example:6432");
        assert_eq!(address.tls_mode(), Tls::VerifyFull);
        assert_eq!(address.root_certificate, Some(PathBuf::from("/tmp/ca.pem")));
        assert!(!format!("{address:?}").contains("cret"));
        let error = "postgres://h/db?sslmode=maybe".parse::<Address>().unwrap_err();
        assert!(error.hint_text().unwrap().contains("verify-full"));
        for option in
            ["target_session_attrs=read-write", "hostaddr=10.0.0.1", "load_balance_hosts=random"]
        {
            assert!(format!("postgres://h/db?{option}").parse::<Address>().is_err(), "{option}");
        }
        assert!(
            "postgres://%%%".parse::<Address>().is_err() || "nonsense".parse::<Address>().is_err()
        );
    }
}
