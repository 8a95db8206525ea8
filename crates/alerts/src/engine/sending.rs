//! A message on its way: tried, recorded around each try, and tried again while it may pass.

use std::sync::Arc;

use model::{Error, Fate};

use super::core::{Sent, row};
use super::{Shared, TOLD};
use crate::route::Due;
use crate::send::{Context, Kind, Message, Office, Tried};

/// Between two tries, however many there were.
const RETRY_DOUBLINGS_MAX: u32 = 5;

pub(super) async fn deliver(shared: &Arc<Shared>, due: &Due) -> Sent {
    let mut tries = 1;
    let mut perhaps = due.perhaps;
    loop {
        // A place is for one try: who does not answer keeps no other receiver waiting through its pauses.
        let own = shared.sends_to(&due.target.receiver);
        let Ok(own_place) = own.acquire().await else { return Sent::Failed { perhaps } };
        let Ok(place) = shared.sends.acquire().await else { return Sent::Failed { perhaps } };
        record(shared, due, true, perhaps).await;
        let tried = once(shared, due).await;
        drop((place, own_place));
        let Err(failed) = tried else {
            let entry = shared.core().dispatcher.told(due, shared.now_ms());
            let _ = shared.save(TOLD, vec![(due.log_key.clone(), row(&entry))]).await;
            return Sent::Taken;
        };
        perhaps |= failed.perhaps;
        record(shared, due, false, perhaps).await;
        let error = failed.error;
        if error.fate() != Fate::Transient || tries >= shared.options.send_tries {
            tracing::error!(
                contact_point = %due.target.receiver, receiver = due.target.index, tries, error = %error.report(),
                "a notification was not sent; it is news still when its group is due again"
            );
            return Sent::Failed { perhaps };
        }
        tracing::warn!(contact_point = %due.target.receiver, tries, error = %error.report(), "a notification is tried again");
        let doublings = (tries - 1).min(RETRY_DOUBLINGS_MAX);
        tokio::time::sleep(shared.options.retry * 2_u32.pow(doublings)).await;
        tries += 1;
    }
}

async fn record(shared: &Shared, due: &Due, on_wire: bool, perhaps: bool) {
    let entry = shared.core().dispatcher.trying(due, on_wire, perhaps);
    let _ = shared.save(TOLD, vec![(due.log_key.clone(), row(&entry))]).await;
}

async fn once(shared: &Arc<Shared>, due: &Due) -> Tried {
    let (kind, context) = {
        let core = shared.core();
        let receiver = core
            .receiver(due)
            .ok_or_else(|| Error::definite("cannot send it: its receiver is no more"))?;
        (
            receiver
                .send
                .clone()
                .map_err(|error| Error::definite("cannot send it").detail(error))?,
            core.context.clone(),
        )
    };
    blocking(shared.office.clone(), kind, context, due.clone()).await
}

/// One test message to its receiver.
pub(super) async fn test(shared: &Arc<Shared>, kind: Kind, due: Due) -> Tried {
    let context = shared.core().context.clone();
    blocking(shared.office.clone(), kind, context, due).await
}

async fn blocking(office: Office, kind: Kind, context: Context, due: Due) -> Tried {
    let send = move || {
        let message = Message {
            context: &context,
            receiver: &due.target.receiver,
            group_key: &due.group_key,
            group_labels: &due.group_labels,
            alerts: &due.alerts,
            id: &due.id,
        };
        office.send(&kind, &message)
    };
    let done = tokio::task::spawn_blocking(send).await;
    done.map_err(|error| Error::bug("a sender broke down").source(error))?
}
