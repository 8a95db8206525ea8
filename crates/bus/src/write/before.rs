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
use super::position::{self, Recorded};
use super::producer::Producer;
use model::{Lsn, Result};
use serde_json::{Value, json};
use source::timeline::Server;

const KEY: &str = "snapshot";

/// How far they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Before {
    /// Some may have been sent; the first try began there.
    Begun(Lsn),
    /// As they were there.
    Sent(Lsn),
}

impl Producer {
    /// `None`: nobody has begun to send them.
    pub fn before(&mut self) -> Result<Option<Recorded<Before>>> {
        self.ensure(&self.options.position_topic(), true)?;
        if let Some(before) = position::read(&self.options, KEY, parse)? {
            return Ok(Some(before));
        }
        // Who has sent exactly once has told of changes, whether rows came before them or not.
        let id = self.options.default_transactional_id();
        let position = position::last(&self.options, &id)?;
        Ok(position
            .map(|Recorded { what, server }| Recorded { what: Before::Sent(what.through), server }))
    }

    /// Of what commits behind `at` the stream tells. A position that was claimed counts no more: the rows of before
    /// are sent again because of it, and whoever dies meanwhile has to do the same.
    pub fn begin_before(&mut self, at: Lsn) -> Result<()> {
        let mut records = vec![self.mark("begun", at)];
        records.extend(self.record(Position::default()));
        self.deliver(&mut [], &records)
    }

    pub fn send_before(&mut self, rows: &mut Encoded) -> Result<()> {
        self.deliver(std::slice::from_mut(rows), &[])
    }

    /// The last of them: from here on the topics have everything up to `at`.
    pub fn end_before(&mut self, rows: &mut Encoded, at: Lsn) -> Result<()> {
        let mut records = vec![self.mark("sent", at)];
        records.extend(self.record(Position { through: at, within: None }));
        self.deliver(std::slice::from_mut(rows), &records)
    }

    fn mark(&self, name: &str, at: Lsn) -> (String, String) {
        (KEY.to_owned(), mark(name, at, self.server.as_ref()))
    }
}

fn mark(name: &str, at: Lsn, server: Option<&Server>) -> String {
    position::with_server(json!({name: at.to_string()}), server)
}

fn parse(record: &[u8]) -> Option<Recorded<Before>> {
    let record: Value = serde_json::from_slice(record).ok()?;
    let what = match (&record["begun"], &record["sent"]) {
        (Value::String(at), _) => Before::Begun(at.parse().ok()?),
        (_, Value::String(at)) => Before::Sent(at.parse().ok()?),
        _ => return None,
    };
    Some(Recorded { what, server: position::server(&record) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_read_back() {
        let at = Lsn(0x16_B374_D848);
        for server in [None, Some(Server { system: "7".into(), timeline: 2 })] {
            let read = |name| parse(mark(name, at, server.as_ref()).as_bytes());
            let recorded = |what| Some(Recorded { what, server: server.clone() });
            assert_eq!(read("begun"), recorded(Before::Begun(at)));
            assert_eq!(read("sent"), recorded(Before::Sent(at)));
            assert_eq!((read("other"), parse(b"")), (None, None));
        }
    }
}
