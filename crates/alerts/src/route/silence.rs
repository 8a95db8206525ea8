//! Silences: alerts that a person has seen and does not want to hear of for a while.

use serde::{Deserialize, Serialize};

use super::Matcher;
use crate::Labels;

/// Those who ended are kept that long, so that people see what was.
pub const KEPT_MS: i64 = 5 * 86_400_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    #[serde(default)]
    pub id: String,
    pub matchers: Vec<Matcher>,
    pub starts_ms: i64,
    pub ends_ms: i64,
    #[serde(default)]
    pub comment: String,
    #[serde(default)]
    pub author: String,
}

impl Silence {
    pub fn silences(&self, labels: &Labels, now_ms: i64) -> bool {
        self.starts_ms <= now_ms
            && now_ms < self.ends_ms
            && !self.matchers.is_empty()
            && self.matchers.iter().all(|matcher| matcher.matches(labels))
    }

    /// A silence that matches everything would be a mistake, as in Alertmanager.
    pub fn check(&self) -> Result<(), String> {
        if self.matchers.iter().all(|matcher| matcher.matches(&Labels::new())) {
            return Err("at least one matcher says what a label is".to_owned());
        }
        if self.ends_ms <= self.starts_ms {
            return Err("a silence ends after it starts".to_owned());
        }
        Ok(())
    }
}
