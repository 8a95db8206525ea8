//! One tap for all sinks.

use bus::write::{Encoded, Encoder};
use model::{Lsn, Result, Table, TableId};
use source::stream::Relation;
use source::stream::tap::{Begin, Change, LogicalMessage, Tap, Tapped};

pub(super) struct Taps {
    /// With the sink's number.
    encoders: Vec<(usize, Encoder)>,
}

impl Taps {
    pub(super) fn new(encoders: Vec<(usize, Encoder)>) -> Option<Taps> {
        (!encoders.is_empty()).then_some(Taps { encoders })
    }

    fn each(&mut self, mut tell: impl FnMut(&mut Encoder) -> Result<()>) -> Result<()> {
        self.encoders.iter_mut().try_for_each(|(_, encoder)| tell(encoder))
    }
}

impl Tap for Taps {
    fn relation(&mut self, relation: &Relation, table: &Table) -> Result<()> {
        self.each(|encoder| Tap::relation(encoder, relation, table))
    }

    fn skip(&mut self, id: TableId) {
        self.encoders.iter_mut().for_each(|(_, encoder)| encoder.skip(id));
    }

    fn begin(&mut self, begin: Begin) -> Result<()> {
        self.each(|encoder| Tap::begin(encoder, begin))
    }

    fn change(&mut self, id: TableId, change: Change<'_>, lsn: Lsn) -> Result<()> {
        self.each(|encoder| encoder.change(id, change, lsn))
    }

    fn truncate(&mut self, tables: &[TableId], lsn: Lsn) -> Result<()> {
        self.each(|encoder| Tap::truncate(encoder, tables, lsn))
    }

    fn message(&mut self, message: LogicalMessage<'_>) -> Result<()> {
        self.each(|encoder| Tap::message(encoder, message))
    }

    fn commit(&mut self, end: Lsn) -> Result<()> {
        self.each(|encoder| Tap::commit(encoder, end))
    }

    fn size_bytes(&self) -> usize {
        self.encoders.iter().map(|(_, encoder)| Tap::size_bytes(encoder)).sum()
    }

    fn cut(&mut self, through: Lsn) -> Option<Tapped> {
        let cut = |(at, encoder): &mut (usize, Encoder)| (*at, encoder.take(through));
        let all: Vec<(usize, Encoded)> = self.encoders.iter_mut().map(cut).collect();
        Some(Tapped(Box::new(all)))
    }
}
