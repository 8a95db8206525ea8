//! Which server it is, and which history of it: a promoted standby and a restored backup begin a new
//! timeline, and what was committed on the old one after that point never happened there.

use crate::address::Address;
use crate::wire::Session;
use model::{Error, Lsn, Result};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// The same in all copies of a database cluster.
    pub system: String,
    pub timeline: u32,
}

/// Whom we talk to.
pub async fn server(address: &Address) -> Result<Server> {
    Server::read(ask(address, "IDENTIFY_SYSTEM".into()).await?)
}

impl Server {
    /// What IDENTIFY_SYSTEM answers.
    pub(crate) fn read(rows: Vec<Vec<Option<String>>>) -> Result<Server> {
        let mut fields = rows.into_iter().next().unwrap_or_default().into_iter().flatten();
        let answer = (fields.next(), fields.next().and_then(|text| text.parse().ok()));
        match answer {
            (Some(system), Some(timeline)) => Ok(Server { system, timeline }),
            _ => Err(Error::bug("the server's identity does not read")),
        }
    }
}

/// Where the history of timeline `now` left the timeline `before`. `None`: it never was on it.
pub async fn left_at(address: &Address, now: u32, before: u32) -> Result<Option<Lsn>> {
    let rows = ask(address, format!("TIMELINE_HISTORY {now}")).await?;
    let content = rows.into_iter().next().and_then(|row| row.into_iter().nth(1).flatten());
    let content = content.ok_or_else(|| Error::bug("the server's history does not read"))?;
    Ok(left(&content, before))
}

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn any_history(content: &str, before: u32) {
    let hex: String = content.bytes().map(|byte| format!("{byte:02x}")).collect();
    let found = left(content, before);
    assert!(content.starts_with("\\x") || left(&format!("\\x{hex}"), before) == found);
}

/// A line a timeline: its number, where it was left, and why. As bytea, or as it is.
fn left(content: &str, before: u32) -> Option<Lsn> {
    let bytes = content.strip_prefix("\\x").map(|hex| {
        let pairs = hex.as_bytes().chunks(2).map(std::str::from_utf8);
        pairs.filter_map(|pair| u8::from_str_radix(pair.ok()?, 16).ok()).collect()
    });
    let text = match bytes {
        Some(bytes) => String::from_utf8(bytes).ok()?,
        None => content.to_owned(),
    };
    let line = text.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let is_it = fields.next()?.parse::<u32>().ok()? == before;
        is_it.then(|| fields.next().map(str::to_owned)).flatten()
    });
    line?.parse().ok()
}

async fn ask(address: &Address, sql: String) -> Result<Vec<Vec<Option<String>>>> {
    let address = address.clone();
    let asked = tokio::task::spawn_blocking(move || {
        Session::connect_replicating(&address)?.simple_query(&sql, "ask the server who it is")
    });
    asked.await.map_err(|panic| Error::bug("a question broke").source(panic))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_says_where_each_timeline_was_left() {
        let text =
            "1\t0/3000028\tno recovery target specified\n\n2\t0/5000000\tbefore 2026-11-25\n";
        assert_eq!(left(text, 1), Some(Lsn(0x300_0028)));
        assert_eq!(left(text, 2), Some(Lsn(0x500_0000)));
        assert_eq!(left(text, 3), None);
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(left(&format!("\\x{hex}"), 2), Some(Lsn(0x500_0000)));
        assert_eq!(left("\\xzz", 1), None);
    }
}
