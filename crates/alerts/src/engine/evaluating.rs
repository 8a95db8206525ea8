//! One evaluation of a rule: its queries are asked, then all is computed. Too slow is an error; what may pass is tried again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{Error, Fate, Result};

use super::core::{Job, Turned};
use super::{Query, Shared};
use crate::expr::{Evaluated, Plan};

const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// What the rule comes to. Ten thousand instances write ten thousand texts: nobody waits for that.
pub(super) async fn evaluate(shared: &Shared, job: &Job) -> Turned {
    let outcome = outcome(shared, job).await;
    let before = shared.core().before(job);
    let of_task = job.clone();
    let turned = tokio::task::spawn_blocking(move || before.turn(&of_task, outcome)).await;
    turned.unwrap_or_else(|_| {
        shared.core().before(job).turn(job, Err("its texts could not be written".to_owned()))
    })
}

async fn outcome(shared: &Shared, job: &Job) -> Result<Evaluated, String> {
    let plan = job.rule.plan.clone()?;
    let mut tries = 1;
    loop {
        let timeout = shared.options.evaluation_timeout;
        let outcome = match tokio::time::timeout(timeout, once(shared, job, plan.clone())).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::transient("could not evaluate the rule")
                .detail(format!("It took longer than {} s.", timeout.as_secs()))
                .hint("shorten its time range, or let a table be aggregated before")),
        };
        match outcome {
            Ok(evaluated) => return Ok(evaluated),
            Err(error)
                if error.fate() == Fate::Transient && tries < shared.options.evaluation_tries =>
            {
                tries += 1;
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            Err(error) => return Err(error.report()),
        }
    }
}

async fn once(shared: &Shared, job: &Job, plan: Arc<Plan>) -> Result<Evaluated> {
    let mut answers = BTreeMap::new();
    for query in plan.queries() {
        let asked = Query {
            sql: query.sql.clone(),
            from: job.at_ms - query.from_s * 1_000,
            to: job.at_ms - query.to_s * 1_000,
            interval_ms: query.interval_ms,
            max_points: query.max_points,
            datasource: query.datasource.clone(),
        };
        let answer = shared
            .ask
            .ask(&asked)
            .await
            .map_err(|error| error.context(format!("query {}", query.ref_id)))?;
        answers.insert(query.ref_id.clone(), answer);
    }
    let (active, at_ms) = (job.active.clone(), job.at_ms);
    // Two million points are a second's work: not on a thread that others wait for.
    let computed =
        tokio::task::spawn_blocking(move || plan.evaluate(&answers, &active, at_ms)).await;
    computed.map_err(|error| Error::bug("an expression broke down").source(error))?
}
