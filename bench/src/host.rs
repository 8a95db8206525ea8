//! The engine alone in a process: what a peer that lives inside libchdb runs in.
//!
//! `bench engine DIR` reads a statement a line and answers each with its rows and a line of a dot
//! (a `STREAM` with the number of its bytes);
//! a process of its own, so that it starts cold like ours and its memory is nobody else's.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use store::{Engine, EngineOptions};

const MEMORY_BYTES: u64 = 8 << 30;
const END: &str = ".";
/// `STREAM Native SELECT …`
const STREAM: &str = "STREAM ";

/// The child's side.
pub(crate) fn serve(folder: &Path) -> Result<(), String> {
    let options = EngineOptions { data_dir: folder.to_owned(), memory_bytes: MEMORY_BYTES };
    let engine = Engine::open(&options).map_err(|error| error.report())?;
    let mut session = engine.session().map_err(|error| error.report())?;
    for line in std::io::stdin().lines() {
        let sql = line.map_err(|error| error.to_string())?;
        let mut out = std::io::stdout().lock();
        if let Some((format, sql)) = line_of_stream(&sql) {
            let bytes = drain(&engine, format, sql)?;
            writeln!(out, "{bytes}\n{END}")
                .and_then(|()| out.flush())
                .map_err(|e| e.to_string())?;
            continue;
        }
        match session.query(&sql, "TabSeparated", &[]) {
            Ok(answer) => out.write_all(answer.bytes()).map_err(|error| error.to_string())?,
            Err(error) => {
                let text = error.to_string().replace('\n', " ");
                writeln!(out, "ERROR {text}").map_err(|error| error.to_string())?;
                // A session that failed is closed; its settings went with it.
                session = engine.session().map_err(|error| error.report())?;
            }
        }
        writeln!(out, "{END}").and_then(|()| out.flush()).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn line_of_stream(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix(STREAM)?.split_once(' ')
}

/// Reads a SELECT by the engine's stream call, chunk by chunk; the bytes of all of them.
fn drain(engine: &Engine, format: &str, sql: &str) -> Result<u64, String> {
    let session = engine.session().map_err(|error| error.report())?;
    let mut chunks = session.select(sql, format, &[]).map_err(|error| error.to_string())?;
    let mut bytes = 0;
    while let Some(chunk) = chunks.next().map_err(|error| error.to_string())? {
        bytes += chunk.bytes().len() as u64;
    }
    Ok(bytes)
}

/// The parent's side; the child is killed when this is dropped.
pub(crate) struct Host {
    child: Child,
    statements: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Host {
    pub(crate) fn start(folder: &Path) -> Host {
        let mut child = Command::new(std::env::current_exe().expect("we have a path"))
            .arg("engine")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("we can run ourselves");
        let statements = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Host { child, statements, answers }
    }

    pub(crate) fn try_query(&mut self, sql: &str) -> Result<String, String> {
        let sql = sql.replace('\n', " ");
        writeln!(self.statements, "{sql}").map_err(|error| format!("the engine ended: {error}"))?;
        let mut text = String::new();
        loop {
            let mut line = String::new();
            let read = self.answers.read_line(&mut line).map_err(|error| error.to_string())?;
            match (read, line.trim_end()) {
                (0, _) => return Err(format!("the engine ended at: {sql}")),
                (_, END) => break,
                _ => text += &line,
            }
        }
        match text.strip_prefix("ERROR ") {
            Some(error) => Err(error.trim_end().to_owned()),
            None => Ok(text.trim_end().to_owned()),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn query(&mut self, sql: &str) -> String {
        self.try_query(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// How many bytes a SELECT has in a format, read by the stream call.
    pub(crate) fn stream(&mut self, format: &str, sql: &str) -> u64 {
        let bytes = self.query(&format!("{STREAM}{format} {sql}"));
        bytes.trim().parse().unwrap_or_else(|_| panic!("{sql}: {bytes}"))
    }

    /// Closes the engine in order.
    pub(crate) fn stop(self) {
        let Host { mut child, statements, answers } = self;
        drop(statements);
        drop(answers);
        let _ = child.wait();
    }
}
