//! The fault harness: the real binary, a real Postgres under load, and everything that can end.
//!
//! ```text
//! pgbench ─┐                       kill -9 ─┐
//!          ├─▶ Postgres ─▶ millrace up ─▶ store on a small disk
//! shop ────┘      ▲ restart, crash, walsender ended, slot taken      ▲ full; or a server: crash, network
//!                            every round ends with `millrace verify`
//! ```
//!
//! Runs a bounded number of rounds with `cargo test`; `make soak N=200` runs more.
//! `MILLRACE_ROUNDS` and `MILLRACE_SEED` say how many and which, `MILLRACE_SOAK_STORE=server` puts the rows on a
//! ClickHouse server; a seed repeats the choices, though not the machine's timing. The first difference ends it, and leaves everything in place.

mod alter;
mod fault;
mod home;
mod report;
mod ring;

use fault::Fault;
use harness::Dice;
use home::Kind;
use report::{Report, Round};
use ring::Ring;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    clickhouse::serve();
    // As cargo's own harness would: a filter for other tests is not meant for this one.
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--list") {
        println!("soak: test");
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    if !filters.is_empty() && !filters.iter().any(|filter| "soak".contains(filter.as_str())) {
        return ExitCode::SUCCESS;
    }
    let kind = match std::env::var("MILLRACE_SOAK_STORE").as_deref() {
        Ok("server") => Kind::Server,
        Ok("" | "engine") | Err(_) => Kind::Engine,
        Ok(other) => panic!("MILLRACE_SOAK_STORE is engine or server: {other}"),
    };
    // Every fault comes once, in an order that the seed chooses.
    let rounds = number("MILLRACE_ROUNDS").unwrap_or(Fault::of(kind, true).len() as u64);
    let seed = number("MILLRACE_SEED").unwrap_or_else(Dice::fresh_seed);
    let store = kind.name();
    println!(
        "soak: {rounds} rounds, seed {seed} (repeat: make soak N={rounds} SEED={seed} STORE={store})"
    );
    let report = run(kind, rounds, seed);
    println!("{}", report.summary());
    if let Some(path) = std::env::var_os("MILLRACE_SOAK_REPORT") {
        std::fs::write(&path, report.page()).expect("the report can be written");
    }
    if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn run(kind: Kind, rounds: u64, seed: u64) -> Report {
    let mut report = Report::new(kind, seed);
    let start = Instant::now();
    let mut ring = Ring::start(kind, seed);
    println!("soak: ready after {:.1} s", start.elapsed().as_secs_f64());
    let mut deck = Vec::new();
    for number in 1..=rounds {
        let mut dice = Dice::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
        if deck.is_empty() {
            deck = shuffled(&mut dice, Fault::of(kind, ring.has_small_disk()));
        }
        let fault = deck.pop().expect("the deck was filled");
        let paused = dice.below(2) == 0;
        let start = Instant::now();
        let ended = ring.round(fault, paused, &mut dice);
        let round = Round { number, fault, paused, seconds: start.elapsed().as_secs_f64(), ended };
        println!("{}", round.line());
        let is_good = round.ended.is_ok();
        report.add(round);
        if !is_good {
            ring.leave_in_place();
            break;
        }
    }
    report
}

/// All of them before any comes again.
fn shuffled(dice: &mut Dice, mut deck: Vec<Fault>) -> Vec<Fault> {
    for at in (1..deck.len()).rev() {
        deck.swap(at, dice.below(at as u64 + 1) as usize);
    }
    deck
}
