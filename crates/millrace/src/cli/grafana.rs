//! `millrace grafana`: to a real Grafana with the same files, and from one.

use super::Answer;
use crate::config::Config;
use crate::talk;
use ::grafana::dashboard;
use ::grafana::export::{self, Door, File};
use clap::Subcommand;
use model::words::counted;
use model::{Error, Result};
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Write dashboards, alert rules and data source as a provisioning tree
    Export(Export),
    /// Take a dashboard (JSON) or alerting resources (YAML) that Grafana has exported
    Import(Import),
}

#[derive(clap::Args)]
pub(crate) struct Export {
    /// A folder for it; what stands there under the same names is replaced
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Where Grafana reaches ClickHouse, if it is not this machine
    #[arg(long, value_name = "HOST:PORT")]
    door: Option<String>,

    /// Whom Grafana comes in as
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Import {
    /// As Grafana's Export gives it
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Put a dashboard into this folder of dashboards/
    #[arg(long, value_name = "NAME")]
    folder: Option<String>,

    /// Replace the project's file of that name
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(verb: Verb, config: &Config) -> Result<Answer> {
    match verb {
        Verb::Export(args) => export(args, config),
        Verb::Import(args) => import(args, config),
    }
}

fn export(args: Export, config: &Config) -> Result<Answer> {
    let door = door(&args, config)?;
    let dashboards = files(&config.folder().join("dashboards"), &["json"])?;
    let alerting = files(&config.folder().join("alerting"), &["yaml", "yml"])?;
    if dashboards.is_empty() && alerting.is_empty() {
        return Err(Error::definite("cannot export: there are no dashboards and no rules")
            .hint("dashboards/*.json and alerting/*.yaml stand beside millrace.toml; millrace init writes some"));
    }
    let tree = export::tree(&name(config), &door, &dashboards, &alerting)?;
    for (place, text) in &tree {
        write(&args.folder.join(place), text)?;
    }
    talk::say(format!(
        "{} and {} of rules are in {}, with a README.md and a docker-compose.yml",
        counted(dashboards.len() as u64, "dashboard"),
        counted(alerting.len() as u64, "file"),
        args.folder.display()
    ));
    Ok(Answer::Yes)
}

fn name(config: &Config) -> String {
    let folder = config.folder().canonicalize().ok();
    let name =
        folder.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "Millrace".into())
}

fn door(args: &Export, config: &Config) -> Result<Door> {
    let (host, port, secure, user) = match config.remote(None)? {
        Some(options) => {
            let store::remote::Address { host, port, tls, user, .. } = options.address;
            (host, port, tls, user.unwrap_or_else(|| "default".into()))
        }
        None => {
            let place = config.serve.clickhouse;
            let user = if config.serve.users.is_empty() { "default" } else { "grafana" };
            (place.ip().to_string(), place.port(), false, user.to_owned())
        }
    };
    let user = args.user.clone().unwrap_or(user);
    let Some(text) = &args.door else { return Ok(Door { host, port, secure, user }) };
    let cannot = || {
        Error::definite(format!("cannot use {text:?} as an address"))
            .hint("millrace grafana export DIR --door clickhouse.example:8123")
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(cannot)?;
    Ok(Door { host: host.to_owned(), port: port.parse().map_err(|_| cannot())?, secure, user })
}

/// Those of a folder and of the folders in it, by name. None, where it is not there.
fn files(root: &Path, endings: &[&str]) -> Result<Vec<File>> {
    let mut found = Vec::new();
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, name)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let own =
                path.file_name().map(|own| own.to_string_lossy().into_owned()).unwrap_or_default();
            if path.is_dir() && name.is_empty() {
                folders.push((path, own));
            } else if path.extension().is_some_and(|end| endings.iter().any(|known| end == *known))
            {
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    Error::definite(format!("cannot read {}", path.display())).source(error)
                })?;
                found.push(File { folder: name.clone(), name: own, text });
            }
        }
    }
    found.sort_by(|a, b| (&a.folder, &a.name).cmp(&(&b.folder, &b.name)));
    Ok(found)
}

fn import(args: Import, config: &Config) -> Result<Answer> {
    let cannot = |error: std::io::Error| {
        Error::definite(format!("cannot read {}", args.file.display())).source(error)
    };
    let text = std::fs::read_to_string(&args.file).map_err(cannot)?;
    let own =
        args.file.file_name().map(|own| own.to_string_lossy().into_owned()).unwrap_or_default();
    let is_json = text.trim_start().starts_with('{');
    let (place, text) = match is_json {
        true => {
            let dashboard = dashboard::read(&text)?;
            let title = dashboard["title"].as_str().unwrap_or_default();
            let folder = args.folder.as_deref().unwrap_or_default();
            if folder.contains(['/', '\\']) || folder.starts_with('.') {
                return Err(Error::definite(format!(
                    "cannot use {folder:?} as the name of a folder"
                )));
            }
            let place = Path::new("dashboards").join(folder).join(format!("{}.json", slug(title)));
            let text = serde_json::to_string_pretty(&dashboard)
                .map_err(|error| Error::bug("cannot write a dashboard").source(error))?;
            (place, text + "\n")
        }
        false => (Path::new("alerting").join(own), text),
    };
    let path = config.folder().join(&place);
    if path.exists() && !args.force {
        return Err(Error::definite(format!(
            "cannot write {}: it is there already",
            path.display()
        ))
        .hint("--force replaces it"));
    }
    write(&path, &text)?;
    talk::say(format!("written: {}", path.display()));
    Ok(Answer::Yes)
}

/// Of a title: `Shop: Money & more` is `shop-money-more`.
fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.map(str::to_lowercase).collect::<Vec<_>>().join("-");
    if slug.is_empty() { "dashboard".into() } else { slug }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| Error::definite(format!("cannot write {}", path.display())).source(error))
}
