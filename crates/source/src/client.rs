//! Ordinary connections to the source, and what the server's refusals mean.

use crate::address::Address;
use crate::wire::{KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES, UNACKNOWLEDGED_MOST};
use model::{Error, Result};
use std::fmt;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A server that does not answer within this is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Nor is one that accepts and then says nothing: a paused pooler, a stopped process.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(15);

/// What every session of ours runs under. No timeout of the server's defaults may end a long copy;
/// a row policy must raise an error, not hide rows; and types that travel as text must look the same
/// whoever asks, so the replication session sets the same styles.
pub const SESSION: &str = "\
    SET row_security = off; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; \
    SET TimeZone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = 'hex'; \
    SET lc_monetary = 'C'; \
    SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings \
    WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', \
                   'idle_session_timeout', 'transaction_timeout')";

/// Opens a session. It ends when the client is dropped, and what was asked is answered.
pub async fn connect(address: &Address) -> Result<Client> {
    log_in(address).await.map(|(client, _)| client)
}

/// A session that ends with its owner, whatever it is asked.
pub(crate) struct Bound {
    pub(crate) client: Client,
    connection: AbortHandle,
}

impl Bound {
    pub(crate) async fn connect(address: &Address) -> Result<Bound> {
        let (client, connection) = log_in(address).await?;
        Ok(Bound { client, connection })
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

async fn log_in(address: &Address) -> Result<(Client, AbortHandle)> {
    let opened = tokio::time::timeout(LOGIN_TIMEOUT, open(address)).await;
    opened.unwrap_or_else(|_| {
        Err(Error::transient(format!("could not log in to {}", address.place()))
            .detail(format!("It did not answer within {LOGIN_TIMEOUT:?}."))
            .hint(
                "check that a Postgres listens there, and that a pooler in between is not paused",
            ))
    })
}

async fn open(address: &Address) -> Result<(Client, AbortHandle)> {
    let mut config = address.config();
    config.application_name("millrace").connect_timeout(CONNECT_TIMEOUT);
    // A connection that is dead and does not know it ends.
    config
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(KEEPALIVE_PROBES)
        .tcp_user_timeout(UNACKNOWLEDGED_MOST);
    let refused = |error| connect_error(&config, error);
    let (client, connection) = match address.tls()? {
        None => {
            let (client, connection) = config.connect(NoTls).await.map_err(refused)?;
            (client, drive(connection))
        }
        Some(tls) => {
            let tls = MakeRustlsConnect::new(tls.as_ref().clone());
            let (client, connection) = config.connect(tls).await.map_err(refused)?;
            (client, drive(connection))
        }
    };
    client.batch_execute(SESSION).await.map_err(|error| pg_error("set up a session", error))?;
    Ok((client, connection))
}

/// Whoever waits for an answer gets the connection's error; nobody else needs it.
fn drive(
    connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
) -> AbortHandle {
    let driven = async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the source ended");
        }
    };
    tokio::spawn(driven).abort_handle()
}

/// The error of a statement. `doing` goes on from "could not …": `read the catalog`.
pub fn pg_error(doing: impl fmt::Display, error: tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(server) => refused(doing, server.code().code(), server.message(), server.hint()),
        None => Error::transient(format!("could not {doing}")).source(error),
    }
}

/// The SQLSTATE, if the server refused.
pub(crate) fn code_of(error: &Error) -> Option<&str> {
    let said = std::error::Error::source(error)?.downcast_ref::<Refusal>()?;
    Some(&said.code)
}

/// The same from what the server said.
pub(crate) fn refused(
    doing: impl fmt::Display,
    code: &str,
    message: &str,
    hint: Option<&str>,
) -> Error {
    let made = if is_transient(code) {
        Error::transient(format!("could not {doing}"))
    } else {
        Error::definite(format!("cannot {doing}"))
    };
    let said = Refusal::new(code, message);
    let hint = hint_for(code).or_else(|| hint.filter(|_| said.is_shown()));
    let made = match hint {
        Some(hint) => made.hint(hint),
        None => made,
    };
    made.source(said)
}

/// Whether the same statement may succeed later without anybody's help.
pub(crate) fn is_transient(code: &str) -> bool {
    let class = code.get(..2).unwrap_or("");
    match class {
        // Connections, resources (memory, disk, connections, slots), I/O, the server's inner errors.
        "08" | "53" | "58" => true,
        // 57P01..05: shutdown, crash, starting up, dropped, idle. 57014: somebody cancelled us.
        "57" => code.starts_with("57P") || code == "57014",
        // Serialization, deadlock.
        "40" => code != "40002",
        // 55P03: lock timeout. 55006: in use, a slot whose last reader is still being ended.
        "55" => code == "55P03" || code == "55006",
        // idle_in_transaction_session_timeout, transaction_timeout.
        "25" => code == "25P03" || code == "25P04",
        "XX" => code == "XX000",
        _ => false,
    }
}

fn hint_for(code: &str) -> Option<&'static str> {
    Some(match code {
        // Since 16 the server's own words do not name the attribute that a WAL sender needs.
        "42501" => {
            "run `millrace check`: it prints the GRANT, or the role's REPLICATION, that is missing"
        }
        "53300" => "raise max_connections on the source, or end sessions that idle",
        "53400" => "raise max_replication_slots or max_wal_senders on the source and restart it",
        "55000" => "run `millrace check`: it prints the setting that is missing",
        "55006" => "another session uses it: is a second Millrace running?",
        _ => return None,
    })
}

/// What the server said, without what may hold row values: the detail never, the message of data
/// exceptions, violated constraints and user-defined errors neither.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: String,
    message: Option<String>,
}

impl Refusal {
    pub(crate) fn new(code: &str, message: &str) -> Refusal {
        let may_hold_values = ["22", "23", "44", "P0"].iter().any(|class| code.starts_with(class));
        let message = (!may_hold_values).then(|| message.to_owned());
        Refusal { code: code.to_owned(), message }
    }

    fn is_shown(&self) -> bool {
        self.message.is_some()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{message} (SQLSTATE {})", self.code),
            None => write!(f, "SQLSTATE {}; the message may hold row values", self.code),
        }
    }
}

impl std::error::Error for Refusal {}

/// The server does not know us, or not by this password.
pub(crate) fn login_refused(place: &str, user: &str) -> Error {
    Error::definite(format!("cannot log in to {place} as {user}"))
        .hint("check the user and the password in the address")
}

/// What a refusal during the login means, if it is about the login.
pub(crate) fn login_error(place: &str, user: &str, code: &str, message: &str) -> Option<Error> {
    let error = match code {
        "28P01" => login_refused(place, user),
        "28000" => login_refused(place, user)
            .hint("check that the role exists and that pg_hba.conf lets it in from here"),
        "3D000" => Error::definite(format!("cannot open the database at {place}"))
            .hint("correct the database in the address"),
        _ => return None,
    };
    Some(error.source(Refusal::new(code, message)))
}

fn connect_error(config: &Config, error: tokio_postgres::Error) -> Error {
    let place = place(config);
    let user = config.get_user().unwrap_or("(nobody)");
    if let Some(server) = error.as_db_error() {
        let login = login_error(&place, user, server.code().code(), server.message());
        return login.unwrap_or_else(|| pg_error(format!("connect to {place}"), error));
    }
    // The kinds are private; these words are theirs.
    let words = error.to_string();
    if words.starts_with("invalid configuration") || words.starts_with("authentication error") {
        return login_refused(&place, user).source(error);
    }
    if words.contains("TLS") && tls_is_refused(&error) {
        return Error::definite(format!("cannot agree with {place} on TLS"))
            .hint("check sslmode and sslrootcert in the address")
            .source(error);
    }
    Error::transient(format!("could not reach {place}"))
        .hint("check that Postgres listens there and that the network lets us through")
        .source(error)
}

/// A certificate that does not convince, or a server without TLS, will be the same next time.
fn tls_is_refused(error: &tokio_postgres::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        let tls = inner.and_then(|error| error.downcast_ref::<rustls::Error>());
        if matches!(tls, Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        if error.to_string() == "server does not support TLS" {
            return true;
        }
        cause = error.source();
    }
    false
}

/// `host:port`, as many as are configured.
pub(crate) fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
    let places: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(at, host)| match host {
            Host::Tcp(name) => format!("{name}:{}", port(at)),
            #[cfg(unix)]
            Host::Unix(folder) => format!("{}/.s.PGSQL.{}", folder.display(), port(at)),
        })
        .collect();
    places.join(", ")
}

/// `name` as an identifier in SQL.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `text` as a literal in SQL, whatever standard_conforming_strings says.
pub fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_decides_the_fate() {
        for code in ["08006", "53300", "57P01", "57P03", "57014", "40001", "40P01", "55P03"] {
            assert!(is_transient(code), "{code}");
        }
        for code in ["42501", "42P01", "28P01", "0A000", "22P02", "55000", "25006", "XX001", ""] {
            assert!(!is_transient(code), "{code}");
        }
    }

    #[test]
    fn messages_with_row_values_are_withheld() {
        let shown = Refusal::new("42P01", "relation \"t\" does not exist").to_string();
        assert_eq!(shown, "relation \"t\" does not exist (SQLSTATE 42P01)");
        let withheld = Refusal::new("22P02", "invalid input syntax: \"secret\"").to_string();
        assert!(!withheld.contains("secret"), "{withheld}");
    }

    #[test]
    fn names_and_texts_cannot_break_out() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's \\"), "E'it''s \\\\'");
    }
}
