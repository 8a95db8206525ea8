//! What is put comes out once and in order, whatever is kept on disk, fails or dies in between.

use super::super::SpoolPlan;
use super::super::keeping::keep_some;
use super::super::spool::tests::{batch, end_of, numbers};
use super::*;
use bus::write::SinkOptions;
use proptest::collection::vec;
use proptest::prelude::*;
use std::path::Path;

fn queue(folder: &Path, is_required: bool) -> Queue {
    let spool = SpoolPlan { folder: folder.join("shop"), bytes_max: 200 << 10 };
    let plan = SinkPlan {
        name: "shop".to_owned(),
        options: SinkOptions::new("b", "p"),
        is_required,
        queue_bytes_max: 8 << 10,
        spool: Some(spool),
        takes_snapshot: false,
    };
    let queue = Queue::new(plan);
    queue.open_spool().unwrap();
    queue
}

fn is_drained(queue: &Queue) -> bool {
    let report = queue.report();
    locked(&queue.inner).waiting.is_empty() && report.queued_bytes + report.spooled_bytes == 0
}

fn stop(queue: Queue) {
    queue.stop();
    *locked(&queue.spool) = None;
}

#[derive(Clone, Debug)]
enum Step {
    Put,
    Keep,
    Take,
    /// Of what was taken.
    Done,
    Fail,
    /// What is in memory alone is gone, and the log comes again from where it was confirmed.
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Put),
        2 => Just(Step::Keep),
        2 => Just(Step::Take),
        2 => Just(Step::Done),
        1 => Just(Step::Fail),
        1 => Just(Step::Kill),
    ];
    vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// However the sender, who keeps and a kill come between each other.
    #[test]
    fn everything_comes_once_in_the_order_of_the_log(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let mut queue = queue(folder.path(), false);
        let (mut last, mut confirmed, mut sent) = (0, 0, Vec::new());
        let mut on_its_way = Vec::new();
        // What the topics' position would say.
        let known = |sent: &[u64]| Position { through: end_of(sent.last().copied().unwrap_or(0)), within: None };
        let take = |queue: &Queue, sent: &[u64]| {
            let mut batches = queue.next(Duration::ZERO).unwrap();
            batches.iter_mut().for_each(|batch| batch.leave_out(known(sent)));
            batches
        };
        let confirm = |queue: &Queue, last: u64, confirmed: u64| {
            confirmed.max(last.min(queue.confirmable().0 / 100))
        };
        for step in steps {
            match step {
                Step::Put if queue.has_room() => {
                    last += 1;
                    queue.put(batch(last, 2000));
                }
                Step::Put => {}
                Step::Keep => drop(keep_some(&queue)),
                Step::Take if on_its_way.is_empty() => on_its_way = take(&queue, &sent),
                Step::Take => {}
                Step::Done => {
                    sent.extend(numbers(&on_its_way));
                    queue.done(&std::mem::take(&mut on_its_way));
                }
                Step::Fail if !on_its_way.is_empty() => queue.put_back(std::mem::take(&mut on_its_way)),
                Step::Fail => {}
                Step::Kill => {
                    confirmed = confirm(&queue, last, confirmed);
                    on_its_way.clear();
                    stop(queue);
                    queue = super::tests::queue(folder.path(), false);
                    // The encoder leaves out what is known to be there.
                    let there = queue.enqueued().map_or(0, |at| at.through.0 / 100);
                    (confirmed + 1..=last).filter(|n| *n > there).for_each(|n| queue.put(batch(n, 2000)));
                }
            }
            confirmed = confirm(&queue, last, confirmed);
        }
        sent.extend(numbers(&on_its_way));
        if !on_its_way.is_empty() {
            queue.done(&on_its_way);
        }
        while !is_drained(&queue) {
            let batches = take(&queue, &sent);
            sent.extend(numbers(&batches));
            queue.done(&batches);
        }
        prop_assert_eq!(sent, (1..=last).collect::<Vec<_>>());
        prop_assert_eq!(queue.confirmable(), Lsn::MAX);
        let report = queue.report();
        prop_assert_eq!((report.queued_bytes, report.spooled_bytes, report.dropped_messages), (0, 0, 0));
    }
}

#[test]
fn what_has_no_room_anywhere_is_dropped_and_counted_and_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let queue = queue(folder.path(), false);
    let mut n = 0;
    while matches!(locked(&queue.inner).disk, Disk::Works) {
        assert!(queue.has_room(), "{n}");
        n += 1;
        queue.put(batch(n, 2000));
        keep_some(&queue);
    }
    assert!(queue.has_room() && queue.confirmable() == Lsn::MAX);
    for more in n + 1..n + 20 {
        queue.put(batch(more, 2000));
    }
    let report = queue.report();
    assert!(report.dropped_messages > 10 && report.spooled_bytes > 150 << 10, "{report:?}");
    assert!(report.last_error.unwrap().contains("spool_mib"));
    let mut sent = Vec::new();
    while !is_drained(&queue) {
        let batches = queue.next(Duration::ZERO).unwrap();
        sent.extend(numbers(&batches));
        queue.done(&batches);
    }
    assert_eq!(sent.len() as u64 + report.dropped_messages, n + 19);
    assert_eq!(sent, (1..=sent.len() as u64).collect::<Vec<_>>());
    // And there is room again.
    queue.put(batch(n + 20, 2000));
    assert!(keep_some(&queue) && queue.report().last_error.is_none());
}

/// The stream began before the brokers said what they have.
#[test]
fn what_is_known_later_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let queue = queue(folder.path(), false);
    queue.put(batch(1, 10));
    queue.open(Position { through: end_of(3), within: None });
    assert_eq!(queue.enqueued().unwrap().through, end_of(3));
    (2..6).for_each(|n| queue.put(batch(n, 10)));
    assert_eq!(
        numbers(&queue.next(Duration::ZERO).unwrap()),
        [1, 4, 5],
        "the first is for who sends"
    );
}

/// What waited when it was not required yet.
#[test]
fn one_that_is_required_sends_what_is_on_disk_and_puts_nothing_there() {
    let folder = tempfile::tempdir().unwrap();
    let optional = queue(folder.path(), false);
    (1..3).for_each(|n| optional.put(batch(n, 10)));
    assert!(keep_some(&optional));
    stop(optional);
    let required = queue(folder.path(), true);
    assert_eq!(required.enqueued().unwrap().through, end_of(2));
    required.put(batch(3, 10));
    assert_eq!(required.confirmable(), Lsn::ZERO);
    let batches = required.next(Duration::ZERO).unwrap();
    assert_eq!(numbers(&batches), [1, 2]);
    required.done(&batches);
    assert_eq!(required.confirmable(), end_of(2));
    assert_eq!(numbers(&required.next(Duration::ZERO).unwrap()), [3]);
}

/// Empty ones say that time goes by: they are no reason to write, nor to wait.
#[test]
fn an_empty_batch_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let queue = queue(folder.path(), false);
    for n in 1..4 {
        let mut empty = batch(n, 10);
        empty.leave_out(Position { through: Lsn::MAX, within: None });
        queue.put(empty);
    }
    assert_eq!(locked(&queue.inner).waiting.len(), 1);
    assert_eq!(queue.confirmable(), Lsn::MAX);
    assert!(!keep_some(&queue));
    let batches = queue.next(Duration::ZERO).unwrap();
    queue.done(&batches);
    assert_eq!(queue.report().acknowledged_lsn, end_of(3).to_string());
}
