//! `millrace check`: every finding at once, each with its cure.
//!
//! ```text
//! source.url ─▶ source::preflight ─┬─▶ findings ─▶ verdict
//! source.kafka ─▶ bus::preflight ──┤
//! store.url ─▶ store::preflight ───┘
//! ```

#[cfg(feature = "kafka")]
mod kafka;
mod store;

use super::Answer;
use crate::assemble::block_on;
use crate::config::Config;
use crate::confine;
use crate::talk::{self, Paint};
use ::store::Target;
use model::words::counted;
use model::{Error, Mode, OnUpdate, Result, Table, TableOptions};
use source::client::quoted;
use source::preflight::{self, Finding, Level, Preflight, Wanted};
use std::sync::Arc;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args, config: &Config) -> Result<Answer> {
    let address = config.has_stream().then(|| config.address()).transpose()?;
    let (preflight, topics) = block_on(look_at_all(config, address.as_ref()))?;
    let text = match args.json {
        true => json(&preflight, topics.as_ref())?,
        false => {
            let source = address.map(|address| of_source(&preflight, &address.place()));
            let topics = topics.map(|topics| topics.about);
            let about: Vec<String> = source.into_iter().chain(topics).collect();
            rendered(&preflight, &about.join("; "))
        }
    };
    talk::print(&text)?;
    Ok(if preflight.is_ready() { Answer::Yes } else { Answer::No })
}

#[cfg(feature = "kafka")]
use kafka::Topics;

/// A millrace that reads none.
#[cfg(not(feature = "kafka"))]
struct Topics {
    names: Vec<String>,
    about: String,
}

/// Of both ways in. A Postgres that cannot be asked does not hide what was found of the topics.
async fn look_at_all(
    config: &Config,
    address: Option<&source::Address>,
) -> Result<(Preflight, Option<Topics>)> {
    let stream = async {
        match address {
            Some(address) => look(config, address).await.map(|(preflight, _)| preflight),
            None => look_at_store(config, Preflight::default(), &[]).await,
        }
    };
    #[cfg(feature = "kafka")]
    {
        let (stream, topics) = tokio::join!(stream, kafka::look(config));
        let mut topics = topics?;
        let findings = topics.iter_mut().flat_map(|topics| std::mem::take(&mut topics.findings));
        let findings: Vec<Finding> = findings.collect();
        let mut preflight = match stream {
            Ok(preflight) => preflight,
            Err(error) => {
                talk::print(&findings.iter().map(one).collect::<String>())?;
                return Err(error);
            }
        };
        preflight.findings.extend(findings);
        preflight.findings.sort_by_key(|finding| finding.level);
        Ok((preflight, topics))
    }
    #[cfg(not(feature = "kafka"))]
    stream.await.map(|preflight| (preflight, None))
}

/// The source's findings, and those of where its tables would go.
pub(super) async fn look(
    config: &Config,
    address: &source::Address,
) -> Result<(Preflight, Vec<Target>)> {
    let (preflight, targets) = look_at_source(config, address).await?;
    let preflight = look_at_store(config, preflight, &targets).await?;
    Ok((preflight, targets))
}

async fn look_at_store(
    config: &Config,
    mut preflight: Preflight,
    targets: &[Target],
) -> Result<Preflight> {
    preflight.findings.extend(store::findings(config, targets).await?);
    preflight.findings.extend(files(config));
    preflight.findings.sort_by_key(|finding| finding.level);
    Ok(preflight)
}

/// Whether the engine can be kept from the machine's other files.
fn files(config: &Config) -> Option<Finding> {
    let finding = match (&config.store.remote, confine::is_possible()) {
        (Some(_), _) => return None,
        (None, true) => {
            let what = "files: the kernel keeps `millrace up` to its data directory";
            Finding::new(Level::Note, "files", what)
        }
        (None, false) => Finding::new(Level::Warning, "files", "files: nothing keeps the engine to its own")
            .why("This kernel has no Landlock: what an admin asks of the engine may open any file that the process may.")
            .cure("run it on Linux 5.19 or newer with `landlock` in /sys/kernel/security/lsm, or as a user of its own"),
    };
    Some(finding)
}

/// Without the store: what would be kept there comes beside it.
pub(super) async fn look_at_source(
    config: &Config,
    address: &source::Address,
) -> Result<(Preflight, Vec<Target>)> {
    let wanted = Wanted {
        publication: &config.source.publication,
        slot: &config.source.slot,
        tables: &config.tables,
    };
    let mut preflight = preflight::run(address, wanted).await?;
    let (found, targets) = targets(config, &preflight);
    preflight.findings.extend(found);
    preflight.findings.sort_by_key(|finding| finding.level);
    Ok((preflight, targets))
}

fn targets(config: &Config, preflight: &Preflight) -> (Vec<Finding>, Vec<Target>) {
    let keyless = |table: &Table| {
        let words = table.name.to_string();
        preflight.findings.iter().any(|f| f.code == "no_key" && f.what.starts_with(&words))
    };
    let mut findings = Vec::new();
    let mut targets: Vec<Target> = Vec::new();
    for table in preflight.tables.iter().filter(|table| !keyless(table)) {
        let name = table.name.to_string();
        let options = config.tables.get(&name).cloned().unwrap_or_default();
        match resolve(table, &options, config) {
            Err(error) => findings.push(from_error("target", &error)),
            Ok(target) => {
                findings.extend(large_values(&target));
                let place = &target.name;
                if let Some(other) = targets.iter().find(|other| other.name == *place) {
                    let other = &other.table.name;
                    findings.push(
                        Finding::new(
                            Level::Error,
                            "target",
                            format!("{other} and {name} both go to {place}"),
                        )
                        .why("Their rows would replace one another.")
                        .cure(format!("give one of them a target: [tables.\"{name}\"]")),
                    );
                }
                targets.push(target);
            }
        }
    }
    (findings, targets)
}

fn resolve(table: &Table, options: &TableOptions, config: &Config) -> Result<Target> {
    Target::resolve(Arc::new(table.clone()), options, config.store.database.as_deref())
}

/// What is kept of an UPDATE for good has to be what it left, not what came later.
fn large_values(target: &Target) -> Option<Finding> {
    let columns = target.not_read_back();
    let keeps_updates = match target.mode {
        Mode::Mirror => false,
        Mode::History => true,
        Mode::Append => target.on_update != OnUpdate::Ignore,
    };
    if columns.is_empty() || !keeps_updates {
        return None;
    }
    let table = &target.table.name;
    let what = format!("large values of {table} may be later ones: {}", columns.join(", "));
    let finding = Finding::new(Level::Warning, "large_values", what)
        .why(
            "Postgres does not send one that an UPDATE leaves alone, and as it is kept it does not read back as it \
             was: the source is asked, which has today's, or none.",
        )
        .cure(format!(
            "ALTER TABLE {}.{} REPLICA IDENTITY FULL;",
            quoted(&table.schema),
            quoted(&table.table)
        ));
    Some(finding)
}

fn from_error(code: &'static str, error: &Error) -> Finding {
    let report = error.report();
    let detail = report.lines().find_map(|line| line.strip_prefix("detail: ")).unwrap_or("");
    let finding = Finding::new(Level::Error, code, error.what()).why(detail);
    match error.hint_text() {
        Some(hint) => finding.cure(hint),
        None => finding,
    }
}

pub(super) fn render(preflight: &Preflight, place: &str) -> String {
    rendered(preflight, &of_source(preflight, place))
}

fn of_source(preflight: &Preflight, place: &str) -> String {
    match preflight.server_version.as_str() {
        "" => place.to_owned(),
        version => {
            let tables = counted(preflight.tables.len() as u64, "table");
            format!("Postgres {version} at {place}, {tables} published")
        }
    }
}

fn rendered(preflight: &Preflight, about: &str) -> String {
    let mut text = String::new();
    for finding in &preflight.findings {
        text += &one(finding);
    }
    let count =
        |level: Level| preflight.findings.iter().filter(|finding| finding.level == level).count();
    let (errors, warnings) = (count(Level::Error) as u64, count(Level::Warning) as u64);
    let verdict = match errors {
        0 => talk::data("ready", Paint::Green),
        _ => talk::data("not ready", Paint::Red),
    };
    let (errors, warnings) = (counted(errors, "error"), counted(warnings, "warning"));
    text + &format!("{verdict}: {about}; {errors}, {warnings}\n")
}

fn one(finding: &Finding) -> String {
    let paint = match finding.level {
        Level::Error => Paint::Red,
        Level::Warning => Paint::Yellow,
        Level::Note => Paint::Dim,
    };
    let label = talk::data(format!("{}:", finding.level.name()), paint);
    let mut text = format!("{label} {}\n", finding.what);
    if !finding.why.is_empty() {
        text += &format!("  {}\n", finding.why);
    }
    if let Some(cure) = &finding.cure {
        text += &format!("  {} {cure}\n", talk::data("cure:", Paint::Bold));
    }
    text + "\n"
}

fn json(preflight: &Preflight, topics: Option<&Topics>) -> Result<String> {
    let findings: Vec<_> = preflight
        .findings
        .iter()
        .map(|finding| {
            serde_json::json!({
                "level": finding.level.name(),
                "code": finding.code,
                "what": finding.what,
                "why": finding.why,
                "cure": finding.cure,
            })
        })
        .collect();
    let tables: Vec<String> = preflight.tables.iter().map(|table| table.name.to_string()).collect();
    let whole = serde_json::json!({
        "ready": preflight.is_ready(),
        "server_version": preflight.server_version,
        "findings": findings,
        "tables": tables,
        "topics": topics.map(|topics| &topics.names),
    });
    let text = serde_json::to_string_pretty(&whole);
    text.map(|text| text + "\n").map_err(|error| Error::bug("cannot write JSON").source(error))
}
