//! Settings of a session. Those in a URL belong to one request; a session that goes on is lent them
//! and gets its own back when the next request asks for others. Clients repeat the same few with
//! every request, so that as a rule nothing changes hands.

use super::error::Failure;
use super::native;
use super::request::Request;
use super::sessions::Kept;
use std::collections::BTreeMap;
use store::ddl::{ident, literal};
use store::embedded::{HOME_DATABASE, Session};

/// Where the embedded engine's defaults differ from what clients know of a server: a text that is
/// no statement is an error, and an answered INSERT is visible. And where its defaults only cost. Threads
/// that format one block together took 40 % of the CPU of `SELECT 1` (14 context switches instead of 3), and
/// 1.1 times as long for 110 MB of JSONEachRow on two cores. Blocks of 1 MB are handed from thread to thread so
/// often that 20 million rows of Native took 1.13 times as long as with 2 MB.
const FROM_THE_START: [(&str, &str); 4] = [
    ("implicit_select", "0"),
    ("async_insert", "0"),
    ("output_format_parallel_formatting", "0"),
    ("preferred_block_size_bytes", "2000000"),
];

pub(crate) type Settings = BTreeMap<String, String>;

/// What a session begins with; one that is of a single request has its settings at once with that.
pub(super) fn begin(session: &mut Session, wanted: Settings) -> Result<(), Failure> {
    set(session, &from_the_start(wanted))
}

pub(super) fn from_the_start(mut wanted: Settings) -> Settings {
    for (name, value) in FROM_THE_START {
        wanted.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    wanted
}

/// Clients say `default` when they mean no database in particular. The engine's own lays files
/// of the server open as tables, so it means ours.
pub(super) fn use_database(session: &mut Session, name: &str) -> Result<(), Failure> {
    let name = if name == "default" { HOME_DATABASE } else { name };
    run(session, &format!("USE {}", ident(name)))
}

/// What a request wants; `comment` is what its statement is found by to be killed.
pub(super) fn wanted(request: &Request, comment: String) -> Settings {
    let mut wanted: Settings = request.settings.iter().cloned().collect();
    wanted.insert("log_comment".into(), comment);
    wanted
}

pub(super) fn set(session: &mut Session, settings: &Settings) -> Result<(), Failure> {
    if settings.is_empty() {
        return Ok(());
    }
    let mut pairs = Vec::with_capacity(settings.len());
    for (name, value) in settings {
        pairs.push(format!("{} = {}", checked(name)?, literal(value)));
    }
    run(session, &format!("SET {}", pairs.join(", ")))
}

/// Puts these in force instead of those of the request before.
pub(super) fn lend(kept: &mut Kept, wanted: Settings) -> Result<(), Failure> {
    let over: Vec<String> =
        kept.applied.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
    give_back(kept, &over)?;
    let changed: Settings =
        wanted.into_iter().filter(|(name, value)| kept.applied.get(name) != Some(value)).collect();
    remember(kept, &changed)?;
    set(&mut kept.session, &changed)?;
    kept.applied.extend(changed);
    Ok(())
}

/// Gives the session all its own settings back.
pub(super) fn restore(kept: &mut Kept) -> Result<(), Failure> {
    let names: Vec<String> = kept.applied.keys().cloned().collect();
    give_back(kept, &names)?;
    // The next statement may change them.
    kept.before.clear();
    Ok(())
}

fn give_back(kept: &mut Kept, names: &[String]) -> Result<(), Failure> {
    let mut pairs = Vec::with_capacity(names.len());
    for name in names {
        match kept.before.get(name) {
            Some(Some(value)) => pairs.push(format!("{name} = {}", literal(value))),
            _ => pairs.push(format!("{name} = DEFAULT")),
        }
    }
    if !pairs.is_empty() {
        run(&mut kept.session, &format!("SET {}", pairs.join(", ")))?;
    }
    for name in names {
        kept.applied.remove(name);
        kept.before.remove(name);
    }
    Ok(())
}

/// Looks up what the session has of its own among these.
fn remember(kept: &mut Kept, changed: &Settings) -> Result<(), Failure> {
    let mut names = Vec::new();
    for name in changed.keys().filter(|name| !kept.before.contains_key(*name)) {
        names.push(literal(checked(name)?));
    }
    if names.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT name, value FROM system.settings WHERE changed AND name IN ({})",
        names.join(", ")
    );
    let answer = kept.session.query_and_keep(&sql, "RowBinary", &[])?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let mut fields = native::Block::new(answer.bytes());
    while let (Some(name), Some(value)) = (fields.text(), fields.text()) {
        kept.before.insert(text(name), Some(text(value)));
    }
    drop(answer);
    for name in changed.keys() {
        kept.before.entry(name.clone()).or_insert(None);
    }
    Ok(())
}

fn run(session: &mut Session, sql: &str) -> Result<(), Failure> {
    session.query_and_keep(sql, "Null", &[]).map(drop).map_err(Failure::from)
}

fn checked(name: &str) -> Result<&str, Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    if !name.is_empty() && name.bytes().all(plain) {
        return Ok(name);
    }
    Err(Failure::new(115, "UNKNOWN_SETTING", format!("Unknown setting '{name}'")))
}
