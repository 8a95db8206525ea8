//! `millrace init`: looks at a database and writes a project for it: settings, dbt's, dashboards and alert rules.

mod boards;
mod dbt;

use super::{Answer, check, propose};
use crate::assemble::block_on;
use crate::config::{Config, DEFAULT_PUBLICATION, DEFAULT_SLOT, Raw};
use crate::talk::{self, Paint};
use model::{Error, Result};
use source::Address;
use source::preflight::{Level, Preflight};
use source::slot::{self, Publication};
use source::survey::{self, Surveyed};
use std::path::{Path, PathBuf};
use tokio_postgres::Client;

const VARIABLE: &str = "DATABASE_URL";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The database, as postgres://user@host/database [default: $DATABASE_URL]
    url: Option<String>,

    /// Where to write the project
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

pub(crate) fn run(args: Args) -> Result<Answer> {
    talk::start_logs(tracing::Level::WARN)?;
    let path = args.dir.join("millrace.toml");
    if path.exists() {
        return Err(Error::definite(format!("cannot write {}: it exists", path.display()))
            .hint("remove it, or choose another folder: --dir DIR"));
    }
    let url = Url::find(args.url)?;
    let address: Address = url.full.parse()?;
    block_on(project(&url, &address, &args.dir, &path))
}

async fn project(url: &Url, address: &Address, dir: &Path, path: &Path) -> Result<Answer> {
    let client = source::client::connect(address).await?;
    let tables = survey::tables(&client).await?;
    let version = source::catalog::server_version(&client).await?;
    let header = propose::Header {
        url: &url.written,
        publication: DEFAULT_PUBLICATION,
        slot: DEFAULT_SLOT,
        server_version: &format!("{}.{}", version / 10_000, version % 10_000),
        database: address.database(),
    };
    let text = propose::configuration(&header, &tables);
    write(dir, path, &text)?;
    talk::print(&format!("{}\n", path.display()))?;
    publication(&client).await?;
    // The file as it was written, but with what the environment may not hold.
    let config = Config::parse(&text, dir)?;
    let (mut preflight, targets) = check::look(&config, address).await?;
    let fit = dbt::write(dir, address.database(), &targets, &tables)?;
    let has_dbt = fit.is_some();
    if has_dbt {
        write(dir, path, &(text + propose::SCHEDULE))?;
    }
    boards::write(dir, &fit.unwrap_or_default())?;
    if slot_when_possible(&client, address, &preflight).await? {
        (preflight, _) = check::look(&config, address).await?;
    }
    talk::say(check::render(&preflight, &address.place()));
    say_next(url, dir, &preflight, &tables, has_dbt);
    Ok(Answer::Yes)
}

/// What was given, and what may stand in a file.
struct Url {
    full: String,
    written: String,
    /// The variable has to be exported.
    must_export: bool,
}

impl Url {
    fn find(given: Option<String>) -> Result<Url> {
        let reference = format!("${{{VARIABLE}}}");
        let set = std::env::var(VARIABLE).ok();
        match (given, set) {
            (Some(full), set) => {
                let secret = Raw::new("source.url", full.clone())?.has_literal_password();
                let must_export = secret && set.as_deref() != Some(full.as_str());
                let written = if secret { reference } else { full.clone() };
                Ok(Url { full, written, must_export })
            }
            (None, Some(full)) => Ok(Url { full, written: reference, must_export: false }),
            (None, None) => Err(Error::definite("cannot find the database: no URL is given").hint(
                format!("millrace init postgres://user@host/database, or export {VARIABLE}=…"),
            )),
        }
    }
}

fn write(dir: &Path, path: &Path, text: &str) -> Result<()> {
    let cannot = |path: &Path| {
        let what = format!("cannot write {}", path.display());
        move |error: std::io::Error| Error::definite(what).source(error)
    };
    std::fs::create_dir_all(dir).map_err(cannot(dir))?;
    std::fs::write(path, text).map_err(cannot(path))?;
    let ignore = dir.join(".gitignore");
    let before = match std::fs::read(&ignore) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(cannot(&ignore)(error));
        }
        read => read.unwrap_or_default(),
    };
    let mut lines = before.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    if lines.any(|line| line == b".millrace" || line == b".millrace/") {
        return Ok(());
    }
    let gap = if before.is_empty() || before.ends_with(b"\n") { "" } else { "\n" };
    std::fs::write(&ignore, [&before, gap.as_bytes(), b".millrace/\n"].concat())
        .map_err(cannot(&ignore))
}

/// What the role may not do is printed for one who may.
async fn publication(client: &Client) -> Result<()> {
    match slot::ensure_publication(client, DEFAULT_PUBLICATION, true).await {
        Ok(Publication::Existed) => {
            talk::say(format!("publication {DEFAULT_PUBLICATION}: is there"))
        }
        Ok(Publication::Created { left_out }) => {
            talk::say(format!("publication {DEFAULT_PUBLICATION}: created"));
            if !left_out.is_empty() {
                let names: Vec<String> = left_out.iter().map(ToString::to_string).collect();
                talk::warning(&format!(
                    "left out, for want of a primary key: {}",
                    names.join(", ")
                ));
            }
        }
        Err(error) => talk::warning(&error.report()),
    }
    Ok(())
}

/// Only where nothing is wrong: a slot that nobody reads keeps log for ever. Whether it was created.
async fn slot_when_possible(
    client: &Client,
    address: &Address,
    preflight: &Preflight,
) -> Result<bool> {
    if slot::slot_info(client, DEFAULT_SLOT).await?.is_some() {
        talk::say(format!("slot {DEFAULT_SLOT}: is there"));
        return Ok(false);
    }
    if !preflight.is_ready() {
        talk::say(format!(
            "slot {DEFAULT_SLOT}: not created yet, see below; `millrace up` does it once the errors are cured, \
             or by hand:\n  SELECT pg_create_logical_replication_slot('{DEFAULT_SLOT}', 'pgoutput');"
        ));
        return Ok(false);
    }
    let waiting = &mut |blockers: &[slot::Blocker]| {
        for blocker in blockers {
            talk::say(format!("slot {DEFAULT_SLOT}: the server waits for {blocker}"));
        }
    };
    match slot::create_slot(address, DEFAULT_SLOT, waiting).await {
        Ok(_) => {
            talk::say(format!(
                "slot {DEFAULT_SLOT}: created. From now on the server keeps its log for it: run `millrace up` soon, or\n  \
                 SELECT pg_drop_replication_slot('{DEFAULT_SLOT}');"
            ));
            Ok(true)
        }
        Err(error) => {
            talk::warning(&error.report());
            Ok(false)
        }
    }
}

/// What stands in the way comes first, and is looked for again.
fn say_next(url: &Url, dir: &Path, preflight: &Preflight, tables: &[Surveyed], has_dbt: bool) {
    if tables.is_empty() {
        talk::warning("the database has no table yet");
    }
    for error in preflight.findings.iter().filter(|finding| finding.level == Level::Error) {
        let cure = error.cure.as_ref().unwrap_or(&error.what);
        talk::say(format!("{} {cure}", talk::words("first:", Paint::Bold)));
    }
    let mut steps = Vec::new();
    if dir != Path::new(".") {
        steps.push(format!("cd {}", dir.display()));
    }
    if url.must_export {
        steps.push(format!("export {VARIABLE}='postgres://…'  # with the password"));
    }
    if has_dbt {
        steps.push("millrace transform setup  # dbt, which builds the models".to_owned());
    }
    steps.push(if preflight.is_ready() { "millrace up" } else { "millrace check" }.to_owned());
    talk::say(format!("{} {}", talk::words("next:", Paint::Bold), steps.join("\n      ")));
}
