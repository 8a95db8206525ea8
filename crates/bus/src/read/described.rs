//! What has been learned of topics, for who has somebody else read them.

use super::means::Means;
use super::reader::Reader;
use super::shape::Shape;
use super::value::Placeholder;
use model::Table;
use std::sync::Arc;

/// A topic as its last message was.
pub struct Described<'r> {
    pub topic: &'r str,
    /// There are no envelopes.
    pub is_flat: bool,
    /// Each message brings its schema along: `{"schema":…,"payload":…}`.
    pub is_wrapped: bool,
    pub brings: Brings<'r>,
}

/// The tables that a topic has brought so far.
pub enum Brings<'r> {
    Nothing,
    One { table: &'r Arc<Table>, columns: Vec<DescribedColumn> },
    Several,
}

/// What values of a column are in messages.
pub struct DescribedColumn {
    /// As the newest schema says it.
    pub means: Means,
    /// Of its declared type: digits of a second, or bits.
    pub modifier: Option<u32>,
}

impl Reader {
    /// The topics that messages have been read of, or that were known before.
    pub fn described(&self) -> impl Iterator<Item = Described<'_>> {
        self.topics.iter().map(|topic| {
            let brings = match topic.table.map(|table| &self.tables.list[table]) {
                None => Brings::Nothing,
                Some(_) if topic.is_shared => Brings::Several,
                Some(shape) => Brings::One { table: &shape.table, columns: columns(shape) },
            };
            let (is_flat, is_wrapped) = (topic.is_flat, topic.is_wrapped);
            Described { topic: &topic.name, is_flat, is_wrapped, brings }
        })
    }

    /// Before any message of it: the table that its name says, if that is known.
    pub fn expect(&mut self, topic: &str) {
        let at = self.topic(topic);
        let of = &self.topics[at];
        let name = match &of.plain {
            Some(plain) => plain.table.clone(),
            None => super::origin::of_topic(&of.name),
        };
        let found = self.tables.find(&name);
        let of = &mut self.topics[at];
        of.table = of.table.or(found);
    }
}

fn columns(shape: &Shape) -> Vec<DescribedColumn> {
    let plan = shape.newest_plan();
    let column = |at| DescribedColumn {
        means: plan.map_or(Means::Untold, |plan| plan.means(at).clone()),
        modifier: shape.modifier(at),
    };
    (0..shape.table.columns.len()).map(column).collect()
}

/// How the placeholder of an unchanged value looks: as a text or bytes, and as arrays and maps in JSON.
pub fn spellings_of_placeholder(placeholder: &str) -> (Vec<String>, Vec<String>) {
    Placeholder::new(placeholder).spellings()
}
