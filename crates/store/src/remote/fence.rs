//! Who may write: one process a slot, whatever another one still holds of what it has read.
//!
//! Postgres gives the slot to one process, and the server knows nothing of that. So whoever has it claims it in
//! `millrace.claims`, and whoever finds another's claim behind the one that it knows writes nothing any more.
//!
//! ```text
//! begin ─▶ nobody's, ours, or of a process that is dead ──────────▶ written, with a look before each
//!       ─▶ another's ─▶ claim, holding the slot ─▶ it has looked ─▶ what it still runs is ended ─▶ begin
//! claim, with the stream's slot ──────────────────────────────────▶ written, with a look now and then
//! a look finds another's ─▶ nothing is written, until the next begin
//! ```
//!
//! A look is good for [`GOOD_FOR`], as long as the stream has its slot. So who takes over waits for that long
//! behind its claim, and then ends the statements that run: what the other one was let through with is there or
//! gone before anything is read of what is kept.
//!
//! Claims are numbered, not dated: clocks differ. Two that have one number know of each other only when both are
//! there: whoever is the last to look back gives way.

use super::quorum;
use super::server::locked;
use crate::{Rows, ddl};
use model::{Error, Result};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What is written within this after a look needs no other one.
const GOOD_FOR: Duration = Duration::from_secs(10);
/// From the claim of who takes over; by then what was let through has arrived as well.
const SETTLED_AFTER: Duration = Duration::from_secs(12);

pub(super) const CLAIMS: &str = "millrace.claims (slot, number, process, holder, place, source)";

/// Who has the slot.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Claim {
    /// The first one is 1.
    pub(super) number: u64,
    /// What no other process has.
    pub(super) process: String,
    /// For a person.
    pub(super) holder: String,
    /// See [`super::RemoteOptions`]. Empty: it has let go of the slot, and ended.
    pub(super) place: String,
    /// Whose slot it is.
    pub(super) source: String,
}

impl Claim {
    pub(super) fn row(&self, slot: &str) -> Rows {
        let number = self.number.to_string();
        let fields = [slot, &number, &self.process, &self.holder, &self.place, &self.source];
        vec![fields.map(|field| Some(field.to_owned())).to_vec()]
    }

    fn read(row: Vec<Option<String>>) -> Option<Claim> {
        let mut fields = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || fields.next();
        let number = next()?.parse().ok()?;
        let (process, holder, place) = (next()?, next()?, next()?);
        Some(Claim { number, process, holder, place, source: next()? })
    }
}

/// The newest ones, that one first.
pub(super) fn question(slot: &str) -> String {
    let (name, value) = quorum::as_written();
    format!(
        "SELECT DISTINCT number, process, holder, place, source FROM millrace.claims WHERE slot = {} \
         ORDER BY number DESC, process DESC LIMIT 2 SETTINGS {name} = {value}",
        ddl::literal(slot)
    )
}

pub(super) fn read(rows: Rows) -> Result<Vec<Claim>> {
    let claims = rows.into_iter().map(Claim::read);
    let unreadable = || Error::bug("a row of millrace.claims does not read back");
    claims.map(|claim| claim.ok_or_else(unreadable)).collect()
}

pub(super) struct Fence {
    /// Ours, but for its number.
    us: Claim,
    state: Mutex<State>,
}

struct State {
    knows: Knows,
    /// When we began, another one had the slot that may still run.
    is_anothers: bool,
    /// An earlier process may have left statements running.
    ends_others: bool,
    settled_at: Option<Instant>,
}

impl State {
    fn settle(&mut self) {
        self.ends_others = true;
        self.settled_at.get_or_insert(Instant::now() + SETTLED_AFTER);
    }
}

enum Knows {
    /// Nothing has been read of what is kept.
    Nothing,
    /// As long as that is the newest one, or one of ours is.
    Newest { claim: Claim, held: Option<watch::Receiver<bool>>, looked: Instant },
    /// Another has the slot.
    Over(Claim),
}

impl Fence {
    pub(super) fn new(process: &str, place: Option<&str>) -> Fence {
        let process = process.to_owned();
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let holder = format!("process {} on {}", std::process::id(), host.trim());
        // Without a place it is never told from another's.
        let place = place.map_or_else(|| process.clone(), str::to_owned);
        let us = Claim { process, holder, place, ..Claim::default() };
        let state = State {
            knows: Knows::Nothing,
            is_anothers: false,
            ends_others: true,
            settled_at: None,
        };
        Fence { us, state: Mutex::new(state) }
    }

    /// Whether there has to be a look before something is written.
    pub(super) fn needs_look(&self) -> Result<bool> {
        match &locked(&self.state).knows {
            Knows::Nothing => Ok(false),
            Knows::Newest { held, looked, .. } => {
                let is_held = held.as_ref().is_some_and(|held| *held.borrow());
                Ok(!is_held || looked.elapsed() >= GOOD_FOR)
            }
            Knows::Over(claim) => Err(taken(claim)),
        }
    }

    /// What a look found that was begun then.
    pub(super) fn looked(&self, newest: Claim, then: Instant) -> Result<()> {
        let mut state = locked(&self.state);
        match &mut state.knows {
            Knows::Newest { claim, looked, .. } => {
                if newest != *claim && newest.process != self.us.process {
                    let error = taken(&newest);
                    state.knows = Knows::Over(newest);
                    return Err(error);
                }
                *looked = then.max(*looked);
                Ok(())
            }
            Knows::Over(claim) => Err(taken(claim)),
            Knows::Nothing => Ok(()),
        }
    }

    /// From here on that one is known. It is returned if its process may still write.
    pub(super) fn begin(&self, newest: Claim, then: Instant) -> Option<Claim> {
        let is_over = newest.number == 0 || newest.place.is_empty();
        let is_ours = newest.process == self.us.process || newest.place == self.us.place;
        let others = (!is_over && !is_ours).then(|| newest.clone());
        let mut state = locked(&self.state);
        if newest.process != self.us.process {
            let is_known = matches!(&state.knows, Knows::Newest { claim, .. } if *claim == newest);
            state.ends_others |= !is_known;
        } else if state.is_anothers {
            // Claimed by a try of which we heard no end.
            state.settle();
        }
        state.knows = Knows::Newest { claim: newest, held: None, looked: then };
        state.is_anothers = others.is_some();
        others
    }

    /// How long it has to be waited for what others were let through with, and whether it is ended then.
    pub(super) fn unsettled(&self) -> (Duration, bool) {
        let state = locked(&self.state);
        let left = state.settled_at.map(|at| at.saturating_duration_since(Instant::now()));
        (left.unwrap_or_default(), state.ends_others)
    }

    pub(super) fn settled(&self) {
        let mut state = locked(&self.state);
        (state.ends_others, state.settled_at) = (false, None);
    }

    /// Ours behind that one; `None`: that one is ours.
    pub(super) fn next(&self, newest: &Claim, source: &str) -> Option<Claim> {
        let is_ours = newest.process == self.us.process && newest.source == source;
        let (number, source) = (newest.number + 1, source.to_owned());
        (!is_ours).then(|| Claim { number, source, ..self.us.clone() })
    }

    /// What was found behind our claim, by a look that was begun then.
    pub(super) fn claimed(
        &self,
        found: Vec<Claim>,
        then: Instant,
        held: watch::Receiver<bool>,
    ) -> Result<()> {
        let mut state = locked(&self.state);
        if let Knows::Over(claim) = &state.knows {
            return Err(taken(claim));
        }
        let mut found = found.into_iter();
        let newest = found.next().unwrap_or_default();
        let others = [Some(newest.clone()), found.next()].into_iter().flatten();
        let rival = { others }
            .find(|claim| claim.number >= newest.number && claim.process != self.us.process);
        if let Some(rival) = rival {
            let error = taken(&rival);
            state.knows = Knows::Over(rival);
            return Err(error);
        }
        state.knows = Knows::Newest { claim: newest, held: Some(held), looked: then };
        Ok(())
    }

    /// Our claim is there.
    pub(super) fn settles(&self) {
        let mut state = locked(&self.state);
        if state.is_anothers {
            state.settle();
        }
    }

    /// Ours, if it is the newest one, as that of a process that has ended; nothing is written behind it.
    pub(super) fn last(&self) -> Option<Claim> {
        match &locked(&self.state).knows {
            Knows::Newest { claim, .. } if claim.process == self.us.process => {
                let number = claim.number + 1;
                Some(Claim { number, place: String::new(), ..claim.clone() })
            }
            _ => None,
        }
    }

    pub(super) fn is_taken_over(&self) -> bool {
        matches!(locked(&self.state).knows, Knows::Over(_))
    }
}

fn taken(by: &Claim) -> Error {
    Error::definite("cannot write: another process has taken the slot over")
        .detail(format!(
            "{} has it. What was read here and is not written comes from there.",
            by.holder
        ))
        .hint("a slot is for one `millrace up`: stop one of the two. This one waits for the slot")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(number: u64, process: &str) -> Claim {
        let (process, place) = (process.to_owned(), format!("at {process}"));
        Claim { number, holder: process.clone(), process, place, source: "pg".to_owned() }
    }

    fn fence() -> Fence {
        Fence::new("us", Some("here"))
    }

    fn ours(number: u64) -> Claim {
        let us = fence().us;
        Claim { number, source: "pg".to_owned(), ..us }
    }

    #[test]
    fn what_was_known_may_be_written_behind_and_another_claim_ends_it_for_good() {
        let (fence, now) = (fence(), Instant::now());
        assert!(!fence.needs_look().unwrap(), "before anything was read");
        assert_eq!(fence.begin(claim(3, "a"), now), Some(claim(3, "a")));
        assert!(fence.needs_look().unwrap());
        fence.looked(claim(3, "a"), now).unwrap();
        fence.looked(ours(4), now).unwrap();
        let error = fence.looked(claim(4, "b"), now).unwrap_err();
        assert!(error.report().contains("b has it"), "{}", error.report());
        assert!(fence.is_taken_over() && fence.needs_look().is_err());
        assert!(fence.looked(ours(9), now).is_err() && fence.last().is_none());
        assert!(fence.claimed(vec![ours(9)], now, watch::channel(true).1).is_err());
        assert!(fence.begin(claim(4, "b"), now).is_some() && !fence.is_taken_over());
    }

    #[test]
    fn a_claim_with_the_slot_needs_a_look_now_and_then_and_without_it_before_each_write() {
        let (fence, now) = (fence(), Instant::now());
        assert_eq!(fence.begin(Claim::default(), now), None);
        assert_eq!(fence.next(&Claim::default(), "pg"), Some(ours(1)));
        let (slot, held) = watch::channel(true);
        fence.claimed(vec![ours(1), claim(0, "a")], now, held.clone()).unwrap();
        assert_eq!((fence.needs_look().unwrap(), fence.next(&ours(1), "pg")), (false, None));
        assert_eq!(fence.next(&ours(1), "promoted").map(|next| next.number), Some(2));
        let long_ago = now.checked_sub(GOOD_FOR).unwrap();
        fence.claimed(vec![ours(1)], long_ago, held).unwrap();
        assert!(fence.needs_look().unwrap());
        fence.looked(ours(1), now).unwrap();
        assert!(!fence.needs_look().unwrap());
        slot.send_replace(false);
        assert!(fence.needs_look().unwrap());
        fence.looked(ours(1), Instant::now()).unwrap();
        assert!(fence.needs_look().unwrap(), "again");
        assert_eq!(fence.last(), Some(Claim { place: String::new(), ..ours(2) }));
    }

    #[test]
    fn of_two_with_one_number_the_last_to_look_back_gives_way() {
        for rival in ["a", "z"] {
            let (fence, now) = (fence(), Instant::now());
            fence.begin(Claim::default(), now);
            let mut found = vec![ours(1), claim(1, rival)];
            found.sort_by(|a, b| b.process.cmp(&a.process));
            let error = fence.claimed(found, now, watch::channel(true).1).unwrap_err();
            assert!(error.report().contains(&format!("{rival} has it")), "{}", error.report());
        }
    }

    #[test]
    fn the_dead_are_not_waited_for() {
        let (fence, now) = (fence(), Instant::now());
        assert_eq!(fence.begin(Claim { place: "here".into(), ..claim(7, "before") }, now), None);
        assert_eq!(fence.begin(Claim { place: String::new(), ..claim(7, "ended") }, now), None);
        assert_eq!(fence.begin(ours(7), now), None);
        assert!(fence.begin(claim(7, "elsewhere"), now).is_some());
        assert_eq!(fence.unsettled(), (Duration::ZERO, true));
        fence.settled();
        fence.settles();
        let (left, ends_others) = fence.unsettled();
        assert!(left > GOOD_FOR && ends_others);
        fence.settled();
        assert_eq!(fence.begin(ours(8), now), None);
        assert!(fence.unsettled().0 > GOOD_FOR, "nobody heard that it was claimed");
        fence.settled();
        fence.settles();
        assert_eq!(fence.begin(ours(8), now), None);
        assert_eq!(fence.unsettled(), (Duration::ZERO, false));
        let ended = Claim { place: String::new(), ..claim(9, "ended") };
        for ends in [true, false] {
            assert_eq!(fence.begin(ended.clone(), now), None);
            assert_eq!(fence.unsettled(), (Duration::ZERO, ends), "once");
            fence.settled();
        }
    }

    #[test]
    fn claims_read_back() {
        let claim = claim(7, "a");
        let mut row = claim.row("s").remove(0);
        row.remove(0);
        assert_eq!(read(vec![row]).unwrap(), [claim]);
        assert!(read(vec![vec![Some("x".into())]]).is_err());
    }
}
