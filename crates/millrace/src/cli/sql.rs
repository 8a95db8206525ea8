//! `millrace sql`: asks the store: a server, the door of the running `up`, or in this process when none runs.

mod split;
mod typed;

use super::Answer;
use crate::assemble::block_on;
use crate::config::{Config, DbtLogin};
use crate::running::{Running, agent};
use crate::talk;
use model::{Error, Result};
use split::statements;
use std::io::{IsTerminal, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use store::Engine;
use store::embedded::HOME_DATABASE;
use store::remote::Remote;
use ureq::Agent;

/// A query on stdin that is longer is a mistake.
const INPUT_BYTES_MAX: u64 = 64 << 20;
/// The door's error texts are short.
const ERROR_BYTES_MAX: u64 = 1 << 20;
const COPY_BYTES: usize = 64 << 10;
/// What a verb asks for itself is no table of rows.
const TEXT_BYTES_MAX: u64 = 256 << 20;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// One statement; absent: from stdin, or interactively on a terminal
    query: Option<String>,

    /// ClickHouse's output format [default: PrettyCompact on a terminal, else TabSeparated]
    #[arg(long, short, value_name = "FORMAT")]
    format: Option<String>,
}

pub(crate) fn run(args: Args, config: &Config) -> Result<Answer> {
    let format = args.format.unwrap_or_else(|| {
        let format = if talk::stdout_is_terminal() { "PrettyCompact" } else { "TabSeparated" };
        format.to_owned()
    });
    let way = Way::find(config, None)?;
    match args.query {
        Some(query) => way.ask(&query, &format)?,
        None if std::io::stdin().is_terminal() => return typed::run(&way, &format, config),
        None => {
            for statement in statements(&stdin()?) {
                way.ask(&statement, &format)?;
            }
        }
    }
    Ok(Answer::Yes)
}

fn stdin() -> Result<String> {
    let mut text = String::new();
    let read = std::io::stdin().take(INPUT_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| Error::definite("cannot read the query from stdin").source(error))?;
    Ok(text)
}

/// A user and a password, where there are any.
pub(super) struct Login([Option<String>; 2]);

impl Login {
    /// As clickhouse-client has it; not as flags, which others on the machine would see.
    fn find(other: Option<DbtLogin>) -> Login {
        let named = ["CLICKHOUSE_USER", "CLICKHOUSE_PASSWORD"].map(|name| std::env::var(name).ok());
        match (&named, other) {
            ([None, None], Some((user, password))) => Login([Some(user), Some(password)]),
            _ => Login(named),
        }
    }
}

/// How the store is reached.
pub(super) enum Way {
    Door { agent: Agent, url: String, login: Login },
    Server { remote: Box<Remote>, session: String },
    Engine(Box<Engine>),
}

impl Way {
    /// `login`: at the door, of who has none in the environment.
    pub(super) fn find(config: &Config, login: Option<DbtLogin>) -> Result<Way> {
        // One session, so that USE and SET last.
        static SESSIONS: AtomicU64 = AtomicU64::new(0);
        let number = SESSIONS.fetch_add(1, Ordering::Relaxed);
        let session = format!("millrace-sql-{}-{number}", std::process::id());
        if let Some(options) = config.remote(None)? {
            return Ok(Way::Server { remote: Box::new(Remote::new(options)?), session });
        }
        let running = Running::find(&config.store.data_dir);
        if let Some(door) = running.and_then(|running| running.clickhouse) {
            let url = format!("http://{door}/?session_id={session}");
            return Ok(Way::Door { agent: agent(None), url, login: Login::find(login) });
        }
        if !config.store.data_dir.is_dir() {
            return Err(Error::definite("cannot query the store: there is none yet")
                .detail(format!("{} does not exist.", config.store.data_dir.display()))
                .hint("millrace up"));
        }
        Ok(Way::Engine(Box::new(Engine::open(&config.engine())?)))
    }

    fn ask(&self, sql: &str, format: &str) -> Result<()> {
        let sql = sql.trim().trim_end_matches(';');
        if sql.is_empty() {
            return Ok(());
        }
        match self {
            Way::Door { agent, url, login } => over_http(answer(agent, url, login, sql, format)?),
            Way::Server { remote, session } => {
                let answer = block_on(remote.answer(sql, format, session))?;
                talk::write_to(&mut std::io::stdout().lock(), &answer)
            }
            Way::Engine(engine) => in_process(engine, sql, format, |rows| {
                talk::write_to(&mut std::io::stdout().lock(), rows)
            }),
        }
    }

    /// The whole answer, of a query of ours.
    pub(super) fn text(&self, sql: &str, format: &str) -> Result<String> {
        let bytes = match self {
            Way::Door { agent, url, login } => {
                let mut body = answer(agent, url, login, sql, format)?;
                body.with_config().limit(TEXT_BYTES_MAX).read_to_vec().map_err(could_not)?
            }
            Way::Server { remote, session } => block_on(remote.answer(sql, format, session))?,
            Way::Engine(engine) => {
                // The door and a server take one statement, and this is nobody's but ours.
                let class = engine.session()?.classify(sql, HOME_DATABASE);
                if class.is_none_or(|class| class.statements != 1 || !class.reads_only) {
                    return Err(Error::definite("cannot ask the store: this is not one query"));
                }
                let mut text = Vec::new();
                in_process(engine, sql, format, |rows| {
                    text.extend_from_slice(rows);
                    Ok(())
                })?;
                text
            }
        };
        String::from_utf8(bytes)
            .map_err(|_| Error::definite("cannot read the store's answer: it is not UTF-8"))
    }
}

fn could_not(error: ureq::Error) -> Error {
    Error::transient("could not ask the store").source(error)
}

fn over_http(mut body: ureq::Body) -> Result<()> {
    let mut body = body.as_reader();
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let count = body.read(&mut buffer).map_err(|error| {
            Error::transient("could not read the whole answer of the store").source(error)
        })?;
        if count == 0 {
            return Ok(());
        }
        talk::write_to(&mut std::io::stdout().lock(), &buffer[..count])?;
    }
}

fn answer(agent: &Agent, url: &str, login: &Login, sql: &str, format: &str) -> Result<ureq::Body> {
    let mut request = agent.post(url).header("x-clickhouse-format", format);
    for (header, value) in ["x-clickhouse-user", "x-clickhouse-key"].into_iter().zip(&login.0) {
        if let Some(value) = value {
            request = request.header(header, value);
        }
    }
    let mut response = request.send(sql).map_err(could_not)?;
    if response.status() != 200 {
        let body = response.body_mut().with_config().limit(ERROR_BYTES_MAX).read_to_string();
        return Err(Error::definite(body.map_err(could_not)?.trim_end().to_owned()));
    }
    Ok(response.into_body())
}

/// The engine would take data lines behind an INSERT for further statements: data goes to the door.
fn in_process(
    engine: &Engine,
    sql: &str,
    format: &str,
    mut take: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut words = sql.split_whitespace().map(str::to_ascii_uppercase);
    if words.next().as_deref() == Some("INSERT") && words.any(|word| word == "FORMAT") {
        return Err(Error::definite("cannot insert data without a running `millrace up`")
            .detail("Data in a format goes through the door.")
            .hint("start `millrace up`, then: curl 'http://127.0.0.1:8123/?query=INSERT…' --data-binary @FILE"));
    }
    let told = |error: store::embedded::Exception| error.error("query the store");
    let mut session = engine.session()?;
    let home = store::ddl::ident(store::embedded::HOME_DATABASE);
    session.query(&format!("USE {home}"), "Null", &[]).map_err(told)?;
    take(session.query(sql, format, &[]).map_err(told)?.bytes())
}
