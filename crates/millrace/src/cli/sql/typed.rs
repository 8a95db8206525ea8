//! Statements that a person types, line by line.
//!
//! What is typed while a statement runs is read afterwards: the terminal keeps it, and the editor what
//! it has taken from there beyond a line (its feature `buffer-redux`).

use super::Way;
use super::split::{is_open, statements};
use crate::cli::Answer;
use crate::config::Config;
use crate::talk::{self, Paint};
use model::{Error, Result};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

const GREETING: &str = "statements end with ;  Ctrl-D leaves, help tells more";
const HELP: &str = "\
statements are ClickHouse's SQL, over as many lines as you like, up to the ;
  SHOW DATABASES;  SHOW TABLES FROM public;  DESCRIBE TABLE public.orders;
Ctrl-C forgets what was begun, Ctrl-D leaves; on a fresh line so do exit and quit";
const INSIDE: &str = "\
taken as a part of the statement that was begun: ; ends it, Ctrl-C forgets it, Ctrl-D leaves";

/// What a line is to those before it.
#[derive(Debug, PartialEq)]
enum Line {
    /// The statement goes on.
    More,
    /// It ends here.
    Ask,
    /// It goes on with a word that may not have been meant for it.
    Word,
    Help,
    Leave,
}

impl Line {
    fn read(begun: &str, line: &str) -> Line {
        let word = line.trim().to_ascii_lowercase();
        let is_fresh = begun.trim().is_empty();
        match word.trim_end_matches(';') {
            "exit" | "quit" if is_fresh => return Line::Leave,
            "help" if is_fresh => return Line::Help,
            _ => {}
        }
        let whole = format!("{begun}{line}");
        match whole.trim_end().ends_with(';') && !is_open(&whole) {
            true => Line::Ask,
            false if !is_open(begun) && matches!(&*word, "exit" | "quit" | "help") => Line::Word,
            false => Line::More,
        }
    }
}

pub(super) fn run(way: &Way, format: &str, config: &Config) -> Result<Answer> {
    let broken = |error: ReadlineError| Error::definite("cannot read the terminal").source(error);
    let mut editor = DefaultEditor::new().map_err(broken)?;
    let history = config.store.data_dir.join("sql_history");
    // Without a history one can still ask.
    let _ = editor.load_history(&history);
    talk::say(GREETING);
    let mut begun = String::new();
    loop {
        let prompt = if begun.is_empty() { "millrace> " } else { "       -> " };
        let line = match editor.readline(prompt) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                begun.clear();
                continue;
            }
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(broken(error)),
        };
        let meaning = Line::read(&begun, &line);
        match meaning {
            Line::Leave => break,
            Line::Help => {
                talk::say(HELP);
                continue;
            }
            Line::Word => talk::say(INSIDE),
            Line::More | Line::Ask => {}
        }
        begun = begun + &line + "\n";
        if meaning == Line::Ask {
            let _ = editor.add_history_entry(begun.trim());
            ask(way, &begun, format);
            begun.clear();
        } else if begun.trim().is_empty() {
            begun.clear();
        }
    }
    let _ = editor.save_history(&history);
    Ok(Answer::Yes)
}

fn ask(way: &Way, text: &str, format: &str) {
    for statement in statements(text) {
        if let Err(error) = way.ask(&statement, format) {
            talk::say(format!("{} {}", talk::words("error:", Paint::Red), error.report()));
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_ours_on_a_fresh_line_and_told_of_inside_a_statement() {
        for (begun, line, meaning) in [
            ("", "exit", Line::Leave),
            ("\n", " QUIT; ", Line::Leave),
            ("", "help", Line::Help),
            ("", "select 1", Line::More),
            ("select 1\n", "exit", Line::Word),
            ("select 1\n", "help", Line::Word),
            ("select '\n", "quit", Line::More),
            ("select '\n", "a;", Line::More),
            ("select 1\n", "as exit;", Line::Ask),
            ("select 1\n", "exit;", Line::Ask),
        ] {
            assert_eq!(Line::read(begun, line), meaning, "{begun:?} {line:?}");
        }
    }
}
