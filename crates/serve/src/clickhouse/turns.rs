//! Who works now. The engine takes any number of statements at once and gives each its threads, and
//! then neither they nor the pipeline's inserts get anywhere. Measured on two cores with 64 clients that
//! repeat an aggregation of some 100 ms, the wait of an insert of 500 rows:
//!
//! | at once | median | worst | queries/s |
//! | ---: | ---: | ---: | ---: |
//! | 64 | 0.8 to 2 s | 8.5 s | 12 to 22 |
//! | 16 | 0.6 to 0.8 s | 1.6 s | 17 to 21 |
//! | 8 | 0.2 to 0.3 s | 0.9 s | 21 to 24 |
//! | 4 | 0.1 s | 0.7 s | 16 to 24 |
//!
//! So as many statements as there are cores, twice, have a turn, and the others wait:
//!
//! ```text
//! waits, by user ─▶ has a turn ──3 s──▶ a long one, while there is room for those ─▶ done
//!    ▲ 30 s: 202          └─ its client is slow: the turn is free meanwhile
//! ```
//!
//! - **The user with the fewest turns is next**, and one of each kind is never had by a user who has all the
//!   others: however long somebody's statements are, somebody else's begin.
//! - **A turn is for three seconds.** Who needs longer goes on as a long one, so that a few reports do not
//!   hold up every dashboard. Of long ones there are as many at most.
//! - **A turn is the engine's time.** While a client takes no rows or sends none, its statement has none.
//! - Nothing of this is asked of what the pipeline writes.

use super::error::Failure;
use super::statement::Statement;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const TURNS_A_CORE: usize = 2;
const TURN: Duration = Duration::from_secs(3);
/// Who has waited for so long is not overtaken by those who come back.
const PATIENCE: Duration = Duration::from_secs(5);
/// A client may say otherwise with `queue_max_wait_ms`, up to the largest.
pub(super) const WAIT_DEFAULT: Duration = Duration::from_secs(30);
pub(super) const WAIT_MAX: Duration = Duration::from_secs(300);
/// How often who waits looks whether somebody has become a long one, or whether it is wanted still.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

pub(super) struct Turns {
    state: Mutex<State>,
    /// Of short ones, and of long ones; of a user it is one less.
    most: usize,
}

#[derive(Default)]
struct State {
    working: BTreeMap<u64, Working>,
    waiting: VecDeque<Waiting>,
}

struct Working {
    user: String,
    since: Instant,
    is_long: bool,
}

struct Waiting {
    number: u64,
    user: String,
    since: Instant,
    /// What it has had of its turn, of one that only waited for its client.
    used: Option<Duration>,
    called: Arc<Condvar>,
}

impl Turns {
    pub(super) fn new(cores: usize) -> Turns {
        Turns { state: Mutex::default(), most: cores * TURNS_A_CORE + 1 }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits for a turn; `Ok(false)`: the statement is not wanted any more.
    /// One that has `used` some of its turn is never too late.
    fn take(
        &self,
        statement: &Statement,
        most: Option<Duration>,
        used: Option<Duration>,
    ) -> Result<bool, Failure> {
        let (number, since) = (statement.number, Instant::now());
        let called = Arc::new(Condvar::new());
        let mut state = self.lock();
        let user = statement.user.clone();
        state.queue(Waiting { number, user, since, used, called: called.clone() });
        loop {
            state.call_next(self.most, Instant::now());
            if state.working.contains_key(&number) {
                return Ok(true);
            }
            let is_late = most.is_some_and(|most| since.elapsed() >= most);
            let is_wanted = statement.is_wanted();
            if is_late || !is_wanted {
                state.waiting.retain(|waiting| waiting.number != number);
                if !is_wanted {
                    return Ok(false);
                }
                let text = format!(
                    "Too many simultaneous queries: {} run, and there was no turn within {:.1} s \
                     (queue_max_wait_ms)",
                    state.working.len(),
                    since.elapsed().as_secs_f64()
                );
                return Err(Failure::new(202, "TOO_MANY_SIMULTANEOUS_QUERIES", text));
            }
            let left = most.map_or(LOOK_INTERVAL, |most| most.saturating_sub(since.elapsed()));
            let waited = called.wait_timeout(state, left.min(LOOK_INTERVAL));
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    /// How much of it was used.
    fn give_back(&self, number: u64) -> Duration {
        let mut state = self.lock();
        let working = state.working.remove(&number);
        state.call_next(self.most, Instant::now());
        working.map_or(Duration::ZERO, |working| working.since.elapsed())
    }
}

impl State {
    /// Who comes back is in front, behind others who do and behind whoever has waited for long.
    fn queue(&mut self, waiting: Waiting) {
        let goes_first = |other: &Waiting| {
            other.used.is_some() || waiting.since.duration_since(other.since) >= PATIENCE
        };
        let at = match waiting.used {
            Some(_) => self.waiting.iter().take_while(|other| goes_first(other)).count(),
            None => self.waiting.len(),
        };
        self.waiting.insert(at, waiting);
    }

    fn count(&self, is_long: bool, user: Option<&str>) -> usize {
        let of_user = |working: &&Working| user.is_none_or(|user| working.user == user);
        let of_kind = |working: &&Working| working.is_long == is_long;
        self.working.values().filter(of_kind).filter(of_user).count()
    }

    fn has_room(&self, most: usize, is_long: bool, user: &str) -> bool {
        self.count(is_long, None) < most && self.count(is_long, Some(user)) + 1 < most
    }

    /// Gives turns to those who wait, as long as there are any.
    fn call_next(&mut self, most: usize, now: Instant) {
        while !self.waiting.is_empty() {
            self.let_long_ones_go_on(most, now);
            let free = |waiting: &(usize, &Waiting)| self.has_room(most, false, &waiting.1.user);
            let turns = |waiting: &(usize, &Waiting)| self.count(false, Some(&waiting.1.user));
            let next = self.waiting.iter().enumerate().filter(free).min_by_key(turns);
            let Some(next) = next.map(|(at, _)| at).and_then(|at| self.waiting.remove(at)) else {
                return;
            };
            let since = next.used.and_then(|used| now.checked_sub(used)).unwrap_or(now);
            self.working.insert(next.number, Working { user: next.user, since, is_long: false });
            next.called.notify_one();
        }
    }

    fn let_long_ones_go_on(&mut self, most: usize, now: Instant) {
        let is_over =
            |working: &Working| !working.is_long && now.duration_since(working.since) >= TURN;
        let over: Vec<u64> =
            self.working.iter().filter(|(_, w)| is_over(w)).map(|(number, _)| *number).collect();
        for number in over {
            let user = self.working[&number].user.clone();
            if self.has_room(most, true, &user)
                && let Some(working) = self.working.get_mut(&number)
            {
                working.is_long = true;
            }
        }
    }
}

/// A statement's turn, while it has one.
pub(super) struct Turn {
    turns: Arc<Turns>,
    statement: Arc<Statement>,
    held: AtomicBool,
}

impl Turn {
    pub(super) fn new(turns: &Arc<Turns>, statement: &Arc<Statement>) -> Turn {
        let (turns, statement) = (turns.clone(), statement.clone());
        Turn { turns, statement, held: AtomicBool::new(false) }
    }

    /// Returns with a turn, which may be the one it has, or when the statement is not wanted any more.
    pub(super) fn take(&self, most: Duration) -> Result<(), Failure> {
        if !self.held.load(Ordering::SeqCst) {
            let held = self.turns.take(&self.statement, Some(most), None)?;
            self.held.store(held, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Gives it back; whether there was one.
    pub(super) fn give_back(&self) -> bool {
        self.put_down().is_some()
    }

    /// How much of it was used.
    fn put_down(&self) -> Option<Duration> {
        let held = self.held.swap(false, Ordering::SeqCst);
        held.then(|| self.turns.give_back(self.statement.number))
    }

    /// Waits for the client without a turn.
    pub(super) fn aside<T>(&self, wait: impl FnOnce() -> T) -> T {
        let used = self.put_down();
        let waited = wait();
        if used.is_some()
            && let Ok(held) = self.turns.take(&self.statement, None, used)
        {
            self.held.store(held, Ordering::SeqCst);
        }
        waited
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 3;

    fn wait(state: &mut State, number: u64, user: &str) {
        queue(state, number, user, Instant::now(), None);
    }

    fn queue(state: &mut State, number: u64, user: &str, since: Instant, used: Option<Duration>) {
        let (user, called) = (user.to_owned(), Arc::default());
        state.queue(Waiting { number, user, since, used, called });
    }

    #[test]
    fn who_comes_back_is_next_but_nobody_waits_for_ever() {
        let (mut state, now) = (State::default(), Instant::now());
        let used = Some(TURN);
        queue(&mut state, 1, "a", now, None);
        queue(&mut state, 2, "a", now, used);
        queue(&mut state, 3, "a", now, used);
        queue(&mut state, 4, "a", now + PATIENCE, used);
        queue(&mut state, 5, "a", now + PATIENCE, None);
        let order: Vec<u64> = state.waiting.iter().map(|waiting| waiting.number).collect();
        assert_eq!(order, [2, 3, 1, 4, 5]);
        // What it has used counts: it is a long one at once.
        state.call_next(MOST, now);
        state.call_next(MOST, now);
        assert!(state.working[&2].is_long);
    }

    fn working(state: &State) -> Vec<u64> {
        state.working.keys().copied().collect()
    }

    #[test]
    fn the_user_with_the_fewest_turns_is_next() {
        let (mut state, now) = (State::default(), Instant::now());
        (1..=5).for_each(|number| wait(&mut state, number, "noisy"));
        state.call_next(MOST, now);
        // One is left for others.
        assert_eq!(working(&state), [1, 2]);
        wait(&mut state, 6, "quiet");
        wait(&mut state, 7, "quiet");
        state.call_next(MOST, now);
        assert_eq!(working(&state), [1, 2, 6]);
        state.working.remove(&1);
        state.call_next(MOST, now);
        // Both have one: first come, first served.
        assert_eq!(working(&state), [2, 3, 6]);
        state.working.remove(&6);
        state.call_next(MOST, now);
        assert_eq!(working(&state), [2, 3, 7]);
    }

    #[test]
    fn long_ones_go_on_and_others_begin() {
        let (mut state, now) = (State::default(), Instant::now());
        (1..=9).for_each(|number| wait(&mut state, number, "noisy"));
        state.call_next(MOST, now);
        assert_eq!(working(&state), [1, 2]);
        state.call_next(MOST, now + TURN);
        assert_eq!(working(&state), [1, 2, 3, 4]);
        // Of one user no more, and not for ever more of all.
        state.call_next(MOST, now + TURN * 2);
        assert_eq!(working(&state), [1, 2, 3, 4]);
        (11..=13).for_each(|number| wait(&mut state, number, "quiet"));
        state.call_next(MOST, now + TURN * 2);
        assert_eq!(working(&state), [1, 2, 3, 4, 11]);
        state.call_next(MOST, now + TURN * 3);
        assert_eq!(working(&state), [1, 2, 3, 4, 11, 12]);
        state.call_next(MOST, now + TURN * 4);
        assert_eq!(working(&state), [1, 2, 3, 4, 11, 12]);
    }

    #[test]
    fn a_turn_is_free_while_its_client_is_slow() {
        let request = super::super::request::Request::default();
        let statement = |number| Arc::new(Statement::new(&request, "main", number));
        let turns = Arc::new(Turns { state: Mutex::default(), most: 2 });
        let (first, second) = (Turn::new(&turns, &statement(1)), Turn::new(&turns, &statement(2)));
        first.take(WAIT_DEFAULT).unwrap();
        first.take(WAIT_DEFAULT).unwrap();
        assert!(turns.lock().waiting.is_empty());
        let late = second.take(Duration::from_millis(1)).unwrap_err();
        assert_eq!((late.exception.code, late.status.as_u16()), (202, 503));
        let inside = first.aside(|| {
            second.take(WAIT_DEFAULT).unwrap();
            assert_eq!(working(&turns.lock()), [2]);
            second.give_back()
        });
        assert!(inside);
        assert_eq!(working(&turns.lock()), [1]);
        // Who is not wanted waits no longer.
        assert!(second.statement.give_up());
        second.take(WAIT_DEFAULT).unwrap();
        assert!(!second.give_back());
        drop(first);
        assert!(turns.lock().working.is_empty() && turns.lock().waiting.is_empty());
    }
}
