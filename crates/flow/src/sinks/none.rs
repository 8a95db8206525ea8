//! No sinks: this build has no Kafka.

use crate::agree::Ground;
use crate::status::SinkReport;
use crate::tables::Tables;
use model::{Lsn, Result, TableId};
use source::Address;
use source::stream::tap::{Tap, Tapped};
use std::sync::Arc;
use tokio_postgres::Client;

#[derive(Clone, Debug)]
pub enum SinkPlan {}

pub(crate) struct Sinks;

#[expect(dead_code, reason = "nobody reads from it")]
pub(crate) struct Source {
    pub(crate) address: Address,
    pub(crate) publication: String,
}

impl Sinks {
    pub(crate) fn start(_: &[SinkPlan], _: Source) -> Sinks {
        Sinks
    }

    pub(crate) async fn tap(&self, _: &Tables, _: &Arc<Ground>) -> Result<Option<Box<dyn Tap>>> {
        Ok(None)
    }

    pub(crate) fn begin(&self) -> Option<Lsn> {
        None
    }

    pub(crate) fn confirmable(&self) -> Lsn {
        Lsn::MAX
    }

    pub(crate) fn have_room(&self) -> bool {
        true
    }

    pub(crate) async fn changed(&self) {
        std::future::pending().await
    }

    pub(crate) fn take(&self, _: Tapped) {}

    pub(crate) async fn learn(&self, _: &Client, _: TableId) -> Result<()> {
        Ok(())
    }

    pub(crate) async fn drain(&self) {}

    pub(crate) fn report(&self) -> Vec<SinkReport> {
        Vec::new()
    }
}
