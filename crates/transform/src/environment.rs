//! Where dbt is. A private Python environment of a pinned version, unless the user has a dbt of their own.

use model::{Error, Result};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What it is made of; `make setup` installs the same.
pub(crate) const REQUIREMENTS: &str = include_str!("requirements.txt");
/// Written when everything is installed, so that a half one is none.
const MARKER: &str = "millrace.ok";
const SETUP: &str = "millrace transform setup";

#[derive(Clone, Debug)]
pub struct Environment {
    dbt: PathBuf,
    /// `None`: the user's own.
    folder: Option<PathBuf>,
}

impl Environment {
    /// `own`: the user's dbt.
    pub fn new(own: Option<&Path>) -> Result<Environment> {
        if let Some(own) = own {
            return Ok(Environment { dbt: own.to_owned(), folder: None });
        }
        let cache = match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
            (Some(cache), _) if !cache.is_empty() => PathBuf::from(cache),
            (_, Some(home)) if !home.is_empty() => PathBuf::from(home).join(".cache"),
            _ => {
                return Err(Error::definite("cannot find the private dbt: HOME is not set")
                    .hint("HOME=/root millrace …; or [transform] dbt = \"/path/to/dbt\""));
            }
        };
        let folder = cache.join("millrace").join(format!("dbt-{}", fingerprint()));
        Ok(Environment { dbt: folder.join("bin/dbt"), folder: Some(folder) })
    }

    pub fn is_ready(&self) -> bool {
        match &self.folder {
            Some(folder) => folder.join(MARKER).is_file(),
            None => self.dbt.is_file(),
        }
    }

    /// The program, if it is there.
    pub fn dbt(&self) -> Result<&Path> {
        if self.is_ready() {
            return Ok(&self.dbt);
        }
        let error =
            Error::definite(format!("cannot run dbt: there is none at {}", self.dbt.display()));
        Err(match self.folder {
            Some(_) => error.hint(SETUP),
            None => {
                error.hint("set [transform] dbt to where it is, or remove it for a private one")
            }
        })
    }

    /// Installs what is not there yet; `say` is told of each step.
    pub fn setup(&self, say: impl Fn(&str)) -> Result<()> {
        let Some(folder) = self.folder.as_deref().filter(|_| !self.is_ready()) else {
            return self.dbt().map(drop);
        };
        let cannot = |what: &str, error: std::io::Error| {
            Error::definite(format!("cannot {what} {}", folder.display())).source(error)
        };
        let parent = folder.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(parent).map_err(|error| cannot("make a place for", error))?;
        // One at a time: `make setup` takes the same.
        let lock = std::fs::File::create(folder.with_extension("lock"))
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|error| cannot("lock", error))?;
        if self.is_ready() {
            return Ok(());
        }
        if folder.exists() {
            std::fs::remove_dir_all(folder)
                .map_err(|error| cannot("remove the half-made", error))?;
        }
        say(&format!("making a Python environment in {}", folder.display()));
        step(
            Command::new("python3").args(["-m", "venv"]).arg(folder),
            "make a Python environment",
            "install Python 3.10 or newer with its venv (Debian: apt-get install python3-venv)",
        )?;
        let wanted: Vec<&str> = REQUIREMENTS.split_whitespace().collect();
        say(&format!("installing {}", wanted.join(", ")));
        step(
            Command::new(folder.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(wanted),
            "install dbt",
            "look at the network and at pip's index: pip config list",
        )?;
        std::fs::write(folder.join(MARKER), REQUIREMENTS)
            .map_err(|error| cannot("write into", error))?;
        drop(lock);
        Ok(())
    }
}

/// Another set of versions is another environment.
fn fingerprint() -> String {
    let hash = Sha256::digest(REQUIREMENTS.as_bytes());
    hash.iter().take(4).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn step(command: &mut Command, what: &str, hint: &str) -> Result<()> {
    let ran = command.stdin(Stdio::null()).output();
    let ran =
        ran.map_err(|error| Error::definite(format!("cannot {what}")).hint(hint).source(error))?;
    if ran.status.success() {
        return Ok(());
    }
    // venv tells its reason on stdout.
    let said = [ran.stdout, ran.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    Err(Error::definite(format!("cannot {what}: {}", ran.status)).detail(said).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dbt_that_is_not_there_is_told_with_what_helps() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("dbt");
        let environment = Environment::new(Some(&own)).unwrap();
        let error = environment.dbt().unwrap_err();
        assert!(error.report().contains(&own.display().to_string()), "{}", error.report());
        std::fs::write(&own, "").unwrap();
        assert_eq!(environment.dbt().unwrap(), own);
        environment.setup(|step| panic!("the user's own is left alone: {step}")).unwrap();
    }
}
