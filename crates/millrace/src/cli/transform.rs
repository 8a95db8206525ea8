//! `millrace transform`: the stock dbt on the team's project, with a profile of ours.

use super::{Answer, runs};
use crate::assemble::{block_on, stop_signal};
use crate::config::{Config, DbtLogin};
use crate::running::Running;
use crate::talk::{self, Paint};
use clap::Subcommand;
use model::{Error, Result};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use transform::{
    Backfill, Claim, Environment, Event, Outcome, Place, Profile, Project, Results, TARGET, Window,
    builds, needs_no_claim, needs_no_store,
};

/// In the folder of the data: there is one project to a configuration.
const LOCK: &str = "transform.lock";
/// As a shell tells of SIGINT.
const STOPPED: u8 = 130;
/// SIGKILL, which comes without a word from whom.
const KILLED: i32 = 9;
/// A backfill gives way to a stream that is further behind.
const LAG_MOST: Duration = Duration::from_secs(5);
const LAG_LOOK_EVERY: Duration = Duration::from_secs(1);
/// Whether the project is free.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Install dbt into a private Python environment
    Setup,
    /// Make an incremental model anew for a span of time, interval by interval; the same command goes on
    /// where it stopped
    Backfill(BackfillArgs),
    /// The schedules, for `up`
    #[command(hide = true)]
    Keep,
    /// Anything else goes to dbt as it is: run, build, test, seed, docs generate, compile, ls, … and
    /// their flags
    #[command(external_subcommand)]
    Dbt(Vec<OsString>),
}

#[derive(clap::Args)]
pub(crate) struct BackfillArgs {
    /// As dbt selects it; its SQL reads the variables millrace_from and millrace_to
    model: String,

    /// The first day, or time: 2026-01-31, 2026-01-31T06:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: i64,

    /// The end, which is not in it
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: i64,

    /// How much at once
    #[arg(long, value_name = "SPAN", default_value = "1d", value_parser = span)]
    batch: i64,

    /// Between two of them
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pause: Option<i64>,

    /// When they begin, by transform.zone: 22:00-05:00; the others wait for the next day's
    #[arg(long, value_name = "HOURS")]
    window: Option<String>,
}

fn time(text: &str) -> std::result::Result<i64, String> {
    let date = text.parse::<jiff::civil::Date>().ok();
    let at = match date.filter(|_| !text.contains('T')) {
        Some(date) => date.to_zoned(jiff::tz::TimeZone::UTC).map(|day| day.timestamp()),
        None => text.parse::<jiff::Timestamp>(),
    };
    at.map(|at| at.as_second()).map_err(|_| "a day, or a time with its zone".to_owned())
}

fn span(text: &str) -> std::result::Result<i64, String> {
    transform::seconds(text).ok_or_else(|| "a number and s, m, h, d or w".to_owned())
}

pub(crate) fn run(verb: Verb, config: &Config) -> Result<Answer> {
    let environment = Environment::new(config.transform.dbt.as_deref())?;
    match verb {
        Verb::Setup => setup(&environment),
        Verb::Backfill(args) => backfill(&environment, args, config),
        Verb::Keep => super::keep::run(environment, config),
        Verb::Dbt(words) => dbt(&environment, &words, config),
    }
}

fn setup(environment: &Environment) -> Result<Answer> {
    environment.setup(|step| talk::say(step))?;
    talk::say(format!("{} {}", talk::words("dbt:", Paint::Green), environment.dbt()?.display()));
    Ok(Answer::Yes)
}

fn backfill(environment: &Environment, args: BackfillArgs, config: &Config) -> Result<Answer> {
    let BackfillArgs { model, from, to, batch, pause, window } = args;
    let window = window.map(|text| config.transform.window(&text)).transpose()?;
    let backfill = Backfill::new(model, from, to, batch)?;
    let project = &config.transform.project;
    let left = backfill.left(project);
    let count = left.len();
    for (number, interval) in left.into_iter().enumerate() {
        let pause = pause.filter(|_| number > 0).unwrap_or_default();
        if is_stopped_within(Duration::from_secs(pause.unsigned_abs()), "")?
            || is_stopped_before(window.as_ref(), config)?
        {
            talk::say("stopped; the same command goes on with the next interval");
            return Ok(Answer::Code(STOPPED));
        }
        talk::say(talk::words(
            format!("{}/{count}  {} to {}", number + 1, at(interval.from), at(interval.to)),
            Paint::Bold,
        ));
        match dbt(environment, &backfill.words(interval, at), config)? {
            Answer::Yes if number == 0 && !transform::took_intervals(&project.join(TARGET))? => {
                return Err(Error::definite(format!("cannot backfill {}", backfill.model))
                    .detail(
                        "None of its models is incremental and reads the variables millrace_from and millrace_to, \
                         so it was built as ever.",
                    )
                    .hint("where {{ since('occurred_at') }} in its SQL: a macro, docs/transform.md has it"));
            }
            Answer::Yes => backfill.done(interval, project)?,
            failed => {
                talk::say("the same command goes on with this interval");
                return Ok(failed);
            }
        }
    }
    Ok(Answer::Yes)
}

/// Whoever asks for a stop need not wait for the end of a pause. (Since dbt has run, the signal has no other effect.)
fn is_stopped_within(pause: Duration, why: &str) -> Result<bool> {
    if pause.is_zero() {
        return Ok(false);
    }
    block_on(async {
        let stop = stop_signal()?;
        if !why.is_empty() {
            talk::say(why);
        }
        Ok(tokio::select! {
            () = stop => true,
            () = tokio::time::sleep(pause) => false,
        })
    })
}

/// Waits until it opens, and until the stream has caught up.
fn is_stopped_before(window: Option<&Window>, config: &Config) -> Result<bool> {
    let mut told = false;
    loop {
        let now = jiff::Timestamp::now();
        let opens = window.map_or(now, |window| window.next(now));
        let why = format!("waits until {}", super::time(opens.as_second()));
        let closed = Duration::try_from(now.duration_until(opens)).unwrap_or_default();
        if is_stopped_within(closed, &why)? {
            return Ok(true);
        }
        let lag = lag(config).unwrap_or_default();
        if lag < LAG_MOST {
            return Ok(false);
        }
        let why = match std::mem::replace(&mut told, true) {
            true => String::new(),
            false => format!("waits for the stream, which is {:.0} s behind", lag.as_secs_f64()),
        };
        if is_stopped_within(LAG_LOOK_EVERY, &why)? {
            return Ok(true);
        }
    }
}

/// As ClickHouse reads it.
fn at(seconds: i64) -> String {
    let at = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn dbt(environment: &Environment, words: &[OsString], config: &Config) -> Result<Answer> {
    let (dbt, project) = (environment.dbt()?, project(config)?);
    let profile = dbt_profile(config, words)?;
    let target = config.transform.project.join(TARGET);
    let mut complaints = Vec::new();
    let ended = block_on(async {
        let mut stop = std::pin::pin!(stop_signal()?);
        let claim = tokio::select! {
            claim = claim(&project, words) => claim?,
            () = &mut stop => return Ok(None),
        };
        let before = Results::read(&target, None).ok().flatten();
        let run = project.start(dbt, profile, words, claim, None)?;
        let group = run.group();
        let began = jiff::Timestamp::now();
        let mut ended = tokio::task::spawn_blocking(move || {
            let status = run.wait(|event| {
                complaints.extend(runs::complaint(&event));
                told(event);
            });
            status.map(|status| (status, complaints.join("\n"), began))
        });
        let (ended, was_told_to_stop) = tokio::select! {
            ended = &mut ended => (ended, false),
            () = &mut stop => {
                talk::say("stopping dbt; again ends it at once");
                group.interrupt();
                (ended.await, true)
            }
        };
        let ended = ended.map_err(|panic| Error::bug("what listens to dbt broke").source(panic))?;
        ended.map(|(status, said, began)| Some((status, said, began, was_told_to_stop, before)))
    })?;
    let Some((status, said, began, was_told_to_stop, before)) = ended else {
        return Ok(Answer::Code(STOPPED));
    };
    let (became, error) = match runs::outcome(status, said) {
        (_, error) if was_told_to_stop && !status.success() => (runs::INTERRUPTED, error),
        outcome => outcome,
    };
    // What builds nothing leaves no results, nor does what fails before the first node.
    let results = match needs_no_claim(words) {
        true => None,
        false => Results::read(&target, before.as_ref()).ok().flatten(),
    };
    if results.is_some() || (builds(words) && !status.success()) {
        record(words, (became, error), began, results.as_ref(), config);
    }
    // Where a node failed, the others are built.
    if !needs_no_claim(words) && matches!(status.code(), Some(0 | 1)) {
        keep_lineage(config);
    }
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(Answer::Yes),
        (Some(code), _) => Ok(Answer::Code(u8::try_from(code).unwrap_or(2))),
        (None, signal) => {
            let by = signal.map_or(String::new(), |signal| format!(" by signal {signal}"));
            let hint = match signal {
                Some(KILLED) => {
                    "if nobody killed it, the kernel may have, for its memory (dmesg says so): fewer threads under \
                     [transform], or fewer models at once with --select; then run it again"
                }
                _ => "run it again",
            };
            Err(Error::definite(format!("dbt was ended{by}")).hint(hint))
        }
    }
}

/// Once dbt has built models, for `status` and `lint-migration`.
pub(super) fn keep_lineage(config: &Config) {
    let login = || {
        let (place, own) = place(config)?;
        config.transform.login(own, &place)
    };
    if let Ok(login) = login() {
        super::lineage::refresh(config, login);
    }
}

/// For `status` and `millrace.runs`, where an `up` runs that keeps them.
fn record(
    words: &[OsString],
    (status, error): (&str, String),
    began: jiff::Timestamp,
    results: Option<&Results>,
    config: &Config,
) {
    let Some(up) = Running::find(&config.store.data_dir) else { return };
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let (id, started) = (format!("by-hand-{}", began.as_millisecond()), began.as_millisecond());
    let run = serve::ops::Run {
        status: status.to_owned(),
        error,
        seconds: began.duration_until(jiff::Timestamp::now()).as_secs_f64(),
        nodes: runs::nodes(results),
        ..runs::begun(id, words.join(" "), started)
    };
    let told = serde_json::to_string(&run).map_err(|error| Error::bug("no JSON").source(error));
    if let Err(error) = told.and_then(|json| up.post(runs::PATH, &json)) {
        talk::warning(&format!("the run is not in millrace.runs: {}", error.report()));
    }
}

pub(super) fn project(config: &Config) -> Result<Project> {
    Project::open(&config.transform.project, config.store.data_dir.join(LOCK))
}

/// For these words.
pub(super) fn dbt_profile(config: &Config, words: &[OsString]) -> Result<Profile> {
    let transform = &config.transform;
    let (place, own) = match place(config) {
        Err(_) if needs_no_store(words) => (at_door(([127, 0, 0, 1], 8123).into()), Some(nobody())),
        place => place?,
    };
    let (user, password) = transform.login(own, &place)?;
    let profile = Profile::new(&place, &user, &password, &transform.schema, transform.threads)?;
    // dbt parses what reads a variable again whenever that is another one.
    let asks = words.iter().any(|word| word.to_string_lossy().ends_with("freshness"));
    Ok(profile.with_fresh_at(asks.then(|| fresh_at(config)).flatten()))
}

/// In UTC. `None`: no pipeline runs here, or it does not read its source, or a table is not whole yet or any more.
fn fresh_at(config: &Config) -> Option<String> {
    Running::find(&config.store.data_dir)?.get("/readyz").ok()?;
    let at = jiff::Timestamp::now().checked_sub(lag(config)?).ok()?;
    Some(at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string())
}

/// How far the stream is behind, under the same conditions.
fn lag(config: &Config) -> Option<Duration> {
    let status = Running::find(&config.store.data_dir)?.get("/api/status").ok()?;
    let status: serde_json::Value = serde_json::from_str(&status).ok()?;
    let source = status["source"].as_object()?;
    let is_read = source["connected"] == true && source["waiting_for"].is_null();
    let lag = Duration::try_from_secs_f64(source["lag_seconds"].as_f64()?).ok()?;
    is_read.then_some(lag)
}

/// Alone in the project, where dbt writes there.
async fn claim(project: &Project, words: &[OsString]) -> Result<Option<Claim>> {
    if needs_no_claim(words) {
        return Ok(None);
    }
    let mut wants = None;
    let mut waits = false;
    loop {
        if let Some(claim) = project.claim()? {
            return Ok(Some(claim));
        }
        if !std::mem::replace(&mut waits, true) {
            talk::say("another run of the project is under way: this one waits for its end");
        }
        wants = wants.or(project.want()?);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The server, or the door of the `up` that runs here.
fn place(config: &Config) -> Result<(Place, Option<DbtLogin>)> {
    if let Some(server) = config.server_for_dbt()? {
        return Ok(server);
    }
    let running = Running::need(&config.store.data_dir)?;
    let door = running.clickhouse.ok_or_else(|| {
        Error::definite("cannot run dbt: the pipeline that runs here has no door for it")
            .detail("Its store is a server, and millrace.toml names none: it was changed since.")
            .hint(
                "[store] url = \"https://…\" in millrace.toml: dbt goes to that server; or start millrace up again: \
                 its door is clickhouse = \"127.0.0.1:8123\" under [serve]",
            )
    })?;
    Ok((at_door(door), Some(nobody())))
}

fn nobody() -> DbtLogin {
    ("default".to_owned(), String::new())
}

fn at_door(door: SocketAddr) -> Place {
    Place {
        host: door.ip().to_string(),
        port: door.port(),
        tls: false,
        cluster: None,
        ca: None,
        client: None,
    }
}

/// On a terminal the node that has begun stands in the last line.
fn told(event: Event) {
    let is_live = talk::stderr_is_terminal();
    match event {
        Event::Begun { name } if is_live => talk::rewrite(&format!("        {name}")),
        Event::Begun { .. } => {}
        Event::Ended { name, kind, outcome, status, seconds, index, total } => {
            if is_live {
                talk::rewrite("");
            }
            let (word, paint) = match outcome {
                Outcome::Good => ("ok", Paint::Green),
                Outcome::Warned => ("warning", Paint::Yellow),
                Outcome::Failed => ("FAILED", Paint::Red),
                Outcome::Skipped => ("skipped", Paint::Dim),
            };
            let word = talk::words(format!("{word:<8}"), paint);
            let count = match total {
                0 => String::new(),
                total => format!("{index:>3}/{total:<3} "),
            };
            let status = match outcome {
                Outcome::Good | Outcome::Skipped => String::new(),
                Outcome::Warned | Outcome::Failed => format!("  {status}"),
            };
            talk::say(format!("{word}{count}{seconds:>6.2} s  {kind:<9} {name}{status}"));
        }
        Event::Said { is_error, text } => {
            if is_live {
                talk::rewrite("");
            }
            match is_error {
                true => talk::say(talk::words(text, Paint::Red)),
                false => talk::say(text),
            }
        }
    }
}
