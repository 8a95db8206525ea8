//! Rows that were there before the stream: sent ahead of it, and the topics know that they were.
//!
//! ```text
//! begin ─▶ mark `begun`        rows ─▶ messages        end ─▶ last messages, mark `sent`, position
//! ```
//!
//! The marks lie in the position topic under a key of their own: delivery at least once has no position, and who
//! changes from one delivery to the other does not begin anew. Until the end nothing claims a position, so whoever
//! dies before it sends all rows again; the mark says from where their changes have to be told then, lest a row that
//! was sent and has gone since stays for ever.

use super::encoded::{Encoded, Position};
use super::position;
use super::producer::Producer;
use model::{Lsn, Result};
use serde_json::{Value, json};

const KEY: &str = "snapshot";

/// How far they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Before {
    /// Some may have been sent; the first try began there.
    Begun(Lsn),
    Sent,
}

impl Producer {
    /// `None`: nobody has begun to send them.
    pub fn before(&mut self) -> Result<Option<Before>> {
        self.ensure(&self.options.position_topic(), true)?;
        if let Some(before) = position::read(&self.options, KEY, parse)? {
            return Ok(Some(before));
        }
        // Who has sent exactly once has told of changes, whether rows came before them or not.
        let id = self.options.default_transactional_id();
        let position = position::read(&self.options, &id, position::parse)?;
        Ok(position.map(|_| Before::Sent))
    }

    /// Of what commits behind `at` the stream tells.
    pub fn begin_before(&mut self, at: Lsn) -> Result<()> {
        self.deliver(&mut [], &[mark("begun", at)])
    }

    pub fn send_before(&mut self, rows: &mut Encoded) -> Result<()> {
        self.deliver(std::slice::from_mut(rows), &[])
    }

    /// The last of them: from here on the topics have everything up to `at`.
    pub fn end_before(&mut self, rows: &mut Encoded, at: Lsn) -> Result<()> {
        let position = position::record(Position { through: at, within: None });
        let mut records = vec![mark("sent", at)];
        records.extend(self.transactional_id.clone().map(|id| (id, position)));
        self.deliver(std::slice::from_mut(rows), &records)
    }
}

fn mark(name: &str, at: Lsn) -> (String, String) {
    (KEY.to_owned(), json!({name: at.to_string()}).to_string())
}

fn parse(record: &[u8]) -> Option<Before> {
    let record: Value = serde_json::from_slice(record).ok()?;
    match (&record["begun"], &record["sent"]) {
        (Value::String(at), _) => at.parse().ok().map(Before::Begun),
        (_, Value::String(_)) => Some(Before::Sent),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_read_back() {
        let at = Lsn(0x16_B374_D848);
        let read = |name| parse(mark(name, at).1.as_bytes());
        assert_eq!(read("begun"), Some(Before::Begun(at)));
        assert_eq!(read("sent"), Some(Before::Sent));
        assert_eq!((read("other"), parse(b"")), (None, None));
    }
}
