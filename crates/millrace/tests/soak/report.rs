//! What came of the rounds: a line each, a summary, and a page for the documentation.

use crate::fault::Fault;
use crate::home::Kind;
use crate::ring::Ended;
use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) struct Round {
    pub(crate) number: u64,
    pub(crate) fault: Fault,
    pub(crate) paused: bool,
    pub(crate) seconds: f64,
    pub(crate) ended: Ended,
}

impl Round {
    pub(crate) fn line(&self) -> String {
        let traffic = if self.paused { "paused" } else { "running" };
        let head = format!(
            "round {:>3}  {:<17} traffic {:<8} {:>5.1} s",
            self.number,
            self.fault.name(),
            traffic,
            self.seconds
        );
        match &self.ended {
            Ok(compared) => {
                let [fault, ready, verify] = compared.seconds;
                format!(
                    "{head} ({fault:.1} + ready {ready:.1} + verify {verify:.1})  {} rows compared, \
                     0 differences",
                    compared.rows
                )
            }
            Err(error) => format!("{head}  FAILED\n{error}"),
        }
    }
}

pub(crate) struct Report {
    kind: Kind,
    seed: u64,
    rounds: Vec<Round>,
}

impl Report {
    pub(crate) fn new(kind: Kind, seed: u64) -> Report {
        Report { kind, seed, rounds: Vec::new() }
    }

    pub(crate) fn add(&mut self, round: Round) {
        self.rounds.push(round);
    }

    pub(crate) fn is_good(&self) -> bool {
        !self.rounds.is_empty() && self.rounds.iter().all(|round| round.ended.is_ok())
    }

    fn failed(&self) -> usize {
        self.rounds.iter().filter(|round| round.ended.is_err()).count()
    }

    pub(crate) fn summary(&self) -> String {
        let seconds: f64 = self.rounds.iter().map(|round| round.seconds).sum();
        format!(
            "soak: {} rounds in {seconds:.0} s, seed {}, {} with a difference or a failure",
            self.rounds.len(),
            self.seed,
            self.failed()
        )
    }

    /// Markdown: rounds by fault.
    pub(crate) fn page(&self) -> String {
        let mut faults: BTreeMap<Fault, (u64, usize, f64, u64)> = BTreeMap::new();
        for round in &self.rounds {
            let sum = faults.entry(round.fault).or_default();
            sum.0 += 1;
            sum.1 += usize::from(round.ended.is_err());
            sum.2 += round.seconds;
            sum.3 += round.ended.as_ref().map_or(0, |compared| compared.rows);
        }
        let (title, call, more) = match self.kind {
            Kind::Engine => ("Soak", "make soak", ""),
            Kind::Server => (
                "Soak with a server as the store",
                "make soak STORE=server",
                " The store is a ClickHouse server in a process of its own, behind a network that breaks; \
                 while it is away the log goes to a spool of 2 MB.",
            ),
        };
        let mut page = format!(
            "# {title}\n\nWritten by `{call}`. Each round does one thing to a pipeline under pgbench and a \
             shop's traffic, waits until every table streams again, and ends with `millrace verify` \
             over all twelve tables (mirrors, append tables, a history and an archive), in half of the rounds while the \
             traffic goes on.{more}\n\n{}.\n\n\
             | fault | rounds | differences or failures | seconds a round | rows compared |\n\
             | --- | ---: | ---: | ---: | ---: |\n",
            self.summary().trim_start_matches("soak: ")
        );
        for (fault, (rounds, failed, seconds, rows)) in faults {
            let mean = seconds / rounds as f64;
            let name = fault.name();
            let _ = writeln!(page, "| {name} | {rounds} | {failed} | {mean:.1} | {rows} |");
        }
        page
    }
}
