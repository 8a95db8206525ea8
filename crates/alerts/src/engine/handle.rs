//! What the host has in hand of a running engine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{Error, Result};
use serde::Serialize;
use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::core::row;
use super::shown::{Metrics, SilenceShown, Snapshot};
use super::{SILENCES, Shared, digest, sending};
use crate::file::Files;
use crate::route::{Alert, Due, Silence, Target};

const HISTORY_MAX: usize = 10_000;
const SILENCES_MAX: usize = 10_000;

/// What became of a test message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tested {
    pub kind: String,
    pub ok: bool,
    pub error: Option<String>,
}

#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    stop: mpsc::Sender<()>,
    turning: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Handle {
    pub(super) fn new(
        shared: Arc<Shared>,
        stop: mpsc::Sender<()>,
        turning: JoinHandle<()>,
    ) -> Handle {
        Handle { shared, stop, turning: Arc::new(Mutex::new(Some(turning))) }
    }

    /// The document of `GET api/alerts`.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.core().snapshot(self.shared.now_ms())
    }

    pub fn metrics(&self) -> Metrics {
        self.shared.core().metrics()
    }

    /// Changes of state, the newest first.
    pub async fn history(&self, limit: usize) -> Result<Vec<Json>> {
        let lines = self.shared.memory.history(limit.min(HISTORY_MAX)).await?;
        Ok(lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Other files. The state of a rule is kept by its uid; of those that are gone, what fires is resolved.
    pub fn reload(&self, files: Files) {
        let now_ms = self.shared.now_ms();
        self.shared.core().reload(files, &self.shared.options.external_url, now_ms);
        self.shared.wake.notify_one();
    }

    /// Its id. A silence that has one already takes the place of that one.
    pub async fn silence(&self, mut silence: Silence) -> Result<String> {
        silence.check().map_err(|why| Error::definite("cannot silence this").detail(why))?;
        if silence.id.is_empty() {
            let mut bytes = [0_u8; 16];
            getrandom::fill(&mut bytes)
                .map_err(|_| Error::transient("could not get random bytes"))?;
            silence.id = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        }
        let id = silence.id.clone();
        self.keep(silence).await?;
        Ok(id)
    }

    /// It ends now; it is shown for some days still.
    pub async fn unsilence(&self, id: &str) -> Result<()> {
        let now_ms = self.shared.now_ms();
        let found = self.shared.core().silences.get(id).cloned();
        let mut silence = found.ok_or_else(|| {
            Error::definite("cannot find this silence").detail("It ended long ago, or never was.")
        })?;
        silence.ends_ms = silence.ends_ms.min(now_ms);
        silence.starts_ms = silence.starts_ms.min(silence.ends_ms);
        self.keep(silence).await
    }

    async fn keep(&self, silence: Silence) -> Result<()> {
        {
            let mut core = self.shared.core();
            if core.silences.len() >= SILENCES_MAX && !core.silences.contains_key(&silence.id) {
                return Err(Error::definite("cannot silence this")
                    .detail(format!("There are {SILENCES_MAX} silences.")));
            }
            core.mark(SILENCES, silence.id.clone(), row(&silence));
            core.silences.insert(silence.id.clone(), silence);
        }
        super::turning::save(&self.shared).await;
        self.shared.wake.notify_one();
        Ok(())
    }

    pub fn silences(&self) -> Vec<SilenceShown> {
        self.shared.core().silences_shown(self.shared.now_ms())
    }

    /// One message to each receiver of a contact point, tried once.
    pub async fn test(&self, contact_point: &str) -> Result<Vec<Tested>> {
        let files = self.shared.core().files.clone();
        let point = files.contact_points.iter().find(|point| point.name == contact_point);
        let point = point.ok_or_else(|| {
            Error::definite(format!("cannot find the contact point {contact_point}"))
        })?;
        let mut all = Vec::new();
        for (index, receiver) in point.receivers.iter().enumerate() {
            let sent = match &receiver.send {
                Err(error) => Err(Error::definite("cannot send it").detail(error.clone())),
                Ok(kind) => {
                    let due = test_message(contact_point, index, self.shared.now_ms());
                    sending::test(&self.shared, kind.clone(), due)
                        .await
                        .map_err(|failed| failed.error)
                }
            };
            let error = sent.err().map(|error| error.report());
            all.push(Tested { kind: receiver.kind.clone(), ok: error.is_none(), error });
        }
        Ok(all)
    }

    /// Waits for what is on its way, saves, and ends.
    pub async fn stop(&self) {
        let _ = self.stop.try_send(());
        let turning = self.turning.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(turning) = turning {
            let _ = turning.await;
        }
    }
}

fn test_message(contact_point: &str, index: usize, now_ms: i64) -> Due {
    let text = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let alert = Alert {
        rule: String::new(),
        labels: text(&[("alertname", "TestAlert"), ("instance", "Millrace")]),
        annotations: text(&[("summary", "Notification test")]),
        starts_ms: now_ms,
        ends_ms: None,
        values: BTreeMap::from([("B".to_owned(), Some(22.0)), ("C".to_owned(), Some(1.0))]),
        value_text: "[ var='B' labels={} value=22 ], [ var='C' labels={} value=1 ]".to_owned(),
        dashboard: None,
        panel: None,
    };
    let group_key = "{}:{alertname=\"TestAlert\", instance=\"Millrace\"}".to_owned();
    Due {
        log_key: String::new(),
        // Each test is a message of its own.
        id: digest(&format!("test {contact_point} {index} {now_ms}")),
        group_labels: alert.labels.clone(),
        group_key,
        route: None,
        perhaps: false,
        target: Target {
            receiver: contact_point.to_owned(),
            index,
            uid: String::new(),
            no_resolved: false,
        },
        alerts: vec![alert],
    }
}
