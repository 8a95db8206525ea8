//! Where we answer, and who is kept out of it.

use super::users::{self, Users};
use super::{DEFAULT_CLICKHOUSE, DEFAULT_UI, Raw, file};
use ::serve::Files;
use ::serve::people::Proxy;
use model::{Error, Result};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::Path;

#[derive(Clone, Debug)]
pub(crate) struct Serve {
    pub(crate) clickhouse: SocketAddr,
    /// The same over TLS.
    pub(crate) clickhouse_tls: Option<(SocketAddr, Files)>,
    pub(crate) ui: SocketAddr,
    /// Where a reverse proxy has it.
    pub(crate) ui_prefix: String,
    /// One that logs people in by itself.
    pub(crate) ui_proxy: Option<Proxy>,
    pub(crate) users: Users,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServeSection {
    clickhouse: Option<String>,
    clickhouse_tls: Option<String>,
    cert_file: Option<String>,
    key_file: Option<String>,
    client_ca_file: Option<String>,
    ui: Option<String>,
    ui_prefix: Option<String>,
    ui_user_header: Option<String>,
    ui_proxies: Vec<String>,
    users: users::Sections,
    roles: users::Sections,
}

impl ServeSection {
    pub(super) fn resolve(self, folder: &Path, warnings: &mut Vec<String>) -> Result<Serve> {
        let files = self.files(folder)?;
        let users = Users::resolve(self.users, self.roles, warnings)?;
        let guard = if users.is_empty() { Guard::Nobody } else { Guard::Passwords };
        let clickhouse = place("serve.clickhouse", self.clickhouse, DEFAULT_CLICKHOUSE, guard)?;
        if !clickhouse.ip().is_loopback() {
            warnings.push(format!(
                "serve.clickhouse on {clickhouse}: passwords and rows cross the network unencrypted; \
                 better: clickhouse_tls = \"{}:8443\" with cert_file and key_file",
                clickhouse.ip()
            ));
        }
        let clickhouse_tls = match files {
            None => None,
            Some(files) => {
                let place = place("serve.clickhouse_tls", self.clickhouse_tls, "", guard)?;
                Some((place, files))
            }
        };
        let ui_proxy = proxy(self.ui_user_header, &self.ui_proxies, guard)?;
        let ui_prefix = prefix(self.ui_prefix.unwrap_or_default())?;
        let ui = place("serve.ui", self.ui, DEFAULT_UI, guard)?;
        if !ui.ip().is_loopback() {
            warnings.push(format!(
                "serve.ui on {ui}: passwords and rows cross the network unencrypted; better: leave it on loopback \
                 behind a reverse proxy that speaks TLS"
            ));
        }
        Ok(Serve { clickhouse, clickhouse_tls, ui, ui_prefix, ui_proxy, users })
    }

    /// Those of `clickhouse_tls`, which is nothing without them, nor they without it.
    fn files(&self, folder: &Path) -> Result<Option<Files>> {
        let file =
            |key: &str, text: &Option<String>| file(&format!("serve.{key}"), text.as_ref(), folder);
        let certificate = file("cert_file", &self.cert_file)?;
        let key = file("key_file", &self.key_file)?;
        let client_ca = file("client_ca_file", &self.client_ca_file)?;
        match (self.clickhouse_tls.is_some(), certificate, key) {
            (true, Some(certificate), Some(key)) => Ok(Some(Files { certificate, key, client_ca })),
            (true, ..) => Err(Error::definite("cannot use serve.clickhouse_tls without a certificate")
                .hint("cert_file = \"server.pem\" and key_file = \"server.key\" under [serve]")),
            (false, None, None) if client_ca.is_none() => Ok(None),
            (false, ..) => Err(Error::definite(
                "cannot use serve.cert_file, key_file or client_ca_file without serve.clickhouse_tls",
            )
            .hint("clickhouse_tls = \"0.0.0.0:8443\" under [serve]")),
        }
    }
}

fn prefix(text: String) -> Result<String> {
    let trimmed = text.trim_end_matches('/');
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    // `/api` is ours, and a segment that is empty or dots is read in two ways.
    let mut segments = trimmed.split('/').skip(1);
    let is_ours = trimmed.split('/').nth(1) == Some("api");
    let is_plain = segments.all(|segment| !["", ".", ".."].contains(&segment)) && !is_ours;
    let is_path = trimmed.starts_with('/') && trimmed.bytes().all(is_path) && is_plain;
    match trimmed.is_empty() || is_path {
        true => Ok(trimmed.to_owned()),
        false => {
            Err(Error::definite(format!("cannot use serve.ui_prefix: {text:?} is no path for it"))
                .hint("ui_prefix = \"/millrace\""))
        }
    }
}

fn proxy(header: Option<String>, addresses: &[String], guard: Guard) -> Result<Option<Proxy>> {
    let cannot = |why: &str| Error::definite(format!("cannot use serve.ui_user_header: {why}"));
    let Some(header) = header else {
        return match addresses.is_empty() {
            true => Ok(None),
            false => {
                Err(Error::definite("cannot use serve.ui_proxies without serve.ui_user_header"))
            }
        };
    };
    if addresses.is_empty() {
        return Err(cannot("nobody is trusted to send it").hint("ui_proxies = [\"127.0.0.1\"]"));
    }
    if guard == Guard::Nobody {
        return Err(cannot("there are no users that it could name")
            .hint("make users ([serve.users.NAME], docs/access.md)"));
    }
    let header = header.parse().map_err(|_| cannot("it is no name of a header"))?;
    let parsed = addresses.iter().map(|text| text.parse());
    let addresses = parsed.collect::<std::result::Result<_, _>>();
    let addresses = addresses.map_err(|_| {
        Error::definite("cannot use serve.ui_proxies: they are addresses, as 127.0.0.1 and ::1")
    })?;
    Ok(Some(Proxy { header, addresses }))
}

/// Who is kept out of a port.
#[derive(Clone, Copy, PartialEq)]
enum Guard {
    Nobody,
    Passwords,
}

/// Only a loopback address where whoever reaches the port has every right.
fn place(key: &str, value: Option<String>, default: &str, guard: Guard) -> Result<SocketAddr> {
    let text = match value {
        Some(text) => Raw::new(key, text)?.resolve(key)?.into_plain(),
        None => default.to_owned(),
    };
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.clone(),
    };
    let address: SocketAddr = numeric.parse().map_err(|_| {
        Error::definite(format!("cannot use {key}: {text:?} is no address"))
            .hint(format!("{} = \"{default}\"", key.rsplit('.').next().unwrap_or(key)))
    })?;
    if !address.ip().is_loopback() && guard == Guard::Nobody {
        let error = Error::definite(format!("cannot serve {key} on {address}"));
        let tunnel =
            format!("use \"127.0.0.1:{}\" and reach it through an SSH tunnel", address.port());
        return Err(error
            .detail("There are no users: whoever reaches the port may read and change everything.")
            .hint(format!(
                "make users with passwords ([serve.users.NAME], docs/access.md), or {tunnel}"
            )));
    }
    Ok(address)
}
