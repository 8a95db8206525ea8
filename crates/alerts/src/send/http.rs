//! One request, its answer's fate, and no address in an error.

use std::sync::Arc;
use std::time::Duration;

use super::{Failed, Tried};
use model::Error;
use serde_json::Value as Json;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A receiver that needs longer has a queue of its own to mend.
const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// An agent that knows the machine's certificates.
#[derive(Clone)]
pub struct Http {
    agent: ureq::Agent,
}

/// What is added to a request.
pub(crate) enum Login<'a> {
    None,
    /// The whole value of `Authorization`.
    Header(&'a str),
}

impl Http {
    pub fn new() -> Http {
        let found = rustls_native_certs::load_native_certs().certs;
        let roots: Vec<Certificate<'static>> =
            found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent("millrace")
            .tls_config(tls)
            .build()
            .into();
        Http { agent }
    }

    /// The answer's body, if it was a good one.
    pub(crate) fn send(
        &self,
        method: &str,
        url: &str,
        login: Login<'_>,
        key: &str,
        body: &Json,
    ) -> Tried<String> {
        let bytes = body.to_string();
        let mut request = if method == "PUT" { self.agent.put(url) } else { self.agent.post(url) }
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", key);
        if let Login::Header(value) = login {
            request = request.header("Authorization", value);
        }
        let mut response = request.send(bytes.as_bytes()).map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let read = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        match status {
            200..=299 => Ok(read.unwrap_or_default()),
            429 | 500..=599 => Err(Failed {
                error: Error::transient(format!(
                    "could not send it: the receiver answered {status}"
                )),
                perhaps: status != 429,
            }),
            _ => Err(Error::definite(format!("cannot send it: the receiver answered {status}"))
                .hint("look at the settings of the contact point")
                .into()),
        }
    }
}

impl Default for Http {
    fn default() -> Http {
        Http::new()
    }
}

/// ureq's own words may quote the address.
fn failed(error: &ureq::Error) -> Failed {
    use ureq::Error::{BadUri, ConnectionFailed, HostNotFound, Http, Rustls, Timeout, Tls};
    use ureq::Timeout::{Connect, Resolve};
    // Nothing had left us then.
    let perhaps = !matches!(
        error,
        HostNotFound
            | ConnectionFailed
            | Tls(_)
            | Rustls(_)
            | BadUri(_)
            | Http(_)
            | Timeout(Connect | Resolve)
    ) && !is_refused(error);
    Failed { error: described(error), perhaps }
}

fn is_refused(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused)
}

fn described(error: &ureq::Error) -> Error {
    let could_not = |why: String| Error::transient("could not send it").detail(why);
    match error {
        ureq::Error::Io(error) => could_not(format!("The network said: {}.", error.kind())),
        ureq::Error::Timeout(_) => {
            could_not(format!("There was no answer within {} s.", TIMEOUT.as_secs()))
        }
        ureq::Error::HostNotFound => could_not("The host's name is not known.".to_owned()),
        ureq::Error::ConnectionFailed => could_not("The connection failed.".to_owned()),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => {
            could_not("The receiver's certificate is not trusted, or it speaks no TLS.".to_owned())
        }
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => Error::definite("cannot send it")
            .detail("The address or a header of the contact point is not valid."),
        _ => could_not("The request failed.".to_owned()),
    }
}
