//! How the server wants to know that it is us.

use super::session::Session;
use crate::client::login_refused;
use model::{Error, Result};
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;

/// Kinds of an `R` message.
const OK: u32 = 0;
const CLEARTEXT: u32 = 3;
const MD5: u32 = 5;
const SASL: u32 = 10;
const SASL_CONTINUE: u32 = 11;
const SASL_FINAL: u32 = 12;

/// Answers the server's questions until it says that we are in.
pub(super) fn log_in(session: &mut Session, user: &str, password: Option<&[u8]>) -> Result<()> {
    let place = session.place().to_owned();
    let refused = |why: &str| login_refused(&place, user).detail(why);
    let missing = || refused("The server asks for a password and there is none.");
    let mut scram = None;
    loop {
        let (kind, body) = question(session)?;
        match kind {
            OK => return Ok(()),
            CLEARTEXT => {
                let password = password.ok_or_else(missing)?;
                session.write(|out| frontend::password_message(password, out))?;
            }
            MD5 => {
                let salt = body.first_chunk::<4>().copied().unwrap_or_default();
                let hash = md5_hash(user.as_bytes(), password.ok_or_else(missing)?, salt);
                session.write(|out| frontend::password_message(hash.as_bytes(), out))?;
            }
            SASL => {
                let offered = body.split(|&byte| byte == 0);
                if !offered.into_iter().any(|name| name == SCRAM_SHA_256.as_bytes()) {
                    return Err(refused("The server offers no SCRAM-SHA-256."));
                }
                let password = password.ok_or_else(missing)?;
                let begun = ScramSha256::new(password, ChannelBinding::unsupported());
                session.write(|out| {
                    frontend::sasl_initial_response(SCRAM_SHA_256, begun.message(), out)
                })?;
                scram = Some(begun);
            }
            SASL_CONTINUE | SASL_FINAL => {
                let exchange = scram.as_mut().ok_or_else(|| refused("SCRAM was not begun."))?;
                let step = match kind {
                    SASL_CONTINUE => exchange.update(&body),
                    _ => exchange.finish(&body),
                };
                step.map_err(|error| login_refused(&place, user).source(error))?;
                if kind == SASL_CONTINUE {
                    session.write(|out| frontend::sasl_response(exchange.message(), out))?;
                }
            }
            _ => {
                return Err(refused("The server asks for a method that Millrace does not speak.")
                    .hint("let the role in by scram-sha-256 in pg_hba.conf"));
            }
        }
    }
}

fn question(session: &mut Session) -> Result<(u32, Vec<u8>)> {
    let (tag, body) = session.message("log in")?;
    match (tag, body.split_first_chunk::<4>()) {
        (b'R', Some((kind, rest))) => Ok((u32::from_be_bytes(*kind), rest.to_vec())),
        _ => Err(Error::definite(format!("cannot log in to {}", session.place()))
            .detail("What answers there does not speak Postgres's protocol.")
            .hint("check host and port in the address")),
    }
}
