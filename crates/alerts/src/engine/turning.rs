//! The loop: what wakes it is a tick, an evaluation or a message that has ended, a handle, the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::core::{Job, row};
use super::{SENDS_QUEUED_MAX, SILENCES, Shared, evaluating, sending};
use crate::expr::Evaluated;
use crate::route::Due;
use crate::state::Change;

/// Messages that are on their way at the end get that long.
const END_TIMEOUT: Duration = Duration::from_secs(15);
/// Silences that ended are forgotten once an hour.
const TIDY_EVERY_MS: i64 = 3_600_000;

enum Event {
    Evaluated(Job, Result<Evaluated, String>),
    Sent(Due, bool),
}

pub(super) async fn turn(shared: Arc<Shared>, mut stopped: mpsc::Receiver<()>) {
    let mut tasks: JoinSet<Event> = JoinSet::new();
    for due in std::mem::take(&mut shared.core().again) {
        send(&shared, &mut tasks, due);
    }
    let mut ticks = tokio::time::interval(shared.options.tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut tidied_ms = 0;
    loop {
        tokio::select! {
            _ = stopped.recv() => break,
            _ = ticks.tick() => {}
            () = shared.wake.notified() => {}
            Some(event) = tasks.join_next() => {
                handle(&shared, event);
                // As many as there are: they are saved together.
                while let Some(event) = tasks.try_join_next() {
                    handle(&shared, event);
                }
            }
        }
        let now_ms = shared.now_ms();
        if now_ms - tidied_ms > TIDY_EVERY_MS {
            tidied_ms = now_ms;
            tidy(&shared, now_ms);
        }
        let jobs = shared.core().jobs(now_ms);
        // First what is known, then who is told.
        save(&shared).await;
        for job in jobs {
            evaluate(&shared, &mut tasks, job);
        }
        let due = {
            let mut core = shared.core();
            let room = SENDS_QUEUED_MAX.saturating_sub(core.counts.sending);
            core.due(now_ms, room)
        };
        for due in due {
            send(&shared, &mut tasks, due);
        }
    }
    end(&shared, tasks).await;
}

/// Evaluations are given up, messages are not.
async fn end(shared: &Arc<Shared>, mut tasks: JoinSet<Event>) {
    let wait = async {
        while shared.core().counts.sending > 0 {
            let Some(event) = tasks.join_next().await else { break };
            handle(shared, event);
        }
    };
    if tokio::time::timeout(END_TIMEOUT, wait).await.is_err() {
        tracing::warn!(
            "messages were on their way at the end; what becomes of them is decided at the next start"
        );
    }
    tasks.abort_all();
    save(shared).await;
}

fn handle(shared: &Shared, event: Result<Event, tokio::task::JoinError>) {
    let mut core = shared.core();
    match event {
        Ok(Event::Evaluated(job, outcome)) => {
            if let Err(error) = &outcome {
                tracing::warn!(rule = %job.rule.uid, %error, "a rule could not be evaluated");
            }
            core.evaluated(&job, &outcome);
        }
        Ok(Event::Sent(due, arrived)) => {
            core.counts.sending = core.counts.sending.saturating_sub(1);
            if arrived {
                core.counts.sent += 1;
                core.dispatcher.sent(&due, shared.now_ms());
            } else {
                core.counts.failed += 1;
                core.dispatcher.failed(&due.log_key);
            }
        }
        Err(error) if error.is_panic() => tracing::error!("a task of the alert engine broke down"),
        Err(_) => {}
    }
}

fn evaluate(shared: &Arc<Shared>, tasks: &mut JoinSet<Event>, job: Job) {
    let shared = shared.clone();
    tasks.spawn(async move {
        let outcome = match shared.evaluations.acquire().await {
            Ok(_permit) => evaluating::evaluate(&shared, &job).await,
            Err(_) => Err("the engine ends".to_owned()),
        };
        Event::Evaluated(job, outcome)
    });
}

fn send(shared: &Arc<Shared>, tasks: &mut JoinSet<Event>, due: Due) {
    let shared = shared.clone();
    tasks.spawn(async move {
        let arrived = sending::deliver(&shared, &due).await;
        Event::Sent(due, arrived)
    });
}

pub(super) async fn save(shared: &Shared) {
    // One after the other, or an older row could be written over a newer one.
    let _one = shared.saving.lock().await;
    let (dirty, history) = shared.core().unsaved();
    for (kind, rows) in dirty {
        if !shared.save(kind, rows.clone()).await {
            shared.core().put_back(kind, rows);
        }
    }
    if history.is_empty() {
        return;
    }
    let line = |change: &Change| Some((change.at_ms, row(change)?));
    let lines = history.iter().filter_map(line).collect();
    let appended = tokio::time::timeout(super::MEMORY_TIMEOUT, shared.memory.append(lines)).await;
    if !matches!(appended, Ok(Ok(()))) {
        tracing::warn!("the history of alerts could not be saved; it is tried again");
        shared.core().put_back_history(history);
    }
}

fn tidy(shared: &Shared, now_ms: i64) {
    let mut core = shared.core();
    let old =
        |silence: &crate::route::Silence| silence.ends_ms + crate::route::SILENCE_KEPT_MS < now_ms;
    let ids: Vec<String> = core
        .silences
        .iter()
        .filter(|(_, silence)| old(silence))
        .map(|(id, _)| id.clone())
        .collect();
    for id in ids {
        core.silences.remove(&id);
        core.mark(SILENCES, id, None);
    }
}
