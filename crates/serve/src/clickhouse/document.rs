//! An answer that is one document, whatever its size: JSON, XML, Parquet and the like. The engine's stream would
//! make a document of each block, and its other call the whole in memory. So it writes into a pipe, as a
//! client of its own does with `INTO OUTFILE`, and is as fast as the client reads:
//!
//! ```text
//! SELECT … INTO OUTFILE '/proc/self/fd/7' APPEND FORMAT JSON ─▶ pipe ─▶ Answer
//!          a thread of the statement's                        64 KiB    the worker
//! ```
//!
//! The text is put in behind every check of what the client may ask, and `INTO OUTFILE` of its own is refused there.
//! Its end of the pipe stays open until the engine is done, so the number is no other file's meanwhile. Whoever could
//! use the number, too, has `file()`: an admin, to whom all rows are open anyway.
//!
//! A statement that fails under way still gets its document's end written, as if those were all rows. So
//! the last bytes wait for the statement.

use super::answer::Answer;
use super::error::Failure;
use super::kill;
use super::run::{Stop, Work};
use super::sql::Outline;
use bytes::Bytes;
use std::io::{PipeReader, Read};
use std::os::fd::AsRawFd;
use store::ddl::literal;
use store::embedded::Session;

/// What a pipe holds.
const READ_BYTES: usize = 64 << 10;
/// Without so many of its last bytes a document is none: longer than the end of any of the formats (`</result>`).
const END_BYTES: usize = 64;

impl Work {
    pub(super) fn document(
        &self,
        session: &mut Session,
        sql: &str,
        outline: &Outline,
        format: &str,
        answer: &mut Answer,
    ) -> Result<(), Stop> {
        let pipe = std::io::pipe().map_err(|error| {
            let text = format!("could not open a pipe for the answer: {error}");
            Failure::new(75, "CANNOT_WRITE_TO_FILE_DESCRIPTOR", text)
        });
        let (reader, writer) = pipe?;
        let sql = into_file(sql, outline, &format!("/proc/self/fd/{}", writer.as_raw_fd()), format);
        std::thread::scope(|scope| {
            let params = &self.request.params[..];
            let work = move || {
                let output = session.query_and_keep(&sql, format, params);
                drop(writer);
                output
            };
            let thread = std::thread::Builder::new().name("document".into());
            let statement = thread.spawn_scoped(scope, work).map_err(|error| {
                let text = format!("could not start a thread for the answer: {error}");
                Failure::new(439, "CANNOT_SCHEDULE_TASK", text)
            })?;
            let passed = self.pass_document(reader, answer);
            if passed.is_err() {
                // To the engine a pipe that nobody reads is no reason to end.
                kill::cancel_later(&self.door.engine, &self.statement);
            }
            let output = statement.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let end = passed?;
            match output {
                Ok(output) => {
                    answer.add(output.stats());
                    Ok(answer.write(end)?)
                }
                Err(error) => {
                    answer.keep_end(end);
                    Err(error.into())
                }
            }
        })
    }

    /// All of it but its end, which comes back. The pipe is closed then.
    fn pass_document(&self, mut reader: PipeReader, answer: &mut Answer) -> Result<Bytes, Stop> {
        let mut buffer = Vec::new();
        loop {
            let kept = buffer.len();
            buffer.resize(kept + READ_BYTES, 0);
            let count = reader.read(&mut buffer[kept..]).map_err(|error| {
                let text = format!("could not read the answer from its pipe: {error}");
                Failure::new(74, "CANNOT_READ_FROM_FILE_DESCRIPTOR", text)
            })?;
            buffer.truncate(kept + count);
            self.statement.may_go_on()?;
            if count == 0 {
                return Ok(buffer.into());
            }
            let end = buffer.split_off(buffer.len().saturating_sub(END_BYTES));
            if !buffer.is_empty() {
                answer.write(buffer.into())?;
            }
            buffer = end;
        }
    }
}

/// The clause stands before that of the format, and neither behind the statement's end.
fn into_file(sql: &str, outline: &Outline, path: &str, format: &str) -> String {
    let (before, behind) = match &outline.format_at {
        Some(clause) => (&sql[..clause.start], &sql[clause.end..outline.end]),
        None => (&sql[..outline.end], ""),
    };
    format!("{before}\nINTO OUTFILE {} APPEND FORMAT {format}{behind}", literal(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clickhouse::sql;

    #[test]
    fn the_file_is_named_where_the_engine_reads_it() {
        let into = "\nINTO OUTFILE 'x' APPEND FORMAT JSON";
        for (text, before, behind) in [
            ("SELECT 1", "SELECT 1", ""),
            ("SELECT 1 -- c;\n;", "SELECT 1", ""),
            ("SELECT 1 FORMAT JSON;", "SELECT 1 ", ""),
            ("SELECT 'FORMAT JSON'", "SELECT 'FORMAT JSON'", ""),
            ("SELECT 1 SETTINGS a = 1 FORMAT JSON", "SELECT 1 SETTINGS a = 1 ", ""),
            ("SELECT 1 FORMAT JSON SETTINGS a = 1 /* */ ;", "SELECT 1 ", " SETTINGS a = 1"),
        ] {
            let found = into_file(text, &sql::outline(text), "x", "JSON");
            assert_eq!(found, format!("{before}{into}{behind}"));
        }
    }
}
