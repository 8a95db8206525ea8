//! `millrace sql`: asks the store, over the door of the running `up`, or in this process when none runs.

use super::Answer;
use crate::assemble::{block_on, open_engine};
use crate::config::Config;
use crate::running::{Running, agent};
use crate::talk::{self, Paint};
use model::{Error, Result};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use std::io::{IsTerminal, Read};
use store::Engine;
use ureq::Agent;

/// A query on stdin that is longer is a mistake.
const INPUT_BYTES_MAX: u64 = 64 << 20;
/// The door's error texts are short.
const ERROR_BYTES_MAX: u64 = 1 << 20;
const COPY_BYTES: usize = 64 << 10;

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
    let way = Way::find(config)?;
    match args.query {
        Some(query) => way.ask(&query, &format)?,
        None if std::io::stdin().is_terminal() => return interactive(&way, &format, config),
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

/// How the store is reached.
enum Way {
    Door { agent: Agent, url: String },
    Engine(Box<Engine>),
}

impl Way {
    fn find(config: &Config) -> Result<Way> {
        if let Some(running) = Running::find(&config.store.data_dir) {
            // One session, so that USE and SET last.
            let session = format!("millrace-sql-{}", std::process::id());
            let url = format!("http://{}/?session_id={session}", running.clickhouse);
            return Ok(Way::Door { agent: agent(None), url });
        }
        if !config.store.data_dir.is_dir() {
            return Err(Error::definite("cannot query the store: there is none yet")
                .detail(format!("{} does not exist.", config.store.data_dir.display()))
                .hint("millrace up"));
        }
        let engine = block_on(open_engine(config))?;
        Ok(Way::Engine(Box::new(engine)))
    }

    fn ask(&self, sql: &str, format: &str) -> Result<()> {
        let sql = sql.trim().trim_end_matches(';');
        if sql.is_empty() {
            return Ok(());
        }
        match self {
            Way::Door { agent, url } => over_http(agent, url, sql, format),
            Way::Engine(engine) => in_process(engine, sql, format),
        }
    }
}

fn over_http(agent: &Agent, url: &str, sql: &str, format: &str) -> Result<()> {
    let could_not = |error: ureq::Error| Error::transient("could not ask the store").source(error);
    let request = agent.post(url).header("x-clickhouse-format", format);
    let mut response = request.send(sql).map_err(could_not)?;
    if response.status() != 200 {
        let body = response.body_mut().with_config().limit(ERROR_BYTES_MAX).read_to_string();
        return Err(Error::definite(body.map_err(could_not)?.trim_end().to_owned()));
    }
    let mut body = response.body_mut().as_reader();
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

/// The engine would take data lines behind an INSERT for further statements: data goes to the door.
fn in_process(engine: &Engine, sql: &str, format: &str) -> Result<()> {
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
    let answer = session.query(sql, format, &[]).map_err(told)?;
    talk::write_to(&mut std::io::stdout().lock(), answer.bytes())
}

fn interactive(way: &Way, format: &str, config: &Config) -> Result<Answer> {
    let broken = |error: ReadlineError| Error::definite("cannot read the terminal").source(error);
    let mut editor = DefaultEditor::new().map_err(broken)?;
    let history = config.store.data_dir.join("sql_history");
    // Without a history one can still ask.
    let _ = editor.load_history(&history);
    talk::say("statements end with ;  Ctrl-D leaves");
    let mut text = String::new();
    loop {
        let prompt = if text.is_empty() { "millrace> " } else { "       -> " };
        match editor.readline(prompt) {
            Ok(line) => text = text + &line + "\n",
            // Ctrl-C forgets what was typed.
            Err(ReadlineError::Interrupted) => text.clear(),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(broken(error)),
        }
        if matches!(text.trim(), "exit" | "quit" | "exit;" | "quit;") {
            break;
        }
        if !text.trim_end().ends_with(';') || open_quote(&text) {
            continue;
        }
        let _ = editor.add_history_entry(text.trim());
        for statement in statements(&text) {
            if let Err(error) = way.ask(&statement, format) {
                talk::say(format!("{} {}", talk::words("error:", Paint::Red), error.report()));
                break;
            }
        }
        text.clear();
    }
    let _ = editor.save_history(&history);
    Ok(Answer::Yes)
}

fn open_quote(text: &str) -> bool {
    Scan::default().feed(text).is_open()
}

/// Splits at `;` outside of quotes and comments.
fn statements(text: &str) -> Vec<String> {
    let mut scan = Scan::default();
    scan.feed(text);
    let mut statements = Vec::new();
    let mut from = 0;
    for end in scan.ends.iter().copied().chain([text.len()]) {
        let statement = text[from..end].trim();
        if !statement.is_empty() {
            statements.push(statement.to_owned());
        }
        from = (end + 1).min(text.len());
    }
    statements
}

/// Where statements end.
#[derive(Default)]
struct Scan {
    ends: Vec<usize>,
    inside: Option<Inside>,
}

#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Quote(u8),
    Line,
    Block,
}

impl Scan {
    /// A comment that runs to the end of the line may stay open: nothing waits for its end.
    fn is_open(&self) -> bool {
        matches!(self.inside, Some(Inside::Quote(_) | Inside::Block))
    }

    fn feed(&mut self, text: &str) -> &Scan {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let (this, next) = (bytes[at], bytes.get(at + 1).copied());
            let mut step = 1;
            match self.inside {
                None => match (this, next) {
                    (b'\'' | b'"' | b'`', _) => self.inside = Some(Inside::Quote(this)),
                    (b'-', Some(b'-')) => self.inside = Some(Inside::Line),
                    (b'/', Some(b'*')) => (self.inside, step) = (Some(Inside::Block), 2),
                    (b';', _) => self.ends.push(at),
                    _ => {}
                },
                Some(Inside::Quote(_)) if this == b'\\' => step = 2,
                Some(Inside::Quote(quote)) if this == quote => self.inside = None,
                Some(Inside::Line) if this == b'\n' => self.inside = None,
                Some(Inside::Block) if (this, next) == (b'*', Some(b'/')) => {
                    (self.inside, step) = (None, 2);
                }
                Some(_) => {}
            }
            at += step;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_outside_of_quotes_and_comments() {
        let text = "select ';', \"a;b\" -- not; here\n; select /* ; */ 2;\n select 'it\\'s;' ";
        let split = statements(text);
        assert_eq!(split.len(), 3, "{split:?}");
        assert_eq!(split[1], "select /* ; */ 2");
        assert_eq!(statements(" ;; "), Vec::<String>::new());
        assert!(open_quote("select 'a;") && !open_quote("select 'a';"));
        assert!(!open_quote("select 1 -- it's"));
    }
}
