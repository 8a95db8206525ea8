//! Texts as chance makes them, read by the engine's own lexer (`tokenizeQuery`) and by ours: of a plain one
//! no word, name or literal is another to the engine than it is here.

use super::*;
use crate::engine;
use harness::Dice;
use std::time::{Duration, Instant};

/// What lexers are easily led astray by.
const PIECES: &[&str] = &[
    "SELECT", "file", "SETTINGS", "INTO", "OUTFILE", "e", "E", "p", "x", "0x", "0b", "_", "b", "1",
    "0", "10", "1e", "1e5", "0x1p", ".5", "1_000", "inf", "nan", "'", "''", "\\'", "\\", "\\\\",
    "\"", "\"\"", "`", "``", "--", "-", "/*", "*/", "/", "//", "*", "#", "#!", "# ", "!", "!=",
    "\n", "\r", "\t", " ", " ", " ", "\u{b}", "\u{c}", "\0", ".", "..", "@", "@@", "$", "$$",
    "$x$", "{", "}", "(", ")", "[", "]", ",", ";", ":", "::", "->", "?", "|", "||", "%", "^", "&",
    "<=>", "==", "\\G", "~", "é", "\u{a0}", "\u{2003}", "“", "”", "‘", "’", "\u{feff}", "ï", "😀",
    "heredoc", "N'", "x'", "b'", "X'4",
];
const BATCH: usize = 400;

#[derive(serde::Deserialize)]
struct Seen(usize, usize, String);

fn text(dice: &mut Dice) -> String {
    (0..dice.within(1, 14)).map(|_| *dice.pick(PIECES)).collect()
}

/// What the engine takes for something else than we do, up to its first error: there it refuses.
fn difference(text: &str, seen: &[Seen]) -> Option<String> {
    let is_error = |token: &&Seen| token.2.starts_with("Error");
    let end = seen.iter().find(is_error).map_or(text.len(), |token| token.0);
    let ours: Vec<Token> = Tokens::new(text.as_bytes()).collect();
    let ours = || ours.iter().filter(|token| token.end <= end);
    let theirs = |kinds: &[&str]| -> Vec<(usize, usize)> {
        let seen = seen.iter().filter(|token| token.1 <= end && kinds.contains(&token.2.as_str()));
        seen.map(|token| (token.0, token.1)).collect()
    };
    let of_kind = |kind: Kind| -> Vec<(usize, usize)> {
        ours().filter(|token| token.kind == kind).map(|token| (token.start, token.end)).collect()
    };
    let numbers = theirs(&["Number"]);
    let in_number =
        |at: &(usize, usize)| numbers.iter().any(|(start, end)| *start <= at.0 && at.1 <= *end);
    let words: Vec<_> = of_kind(Kind::Word).into_iter().filter(|at| !in_number(at)).collect();
    let pairs = [
        ("words", words, theirs(&["BareWord"])),
        ("names", of_kind(Kind::Quoted), theirs(&["QuotedIdentifier"])),
        ("literals", of_kind(Kind::Literal), theirs(&["StringLiteral", "HereDoc"])),
    ];
    let odd = pairs.into_iter().find(|(_, ours, theirs)| ours != theirs);
    odd.map(|(what, ours, theirs)| format!("{what}: {ours:?}, the engine's {theirs:?}"))
}

fn tokens(texts: &[String]) -> Vec<Vec<Seen>> {
    let list: Vec<String> = texts.iter().map(|text| store::ddl::literal(text)).collect();
    let sql = format!(
        "SELECT arrayJoin(arrayMap(x -> arrayMap(t -> (t.1, t.2, toString(t.3)), tokenizeQuery(x)), [{}]))",
        list.join(", ")
    );
    let settings = "output_format_json_quote_64bit_integers = 0, max_query_size = 10000000";
    let mut session = engine().session().unwrap();
    session.query_and_keep(&format!("SET {settings}"), "Null", &[]).unwrap();
    let answer = session.query(&sql, "JSONCompactEachRow", &[]).unwrap();
    let lines = String::from_utf8(answer.bytes().to_owned()).unwrap();
    let row = |line: &str| serde_json::from_str::<(Vec<Seen>,)>(line).unwrap().0;
    lines.lines().map(row).collect()
}

/// `MILLRACE_SEED` repeats a run, `MILLRACE_SECONDS` is for how long.
#[test]
fn a_plain_text_is_read_as_the_engine_reads_it() {
    let from_env = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let seed = from_env("MILLRACE_SEED").unwrap_or_else(Dice::fresh_seed);
    println!("MILLRACE_SEED={seed}");
    let until = Instant::now() + Duration::from_secs(from_env("MILLRACE_SECONDS").unwrap_or(3));
    let (mut dice, mut plain, mut read) = (Dice::new(seed), 0, 0);
    while Instant::now() < until || read < BATCH {
        let texts: Vec<String> = (0..BATCH).map(|_| text(&mut dice)).collect();
        for (text, seen) in texts.iter().zip(tokens(&texts)) {
            read += 1;
            if !is_plain(text) {
                continue;
            }
            plain += 1;
            if let Some(what) = difference(text, &seen) {
                panic!("MILLRACE_SEED={seed}\n{text:?}: {what}");
            }
        }
    }
    println!("{plain} of {read} texts are plain");
    assert!(plain > 0);
}

#[test]
fn a_difference_is_seen() {
    for (text, other) in [("SELECT 1e--x", "1e"), ("SELECT “x”", ""), ("a$x$", "")] {
        let seen = tokens(&[text.to_owned()]).remove(0);
        assert!(!is_plain(text));
        assert!(difference(text, &seen).is_some() || other.is_empty(), "{text}");
    }
}
