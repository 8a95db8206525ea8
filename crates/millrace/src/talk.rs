//! What is said: data on stdout, talk on stderr, colours only where somebody looks.

use model::{Error, Result};
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};

#[derive(Clone, Copy)]
pub(crate) enum Paint {
    Red,
    Yellow,
    Green,
    Dim,
    Bold,
}

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Paint::Red => "31",
            Paint::Yellow => "33",
            Paint::Green => "32",
            Paint::Dim => "2",
            Paint::Bold => "1",
        }
    }
}

/// <https://no-color.org>: any value but the empty one.
fn wants_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !refused && !dumb
}

pub(crate) fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

pub(crate) fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

fn painted(text: impl Display, paint: Paint, terminal: bool) -> String {
    match terminal && wants_colour() {
        true => format!("\x1b[{}m{text}\x1b[0m", paint.code()),
        false => text.to_string(),
    }
}

/// For text that goes to stdout.
pub(crate) fn data(text: impl Display, paint: Paint) -> String {
    painted(text, paint, stdout_is_terminal())
}

/// For text that goes to stderr.
pub(crate) fn words(text: impl Display, paint: Paint) -> String {
    painted(text, paint, stderr_is_terminal())
}

/// Writes data. Whoever closed the pipe has read enough.
pub(crate) fn print(text: &str) -> Result<()> {
    write_to(&mut std::io::stdout().lock(), text.as_bytes())
}

pub(crate) fn write_to(out: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Error::definite("cannot write the answer").source(error)),
    }
}

/// Says a line on stderr. A closed stderr is nobody's reason to stop.
pub(crate) fn say(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Rewrites the last line of a terminal.
pub(crate) fn rewrite(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "\r\x1b[2K{text}").and_then(|()| err.flush());
}

pub(crate) fn error(error: &Error) {
    report("error", Paint::Red, &error.report());
}

pub(crate) fn warning(text: &str) {
    report("warning", Paint::Yellow, text);
}

fn report(label: &str, paint: Paint, report: &str) {
    let mut lines = report.lines();
    say(format!("{} {}", words(format!("{label}:"), paint), lines.next().unwrap_or_default()));
    for line in lines {
        let labelled = ["detail:", "hint:"].iter().find_map(|label| {
            line.strip_prefix(label).map(|rest| format!("{}{rest}", words(label, Paint::Bold)))
        });
        say(labelled.unwrap_or_else(|| line.to_owned()));
    }
}

/// The variable for how much is logged.
pub(crate) const LEVEL: &str = "MILLRACE_LOG";

/// Logs go to stderr. `MILLRACE_LOG` is one of error, warn, info (default), debug, trace.
pub(crate) fn start_logs(default: tracing::Level) -> Result<()> {
    let level = match std::env::var(LEVEL) {
        Ok(text) => text.parse().map_err(|_| {
            Error::definite(format!("cannot use MILLRACE_LOG={text}"))
                .hint("one of error, warn, info, debug, trace")
        })?,
        Err(_) => default,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(stderr_is_terminal() && wants_colour())
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}

/// Text of others on its way to a terminal: what would move its cursor or turn its letters round is
/// spelt out, as JSON spells it.
pub(crate) fn plain(text: &str) -> String {
    let turns = |letter: char| matches!(letter, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_control() || turns(letter) {
            true => plain += &format!("\\u{:04x}", u32::from(letter)),
            false => plain.push(letter),
        }
    }
    plain
}

/// `1.5 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{count} B"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([12, 1024, 1 << 31].map(bytes), ["12 B", "1.0 KiB", "2.0 GiB"]);
    }

    #[test]
    fn no_colours_in_a_file() {
        assert_eq!(painted("x", Paint::Red, false), "x");
    }
}
