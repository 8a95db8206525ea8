//! `millrace lint-migration`: what SQL files will do, before they do it.

use super::Answer;
use super::models::{self, Models};
use crate::config::Config;
use crate::talk::{self, Paint};
use clap::ValueEnum;
use lint::{Against, Finding, Held, Level, Linter, Report, Work};
use model::words::counted;
use model::{Error, Result};
use std::io::Read;
use std::path::{Path, PathBuf};
use transform::lineage::Readers;

/// A migration that is larger is a dump with rows.
const FILE_BYTES_MAX: u64 = 64 << 20;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// SQL files in the order in which they run; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The project's configuration: which publication, slot and tables matter, and what it names
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// SQL that made the database as it is (pg_dump --schema-only, earlier migrations): read, not
    /// judged
    #[arg(long, value_name = "FILE")]
    schema: Vec<PathBuf>,

    /// Exit with 1 if a finding has this level or a higher one
    #[arg(long, value_name = "LEVEL", value_enum, default_value = "plan")]
    fail_on: FailOn,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum FailOn {
    /// Every statement
    Safe,
    /// What the mirror follows by itself, and advice
    Followed,
    /// What wants a plan
    Plan,
}

impl FailOn {
    fn level(self) -> Level {
        match self {
            FailOn::Safe => Level::Safe,
            FailOn::Followed => Level::Followed,
            FailOn::Plan => Level::Plan,
        }
    }
}

pub(crate) fn run(args: Args) -> Result<Answer> {
    let config = args.against.as_deref().map(super::load).transpose()?;
    let models = config.as_ref().and_then(Models::of);
    let mut linter = Linter::new(config.map(against));
    let mut unread = 0;
    for path in &args.schema {
        let troubles = linter.learn(&read(path)?);
        unread += troubles.len();
        tell(path, &troubles);
    }
    let mut reports = Vec::new();
    for path in &args.files {
        if path.to_string_lossy().ends_with(".down.sql") {
            talk::say(format!("{}: the way down, which is not read", path.display()));
            continue;
        }
        let report = linter.lint(&read(path)?);
        unread += report.troubles.len();
        tell(path, &report.troubles);
        reports.push((path.as_path(), report));
    }
    let fail_on = args.fail_on.level();
    let passes = unread == 0 && highest(&reports).is_none_or(|level| level < fail_on);
    let text = match args.json {
        true => json(&reports, models.as_ref(), fail_on, passes)?,
        false => render(&reports, models.as_ref(), passes),
    };
    talk::print(&text)?;
    match (unread, passes) {
        (0, true) => Ok(Answer::Yes),
        (0, false) => Ok(Answer::No),
        (count, _) => {
            Err(Error::definite(format!("cannot read {}", counted(count as u64, "statement")))
                .detail("Postgres's grammar refuses what is listed above."))
        }
    }
}

fn against(config: Config) -> Against {
    let Config { source, tables, .. } = config;
    Against { publication: source.publication, slot: source.slot, tables }
}

fn read(path: &Path) -> Result<String> {
    let cannot = || Error::definite(format!("cannot read {}", path.display()));
    let mut bytes = Vec::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes),
        false => std::fs::File::open(path)
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)),
    };
    read.map_err(|error| cannot().source(error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(cannot().detail(format!("It has more than {FILE_BYTES_MAX} bytes.")));
    }
    String::from_utf8(bytes).map_err(|_| cannot().detail("It is not UTF-8."))
}

fn tell(path: &Path, troubles: &[lint::Trouble]) {
    for trouble in troubles {
        let label = talk::words("error:", Paint::Red);
        talk::say(format!("{}:{}: {label} {}", path.display(), trouble.line, trouble.message));
    }
}

fn highest(reports: &[(&Path, Report)]) -> Option<Level> {
    findings(reports).map(Finding::level).max()
}

fn findings<'a>(reports: &'a [(&Path, Report)]) -> impl Iterator<Item = &'a Finding> {
    reports.iter().flat_map(|(_, report)| &report.findings)
}

fn render(reports: &[(&Path, Report)], models: Option<&Models>, passes: bool) -> String {
    let mut text = String::new();
    for (path, report) in reports {
        for finding in &report.findings {
            text += &one(path, finding, models);
        }
    }
    let counts: Vec<String> = Level::ALL
        .iter()
        .rev()
        .map(|level| (findings(reports).filter(|finding| finding.level() == *level).count(), level))
        .filter(|(count, _)| *count > 0)
        .map(|(count, level)| format!("{count} {}", level.name()))
        .collect();
    let statements: usize = reports.iter().map(|(_, report)| report.statements).sum();
    let about = format!(
        "{} in {}",
        counted(statements as u64, "statement"),
        counted(reports.len() as u64, "file")
    );
    let verdict = match passes {
        true => talk::data("passes", Paint::Green),
        false => talk::data("fails", Paint::Red),
    };
    match counts.is_empty() {
        true => text + &format!("{verdict}: {about}\n"),
        false => text + &format!("{verdict}: {about}; {}\n", counts.join(", ")),
    }
}

fn one(path: &Path, finding: &Finding, models: Option<&Models>) -> String {
    let level = finding.level();
    let paint = match level {
        Level::Safe => Paint::Dim,
        Level::Followed => Paint::Yellow,
        Level::Plan => Paint::Red,
    };
    let label = talk::data(format!("{}:", level.name()), paint);
    let mut text = format!("{}:{}: {label} {}\n", path.display(), finding.line, finding.what);
    if level == Level::Safe {
        return text;
    }
    let mut line = |label: &str, words: &str| {
        text += &format!("  {} {words}\n", talk::data(label, Paint::Bold));
    };
    if !finding.mirror.is_empty() {
        line("mirror:", &finding.mirror);
    }
    if let Some(words) = readers(finding, models).and_then(|readers| models::text(&readers)) {
        line("models:", &words);
    }
    for held in &finding.locks {
        line("lock:", &lock(held));
    }
    if let Some(instead) = &finding.instead {
        line("better:", instead);
    }
    text
}

fn readers(finding: &Finding, models: Option<&Models>) -> Option<Readers> {
    let models = models.filter(|_| !finding.touched.is_empty())?;
    Some(models.reading(&finding.touched))
}

/// `ACCESS EXCLUSIVE on public.t while every row is written anew: nobody reads or writes it`.
fn lock(held: &Held) -> String {
    let during = match held.work {
        Work::Moment => "for a moment",
        Work::Scan => "while its rows are read",
        Work::Rewrite => "while every row is written anew",
    };
    let waits = match (held.lock.blocks_readers(), held.lock.blocks_writers()) {
        (true, _) => ": readers and writers wait",
        (_, true) => ": writers wait",
        _ => "",
    };
    format!("{} on {} {during}{waits}", held.lock.name(), held.table)
}

fn json(
    reports: &[(&Path, Report)],
    models: Option<&Models>,
    fail_on: Level,
    passes: bool,
) -> Result<String> {
    let finding = |finding: &Finding| {
        let readers = readers(finding, models).map(|Readers { direct, beyond, is_exact }| {
            serde_json::json!({ "reading": direct, "beyond": beyond, "columns_known": is_exact })
        });
        let locks: Vec<_> = finding
            .locks
            .iter()
            .map(|held| {
                serde_json::json!({
                    "table": held.table.to_string(),
                    "lock": held.lock.name(),
                    "work": held.work.name(),
                    "blocks_readers": held.lock.blocks_readers(),
                    "blocks_writers": held.lock.blocks_writers(),
                })
            })
            .collect();
        serde_json::json!({
            "line": finding.line,
            "level": finding.level().name(),
            "code": finding.code,
            "what": finding.what,
            "table": finding.table.as_ref().map(ToString::to_string),
            "mirror": finding.mirror,
            "models": readers,
            "locks": locks,
            "instead": finding.instead,
        })
    };
    let trouble = |trouble: &lint::Trouble| serde_json::json!({ "line": trouble.line, "message": trouble.message });
    let files: Vec<_> = reports
        .iter()
        .map(|(path, report)| {
            serde_json::json!({
                "file": path.display().to_string(),
                "statements": report.statements,
                "left_out": report.left_out,
                "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
                "errors": report.troubles.iter().map(trouble).collect::<Vec<_>>(),
            })
        })
        .collect();
    let whole = serde_json::json!({
        "passes": passes,
        "fail_on": fail_on.name(),
        "files": files,
    });
    let text = serde_json::to_string_pretty(&whole);
    text.map(|text| text + "\n").map_err(|error| Error::bug("cannot write JSON").source(error))
}
