//! The keeper of the schedules: a process beside `up`, which cannot start any itself once the kernel keeps it to its
//! files.
//!
//! ```text
//! up ─ starts ─▶ keeper ─ starts ─▶ dbt ─▶ the door, as any client
//!  ◀─ /readyz, /api/transform/run ─┘
//! ```
//!
//! It ends when its standard input does: with `up`, however that ends.

use crate::config::Config;
use crate::talk::LEVEL;
use model::{Error, Result};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longer than dbt gets to stop.
const LEAVES_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Ends with this.
pub(crate) struct Keeper(Child);

impl Keeper {
    /// `None`: nothing is to be run by itself. `level`: of its log.
    pub(crate) fn start(config: &Config, level: &str) -> Result<Option<Keeper>> {
        if config.transform.schedules.is_empty() {
            return Ok(None);
        }
        let cannot = |error| Error::definite("cannot start the keeper of schedules").source(error);
        let program = std::env::current_exe().map_err(cannot)?;
        let level = std::env::var(LEVEL).unwrap_or_else(|_| level.to_owned());
        let child = Command::new(program)
            .env(LEVEL, level)
            .arg("--config")
            .arg(&config.file)
            .args(["transform", "keep"])
            .stdin(Stdio::piped())
            // A terminal's Ctrl-C is for `up`, which ends it in its turn.
            .process_group(0)
            .spawn();
        Ok(Some(Keeper(child.map_err(cannot)?)))
    }

    /// Whether it has ended by itself: nothing starts it again, as `up` may not start anything by now.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    /// What runs is ended and told of first.
    pub(crate) fn end(&mut self) {
        drop(self.0.stdin.take());
        let since = Instant::now();
        while since.elapsed() < LEAVES_WITHIN && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
