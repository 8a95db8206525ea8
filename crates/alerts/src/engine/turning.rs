//! The loop: what wakes it is a tick, an evaluation or a message that has ended, a handle, the end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::MissedTickBehavior;

use super::core::{Job, Sent, Turned, row};
use super::{SILENCES, Shared, evaluating, sending};
use crate::file::OnError;
use crate::route::Due;
use crate::state::Change;

/// Messages that are on their way at the end get that long.
const END_TIMEOUT: Duration = Duration::from_secs(15);
/// Silences that ended are forgotten once an hour.
const TIDY_EVERY_MS: i64 = 3_600_000;

enum Ended {
    Evaluated(Turned),
    Sent(Sent),
}

/// What a task is for, so that one that breaks down is told from the others.
enum Begun {
    Evaluation(Job),
    Message(Box<Due>),
}

struct Tasks {
    set: JoinSet<Ended>,
    begun: HashMap<Id, Begun>,
}

type Event = Result<(Id, Ended), JoinError>;

pub(super) async fn turn(shared: Arc<Shared>, mut stopped: mpsc::Receiver<()>) {
    let mut tasks = Tasks { set: JoinSet::new(), begun: HashMap::new() };
    let again = std::mem::take(&mut shared.core().again);
    for due in again {
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
            Some(event) = tasks.set.join_next_with_id() => {
                handle(&shared, &mut tasks, event);
                // As many as there are: they are saved together.
                while let Some(event) = tasks.set.try_join_next_with_id() {
                    handle(&shared, &mut tasks, event);
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
        let due = shared.core().due(now_ms);
        for due in due {
            send(&shared, &mut tasks, due);
        }
    }
    end(&shared, tasks).await;
}

/// Evaluations are given up, messages are not.
async fn end(shared: &Arc<Shared>, mut tasks: Tasks) {
    let wait = async {
        while shared.core().sending() > 0 {
            let Some(event) = tasks.set.join_next_with_id().await else { break };
            handle(shared, &mut tasks, event);
        }
    };
    if tokio::time::timeout(END_TIMEOUT, wait).await.is_err() {
        tracing::warn!(
            "messages were on their way at the end; what becomes of them is decided at the next start"
        );
    }
    tasks.set.abort_all();
    save(shared).await;
}

fn handle(shared: &Shared, tasks: &mut Tasks, event: Event) {
    let (id, ended) = match event {
        Ok((id, ended)) => (id, Some(ended)),
        Err(error) => (error.id(), None),
    };
    let mut core = shared.core();
    match tasks.begun.remove(&id) {
        Some(Begun::Evaluation(job)) => {
            let turned = match ended {
                Some(Ended::Evaluated(turned)) => turned,
                _ => core.before(&job).turn(&job, Err("the evaluation broke down".to_owned())),
            };
            // Once: an interval is short, and the page shows it for as long as it lasts.
            if let Err(error) = &turned.outcome
                && !core.is_known(&job.rule.uid, error)
            {
                match job.rule.on_error {
                    // Whoever wrote it knows that it may be so.
                    OnError::KeepLast | OnError::Ok => {
                        tracing::info!(rule = %job.rule.uid, %error, "a rule could not be evaluated");
                    }
                    _ => {
                        tracing::warn!(rule = %job.rule.uid, %error, "a rule could not be evaluated")
                    }
                }
            }
            core.evaluated(&job, turned);
        }
        Some(Begun::Message(due)) => {
            let sent = match ended {
                Some(Ended::Sent(sent)) => sent,
                _ => Sent::Failed { perhaps: true },
            };
            core.ended(&due, sent, shared.now_ms());
        }
        None => tracing::error!("a task of the alert engine ended that nobody began"),
    }
}

fn evaluate(shared: &Arc<Shared>, tasks: &mut Tasks, job: Job) {
    let (shared, begun) = (shared.clone(), Begun::Evaluation(job.clone()));
    let task = tasks.set.spawn(async move {
        let _permit = shared.evaluations.acquire().await;
        Ended::Evaluated(evaluating::evaluate(&shared, &job).await)
    });
    tasks.begun.insert(task.id(), begun);
}

fn send(shared: &Arc<Shared>, tasks: &mut Tasks, due: Due) {
    let (shared, begun) = (shared.clone(), Begun::Message(Box::new(due.clone())));
    let task = tasks.set.spawn(async move { Ended::Sent(sending::deliver(&shared, &due).await) });
    tasks.begun.insert(task.id(), begun);
}

pub(super) async fn save(shared: &Shared) {
    // One after the other, or an older row could be written over a newer one.
    let _one = shared.saving.lock().await;
    let (dirty, history) = shared.core().unsaved();
    // One that does not answer is asked once a turn, or rules are late for it.
    let mut answers = true;
    for (kind, rows) in dirty {
        answers = answers && shared.save(kind, rows.clone()).await;
        if !answers {
            shared.core().put_back(kind, rows);
        }
    }
    if history.is_empty() {
        return;
    }
    if !answers {
        shared.core().put_back_history(history);
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
    let old = |silence: &crate::route::Silence| {
        silence.ends_ms.saturating_add(crate::route::SILENCE_KEPT_MS) < now_ms
    };
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
