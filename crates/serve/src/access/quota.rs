//! What users have used of their quotas. Counted in memory and by user: a start begins anew, as it does
//! at ClickHouse. An interval begins with the first statement in it.

use super::book::{Interval, Quota};
use crate::clickhouse::error::Failure;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use store::embedded::Stats;

/// Seconds of execution are counted in these.
const PER_SECOND: u64 = 1000;

#[derive(Default)]
pub(super) struct Quotas {
    used: Mutex<HashMap<(String, String, u64), Used>>,
}

struct Used {
    since: Instant,
    counted: HashMap<&'static str, u64>,
}

impl Quotas {
    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String, u64), Used>> {
        self.used.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Counts a statement that is about to run, unless too much was used already.
    pub(super) fn begin(&self, user: &str, quotas: &[Quota], now: Instant) -> Result<(), Failure> {
        let mut used = self.lock();
        for (quota, interval) in intervals(quotas) {
            let of = entry(&mut used, user, quota, interval, now);
            for (metric, most) in &interval.most {
                let count = *of.counted.get(metric).unwrap_or(&0);
                let (count, most) = match *metric {
                    "execution_time" => (count / PER_SECOND, *most),
                    // This one would be one more.
                    "queries" => (count + 1, *most),
                    _ => (count, *most),
                };
                let over = if *metric == "queries" { count > most } else { count >= most };
                if over {
                    let text = format!(
                        "Quota for user `{user}` for {}s has been exceeded: {metric} = {count}/{most}. \
                         Quota: {}",
                        interval.seconds, quota.name
                    );
                    return Err(Failure::new(201, "QUOTA_EXCEEDED", text));
                }
            }
        }
        for (quota, interval) in intervals(quotas) {
            let of = entry(&mut used, user, quota, interval, now);
            *of.counted.entry("queries").or_default() += 1;
        }
        Ok(())
    }

    /// Counts what a statement took.
    pub(super) fn end(
        &self,
        user: &str,
        quotas: &[Quota],
        stats: &Stats,
        took: Duration,
        failed: bool,
    ) {
        if quotas.is_empty() {
            return;
        }
        let counts = [
            ("errors", u64::from(failed)),
            ("result_rows", stats.result_rows),
            ("read_rows", stats.read_rows),
            ("read_bytes", stats.read_bytes),
            ("execution_time", took.as_millis() as u64),
        ];
        let now = Instant::now();
        let mut used = self.lock();
        for (quota, interval) in intervals(quotas) {
            let of = entry(&mut used, user, quota, interval, now);
            for (metric, count) in counts {
                *of.counted.entry(metric).or_default() += count;
            }
        }
    }
}

fn intervals(quotas: &[Quota]) -> impl Iterator<Item = (&Quota, &Interval)> {
    quotas.iter().flat_map(|quota| quota.intervals.iter().map(move |interval| (quota, interval)))
}

fn entry<'a>(
    used: &'a mut HashMap<(String, String, u64), Used>,
    user: &str,
    quota: &Quota,
    interval: &Interval,
    now: Instant,
) -> &'a mut Used {
    let key = (user.to_owned(), quota.name.clone(), interval.seconds);
    let fresh = || Used { since: now, counted: HashMap::new() };
    let of = used.entry(key).or_insert_with(fresh);
    if now.saturating_duration_since(of.since) >= Duration::from_secs(interval.seconds) {
        *of = fresh();
    }
    of
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::book::{Origin, To};

    fn quota(most: &[(&'static str, u64)]) -> Vec<Quota> {
        let interval = Interval { seconds: 60, most: most.iter().copied().collect() };
        let name = "q".to_owned();
        vec![Quota { origin: Origin::Sql, name, intervals: vec![interval], to: To::All }]
    }

    #[test]
    fn each_user_has_her_own_until_the_interval_is_over() {
        let (quotas, limit, now) = (Quotas::default(), quota(&[("queries", 2)]), Instant::now());
        let begin =
            |user: &str, at: Instant| quotas.begin(user, &limit, at).map_err(|f| f.exception.code);
        assert_eq!([begin("ann", now), begin("ann", now)], [Ok(()), Ok(())]);
        assert_eq!(begin("ann", now), Err(201));
        assert_eq!(begin("bob", now), Ok(()));
        assert_eq!(begin("ann", now + Duration::from_secs(60)), Ok(()));
    }

    #[test]
    fn rows_and_seconds_count_when_a_statement_is_done() {
        let (quotas, now) = (Quotas::default(), Instant::now());
        let limit = quota(&[("read_rows", 100), ("execution_time", 5)]);
        let stats = Stats { read_rows: 99, ..Stats::default() };
        quotas.end("ann", &limit, &stats, Duration::from_secs(2), false);
        assert!(quotas.begin("ann", &limit, now).is_ok());
        quotas.end("ann", &limit, &Stats { read_rows: 1, ..stats }, Duration::ZERO, false);
        let text = quotas.begin("ann", &limit, now).unwrap_err().exception.text;
        assert!(text.contains("read_rows = 100/100"), "{text}");
        quotas.end("bob", &limit, &Stats::default(), Duration::from_secs(5), true);
        assert_eq!(quotas.begin("bob", &limit, now).unwrap_err().exception.code, 201);
    }
}
