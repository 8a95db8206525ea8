//! How dbt reaches the store. The file that says so names variables; what they hold is in the environment of the
//! dbt process alone, neither on disk nor on a command line.

use model::{Error, Result};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// dbt is told to take this one, whatever the project calls its own.
pub(crate) const NAME: &str = "millrace";
/// dbt blots out the values of variables that begin so wherever it writes.
const PASSWORD: &str = "DBT_ENV_SECRET_MILLRACE_PASSWORD";
const FRESH_AT: &str = "MILLRACE_FRESH_AT";
const USER: &str = "MILLRACE_DBT_USER";

/// Where the store listens.
#[derive(Clone, Debug)]
pub struct Place {
    pub host: String,
    pub port: u16,
    pub tls: bool,
    pub cluster: Option<String>,
    /// Of who signed the server's certificate.
    pub ca: Option<PathBuf>,
    /// A certificate of ours, and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Held as long as dbt runs.
pub struct Profile {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Profile {
    /// `schema`: the database of models that name none.
    pub fn new(
        place: &Place,
        user: &str,
        password: &str,
        schema: &str,
        threads: u32,
    ) -> Result<Profile> {
        // Jinja would read it.
        let names = [Some(schema), Some(&place.host[..]), place.cluster.as_deref()];
        if let Some(name) = names.into_iter().flatten().find(|name| name.contains('{')) {
            return Err(Error::definite(format!("cannot give {name:?} to dbt"))
                .detail("Its templates would read the braces.")
                .hint("another name: [transform] schema, or [store] cluster, in millrace.toml"));
        }
        let cannot = |error: std::io::Error| {
            Error::definite("cannot write the profile for dbt").source(error)
        };
        let folder = tempfile::Builder::new().prefix("millrace-dbt-").tempdir().map_err(cannot)?;
        std::fs::write(folder.path().join("profiles.yml"), text(place, schema, threads))
            .map_err(cannot)?;
        let mut variables = vec![(USER, user.to_owned()), (PASSWORD, password.to_owned())];
        // dbt-clickhouse has no word for it; Python's TLS looks there.
        variables.extend(place.ca.as_ref().map(|ca| ("SSL_CERT_FILE", ca.display().to_string())));
        Ok(Profile { folder, variables })
    }

    /// Up to when the mirrors are whole, for `loaded_at_query` of sources. Without it nobody knows.
    pub fn with_fresh_at(mut self, at: Option<String>) -> Profile {
        self.variables.extend(at.map(|at| (FRESH_AT, at)));
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }
}

fn text(place: &Place, schema: &str, threads: u32) -> String {
    let mut text = format!(
        "{NAME}:\n  target: {NAME}\n  outputs:\n    {NAME}:\n      type: clickhouse\n      driver: http\n      \
         host: {}\n      port: {}\n      user: \"{{{{ env_var('{USER}') }}}}\"\n      \
         password: \"{{{{ env_var('{PASSWORD}') }}}}\"\n      schema: {}\n      threads: {threads}\n      \
         secure: {}\n",
        quoted(&place.host),
        place.port,
        quoted(schema),
        place.tls,
    );
    if let Some(cluster) = &place.cluster {
        let _ = writeln!(text, "      cluster: {}", quoted(cluster));
    }
    for (key, path) in place.client.iter().flat_map(|(certificate, private)| {
        [("client_cert", certificate), ("client_cert_key", private)]
    }) {
        let _ = writeln!(text, "      {key}: {}", quoted(&path.display().to_string()));
    }
    text
}

/// A text of YAML.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_no_secret() {
        let place = Place {
            host: "ch.example".into(),
            port: 8443,
            tls: true,
            cluster: Some("prod".into()),
            ca: Some("/etc/ca.pem".into()),
            client: Some(("/etc/own.pem".into(), "/etc/own.key".into())),
        };
        let profile = Profile::new(&place, "ann", "hush", "it's", 4).unwrap();
        let text = std::fs::read_to_string(profile.folder().join("profiles.yml")).unwrap();
        assert!(!text.contains("hush") && !text.contains("ann"), "{text}");
        for line in [
            "host: 'ch.example'",
            "port: 8443",
            "schema: 'it''s'",
            "cluster: 'prod'",
            "secure: true",
            "client_cert: '/etc/own.pem'",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        let has = |value: &str| profile.variables().iter().any(|(_, found)| found == value);
        assert!(has("hush") && has("ann") && has("/etc/ca.pem"));
        assert!(Profile::new(&place, "ann", "hush", "{{ env_var('HOME') }}", 4).is_err());
    }
}
