//! Who may write: one process a slot, whatever another one still holds of what it has read.
//!
//! Postgres gives the slot to one process, and the server knows nothing of that. So whoever has it claims it in
//! `millrace.claims`, and whoever finds another's claim behind the one that it knows writes nothing any more.
//!
//! ```text
//! begin ─▶ nobody's, ours, or of a process that is dead ──────────▶ written, with a look before each
//!       ─▶ another's, or not settled ─▶ claim, holding the slot ─▶ begin ─▶ it has looked
//!          ─▶ what it still runs is ended ─▶ the claim is settled ─▶ written, as above
//! claim, with the stream's slot ──────────────────────────────────▶ written, with a look now and then
//! a look finds another's ─▶ nothing is written, until the next begin
//! ```
//!
//! A look is good for [`GOOD_FOR`], as long as the stream has its slot. So who takes over waits for that long
//! behind its claim, and then ends the statements that run: what the other one was let through with is there or
//! gone before anything is read of what is kept. That it was waited for is claimed, too: whoever finds a claim
//! that is not settled waits anew, a process in the same folder as well.
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

/// Before the place of a claim that is not settled. A version that does not know it takes that for another's.
const UNSETTLED: &str = "not settled: ";

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
    /// What others were let through with before may still come.
    pub(super) is_unsettled: bool,
}

impl Claim {
    pub(super) fn row(&self, slot: &str) -> Rows {
        let number = self.number.to_string();
        let place = format!("{}{}", if self.is_unsettled { UNSETTLED } else { "" }, self.place);
        let fields = [slot, &number, &self.process, &self.holder, &place, &self.source];
        vec![fields.map(|field| Some(field.to_owned())).to_vec()]
    }

    fn read(row: Vec<Option<String>>) -> Option<Claim> {
        let mut fields = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || fields.next();
        let number = next()?.parse().ok()?;
        let (process, holder, mut place, source) = (next()?, next()?, next()?, next()?);
        let settles = place.strip_prefix(UNSETTLED).map(str::to_owned);
        let is_unsettled = settles.is_some();
        place = settles.unwrap_or(place);
        Some(Claim { number, process, holder, place, source, is_unsettled })
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
    /// From our claim to the next begin: in between nobody else has the slot.
    settles_at: Option<Instant>,
}

/// Whose the newest claim is.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Begun {
    /// Nobody else's; whether an earlier process may have left statements running.
    Ours { ends_others: bool },
    /// Ours, once this has passed and what others still run is ended.
    Settles(Instant),
    /// Its process may still write, or what came before it.
    Anothers(Claim),
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
            settles_at: None,
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

    /// What a look found that was begun then. `false`: that was too long ago to say anything.
    pub(super) fn looked(&self, newest: Claim, then: Instant) -> Result<bool> {
        let mut state = locked(&self.state);
        match &mut state.knows {
            Knows::Newest { claim, looked, .. } => {
                if newest != *claim && newest.process != self.us.process {
                    let error = taken(&newest);
                    state.knows = Knows::Over(newest);
                    return Err(error);
                }
                *looked = then.max(*looked);
                Ok(then.elapsed() < GOOD_FOR)
            }
            Knows::Over(claim) => Err(taken(claim)),
            Knows::Nothing => Ok(true),
        }
    }

    /// From here on that one is known.
    pub(super) fn begin(&self, newest: Claim, then: Instant) -> Begun {
        let is_mine = newest.process == self.us.process;
        let is_over = newest.number == 0 || newest.place.is_empty();
        let is_ours = !newest.is_unsettled && (is_mine || newest.place == self.us.place);
        let mut state = locked(&self.state);
        if !is_mine {
            let is_known = matches!(&state.knows, Knows::Newest { claim, .. } if *claim == newest);
            state.ends_others |= !is_known;
        }
        let begun = match state.settles_at.take() {
            _ if is_over || is_ours => Begun::Ours { ends_others: state.ends_others },
            Some(at) if is_mine => Begun::Settles(at),
            _ => Begun::Anothers(newest.clone()),
        };
        state.knows = Knows::Newest { claim: newest, held: None, looked: then };
        state.is_anothers = matches!(begun, Begun::Anothers(_));
        begun
    }

    /// What others ran is ended.
    pub(super) fn has_ended_others(&self) {
        locked(&self.state).ends_others = false;
    }

    /// Ours, if that one is: what others were let through with is there or gone.
    pub(super) fn settled(&self, newest: &Claim) -> Option<Claim> {
        let is_mine = newest.process == self.us.process;
        let number = newest.number + 1;
        is_mine.then(|| Claim { number, is_unsettled: false, ..newest.clone() })
    }

    /// Ours behind that one; `None`: that one is ours.
    pub(super) fn next(&self, newest: &Claim, source: &str) -> Option<Claim> {
        let is_unsettled = locked(&self.state).is_anothers;
        let is_ours = newest.process == self.us.process
            && newest.source == source
            && newest.is_unsettled == is_unsettled;
        let (number, source) = (newest.number + 1, source.to_owned());
        (!is_ours).then(|| Claim { number, source, is_unsettled, ..self.us.clone() })
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

    /// Our claim is there. The one who had the slot until now may be another one each time.
    pub(super) fn settles(&self) {
        let mut state = locked(&self.state);
        if state.is_anothers {
            state.settles_at = Some(Instant::now() + SETTLED_AFTER);
        }
    }

    /// Ours, if it is the newest one, as that of a process that has ended; nothing is written behind it. Before
    /// ours is settled the next one has to wait as we had.
    pub(super) fn last(&self) -> Option<Claim> {
        match &locked(&self.state).knows {
            Knows::Newest { claim, .. }
                if claim.process == self.us.process && !claim.is_unsettled =>
            {
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
        let (holder, source) = (process.clone(), "pg".to_owned());
        Claim { number, holder, process, place, source, is_unsettled: false }
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
        assert_eq!(fence.begin(claim(3, "a"), now), Begun::Anothers(claim(3, "a")));
        assert!(fence.needs_look().unwrap());
        fence.looked(claim(3, "a"), now).unwrap();
        fence.looked(ours(4), now).unwrap();
        let error = fence.looked(claim(4, "b"), now).unwrap_err();
        assert!(error.report().contains("b has it"), "{}", error.report());
        assert!(fence.is_taken_over() && fence.needs_look().is_err());
        assert!(fence.looked(ours(9), now).is_err() && fence.last().is_none());
        assert!(fence.claimed(vec![ours(9)], now, watch::channel(true).1).is_err());
        assert_eq!(fence.begin(claim(4, "b"), now), Begun::Anothers(claim(4, "b")));
        assert!(!fence.is_taken_over());
    }

    #[test]
    fn a_claim_with_the_slot_needs_a_look_now_and_then_and_without_it_before_each_write() {
        let (fence, now) = (fence(), Instant::now());
        assert_eq!(fence.begin(Claim::default(), now), Begun::Ours { ends_others: true });
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
        let here = Claim { place: "here".into(), ..claim(7, "before") };
        let ended = Claim { place: String::new(), ..claim(8, "ended") };
        for (newest, ends_others) in [
            (here.clone(), true),
            (here, false),
            (ended.clone(), true),
            (ended, false),
            (ours(9), false),
        ] {
            assert_eq!(fence.begin(newest, now), Begun::Ours { ends_others }, "once");
            fence.has_ended_others();
        }
        assert_eq!(fence.begin(claim(9, "elsewhere"), now), Begun::Anothers(claim(9, "elsewhere")));
    }

    #[test]
    fn who_takes_over_waits_and_says_when_it_has() {
        let (fence, now) = (fence(), Instant::now());
        let (slot, held) = watch::channel(false);
        drop(slot);
        fence.begin(claim(7, "a"), now);
        let taking = fence.next(&claim(7, "a"), "pg").unwrap();
        assert_eq!(taking, Claim { is_unsettled: true, ..ours(8) });
        fence.settles();
        fence.claimed(vec![taking.clone(), claim(7, "a")], now, held.clone()).unwrap();
        assert_eq!((fence.last(), fence.next(&taking, "pg")), (None, None));
        let Begun::Settles(at) = fence.begin(taking.clone(), now) else { panic!() };
        assert!(at >= now + SETTLED_AFTER && fence.last().is_none());
        assert_eq!(fence.settled(&taking), Some(ours(9)));
        fence.claimed(vec![ours(9), taking], now, held).unwrap();
        assert_eq!(fence.last(), Some(Claim { place: String::new(), ..ours(10) }));
        assert!(matches!(fence.begin(ours(9), now), Begun::Ours { .. }));
        assert_eq!(fence.settled(&claim(9, "a")), None);
    }

    /// Ours after an error, which let the slot go; of a process of before in the same folder; and another's.
    #[test]
    fn a_claim_that_is_not_settled_is_waited_for_whoever_made_it() {
        let now = Instant::now();
        let unsettled = |claim| Claim { is_unsettled: true, ..claim };
        let here = Claim { place: "here".into(), ..claim(7, "before") };
        for newest in [unsettled(ours(7)), unsettled(here), unsettled(claim(7, "a"))] {
            assert_eq!(fence().begin(newest.clone(), now), Begun::Anothers(newest));
        }
    }

    #[test]
    fn each_claim_of_who_takes_over_is_waited_for_anew() {
        let (fence, now) = (fence(), Instant::now());
        fence.begin(claim(7, "a"), now);
        fence.settles();
        let long_ago = now.checked_sub(SETTLED_AFTER).unwrap();
        locked(&fence.state).settles_at = Some(long_ago);
        fence.settles();
        assert!(locked(&fence.state).settles_at.unwrap() >= now + SETTLED_AFTER);
        fence.begin(claim(8, "b"), now);
        assert_eq!(locked(&fence.state).settles_at, None);
    }

    #[test]
    fn a_look_whose_answer_took_long_says_nothing() {
        let (fence, now) = (fence(), Instant::now());
        fence.begin(claim(3, "a"), now);
        assert!(fence.looked(claim(3, "a"), now).unwrap());
        assert!(!fence.looked(claim(3, "a"), now.checked_sub(GOOD_FOR).unwrap()).unwrap());
    }

    #[test]
    fn claims_read_back() {
        for is_unsettled in [false, true] {
            let claim = Claim { is_unsettled, ..claim(7, "a") };
            let mut row = claim.row("s").remove(0);
            row.remove(0);
            assert_eq!(read(vec![row]).unwrap(), [claim]);
        }
        assert!(read(vec![vec![Some("x".into())]]).is_err());
    }
}
