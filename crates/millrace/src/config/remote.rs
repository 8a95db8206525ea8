//! A store that is a server of somebody's: where it is, and as whom we come.

use super::{DbtLogin, Raw, StoreSection, file};
use ::transform::Place;
use model::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use store::remote::{Address, Certificates, Hidden, Login, Quorum, RemoteOptions};

/// As written; looked up by those who connect.
#[derive(Clone, Debug)]
pub(crate) struct RemoteStore {
    url: Raw,
    token: Option<Raw>,
    certificates: Certificates,
    quorum: Option<Quorum>,
}

impl RemoteStore {
    /// `None`: the store is embedded.
    pub(super) fn resolve(
        section: &StoreSection,
        folder: &Path,
        warnings: &mut Vec<String>,
    ) -> Result<Option<RemoteStore>> {
        let StoreSection { url, token, ca_file, cert_file, key_file, cluster, .. } = section;
        let Some(url) = url else {
            let others = [
                ("token", token.is_some()),
                ("ca_file", ca_file.is_some()),
                ("cert_file", cert_file.is_some()),
                ("key_file", key_file.is_some()),
                ("cluster", cluster.is_some()),
                ("insert_quorum", section.insert_quorum.is_some()),
            ];
            return match others.into_iter().find(|(_, is_said)| *is_said) {
                None => Ok(None),
                Some((key, _)) => {
                    Err(Error::definite(format!("cannot use store.{key} without store.url"))
                        .hint("url = \"https://user:${CH_PASSWORD}@host:8443\" under [store]"))
                }
            };
        };
        let url = Raw::new("store.url", url.clone())?;
        let raw = |key: &str, text: &Option<String>| {
            text.clone().map(|text| Raw::new(&format!("store.{key}"), text)).transpose()
        };
        let token = raw("token", token)?;
        if url.has_literal_password() {
            warnings.push(
                "store.url holds a password in plain text; better: ${CH_PASSWORD} or ${file:/run/secrets/…} in its place"
                    .to_owned(),
            );
        }
        if token.as_ref().is_some_and(Raw::is_literal) {
            warnings.push(
                "store.token stands in plain text; better: token = \"${file:/run/secrets/…}\""
                    .to_owned(),
            );
        }
        let file =
            |key: &str, text: &Option<String>| file(&format!("store.{key}"), text.as_ref(), folder);
        let client = match (file("cert_file", cert_file)?, file("key_file", key_file)?) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => {
                return Err(Error::definite(
                    "cannot use one of store.cert_file and store.key_file alone",
                ));
            }
        };
        let certificates = Certificates { ca: file("ca_file", ca_file)?, client };
        let quorum = section.insert_quorum.as_ref().map(quorum).transpose()?;
        Ok(Some(RemoteStore { url, token, certificates, quorum }))
    }

    /// `slot`: of who writes there.
    pub(super) fn options(
        &self,
        cluster: Option<&str>,
        slot: Option<&str>,
    ) -> Result<RemoteOptions> {
        let address = self.address()?;
        self.check(&address)?;
        let own = self.clone();
        // The first error is told here, and not at the first connection.
        own.login()?;
        Ok(RemoteOptions {
            address,
            login: Arc::new(move || own.login()),
            certificates: self.certificates.clone(),
            quorum: self.quorum,
            cluster: cluster.map(str::to_owned),
            slot: slot.map(str::to_owned),
            place: None,
        })
    }

    /// And who we are there; `None`: in a way that dbt does not know.
    pub(super) fn for_dbt(&self, cluster: Option<String>) -> Result<(Place, Option<DbtLogin>)> {
        let address = self.address()?;
        self.check(&address)?;
        let login = match self.login()? {
            Login::Nobody => Some(("default".to_owned(), String::new())),
            Login::User(user, password) => Some((user, password.expose().to_owned())),
            Login::Certificate(user) => Some((user, String::new())),
            Login::Token(_) => None,
        };
        let Address { tls, host, port, path, .. } = address;
        if path != "/" {
            return Err(Error::definite(format!(
                "cannot give store.url to dbt: it knows no server behind a path, as {path} is"
            ))
            .hint("an address of the server itself under [store] url, or the stock dbt by a way around its proxy"));
        }
        let Certificates { ca, client } = self.certificates.clone();
        Ok((Place { host, port, tls, cluster, ca, client }, login))
    }

    fn address(&self) -> Result<Address> {
        let parsed = self.url.resolve("store.url")?.expose().parse();
        parsed.map_err(|error: Error| error.context("[store] url"))
    }

    fn check(&self, address: &Address) -> Result<()> {
        let is_secured = self.certificates != Certificates::default();
        if is_secured && !address.tls {
            return Err(Error::definite("cannot use certificates with http").hint(
                "url = \"https://…\" under [store]; or remove ca_file, cert_file and key_file",
            ));
        }
        if self.token.is_some() && address.password.is_some() {
            return Err(Error::definite(
                "cannot log in with store.token and with a password in store.url",
            )
            .hint("remove one of them"));
        }
        let is_told = self.token.is_some() || address.password.is_some();
        if is_told && !address.tls && !address.is_loopback() {
            return Err(Error::definite(format!(
                "cannot log in at {} over http: everybody on the way would read how",
                address.place()
            ))
            .hint(
                "url = \"https://…\" under [store]; or an SSH tunnel to it, and http://127.0.0.1:…",
            ));
        }
        Ok(())
    }

    fn login(&self) -> Result<Login> {
        if let Some(token) = &self.token {
            return Ok(Login::Token(Hidden::new(token.resolve("store.token")?.expose())));
        }
        let Address { user, password, .. } = self.address()?;
        let has_certificate = self.certificates.client.is_some();
        let default = || "default".to_owned();
        Ok(match (user, password) {
            (user, Some(password)) => Login::User(user.unwrap_or_else(default), password),
            (user, None) if has_certificate => Login::Certificate(user.unwrap_or_else(default)),
            (Some(user), None) => Login::User(user, Hidden::new("")),
            (None, None) => Login::Nobody,
        })
    }
}

/// More replicas than that nobody has.
const QUORUM_MAX: i64 = 100;

fn quorum(value: &toml::Value) -> Result<Quorum> {
    let (text, number) = (value.as_str().unwrap_or_default(), value.as_integer());
    match number.filter(|count| (2..=QUORUM_MAX).contains(count)) {
        Some(count) => Ok(Quorum::Of(count as u32)),
        None if text == "auto" => Ok(Quorum::Majority),
        None => {
            let written = number.map_or_else(|| format!("{text:?}"), |number| number.to_string());
            Err(Error::definite(format!("cannot use store.insert_quorum: {written}"))
                .detail(format!("It is a number of replicas from 2 to {QUORUM_MAX}, or \"auto\" for more than half of them."))
                .hint("insert_quorum = \"auto\""))
        }
    }
}
