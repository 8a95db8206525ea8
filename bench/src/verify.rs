//! How long a proof takes.

use crate::Plan;
use crate::backlog::{finish, quiet_source};
use crate::copy;
use crate::process::cpu_seconds;
use crate::record::{Also, BarOn, Record};
use harness::{Project, config};
use std::time::Instant;

pub(crate) fn of_4m(plan: &Plan) -> Record {
    let rows = plan.rows(copy::ROWS);
    let cluster = quiet_source();
    copy::fill(&cluster, rows);
    let project = Project::new(&plan.binary, &config(&cluster.url(), ""));
    let mut up = project.up();
    up.wait_ready();
    let run = |_| {
        let (cpu, start) = (cpu_seconds(up.pid()), Instant::now());
        let ran = project.run(&["verify"]);
        assert_eq!(ran.code, Some(0), "{}", ran.talk());
        (start.elapsed().as_secs_f64(), cpu_seconds(up.pid()) - cpu)
    };
    let (ours, cpu) = (0..plan.rounds).map(run).unzip();
    finish(up);
    Record {
        measure: "verify_4m",
        what: "`millrace verify` of 4 M rows, everything compared",
        unit: "s",
        higher_is_better: false,
        ours,
        peer: None,
        theirs: Vec::new(),
        bar: 15.0,
        bar_on: BarOn::Ours,
        notes: Vec::new(),
        rows,
        // What the source computes is not in it.
        also: vec![Also { name: "CPU", unit: "s", ours: cpu, below: None }],
    }
}
