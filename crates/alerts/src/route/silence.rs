//! Silences: alerts that a person has seen and does not want to hear of for a while.

use serde::{Deserialize, Serialize};

use super::Matcher;
use crate::Labels;

/// Those who ended are kept that long, so that people see what was.
pub const KEPT_MS: i64 = 5 * 86_400_000;

const MATCHERS_MAX: usize = 50;
const COMMENT_BYTES_MAX: usize = 4 << 10;
/// The year 2200.
const LATEST_MS: i64 = 7_258_118_400_000;

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
        if self.starts_ms < 0 || self.ends_ms > LATEST_MS {
            return Err("a silence is between the years 1970 and 2200".to_owned());
        }
        if self.matchers.len() > MATCHERS_MAX || self.comment.len() > COMMENT_BYTES_MAX {
            return Err(format!(
                "a silence has at most {MATCHERS_MAX} matchers, and a comment of {COMMENT_BYTES_MAX} bytes"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::of;

    fn silence(matchers: &[&str]) -> Silence {
        let matchers = matchers.iter().map(|text| Matcher::parse(text).unwrap()).collect();
        Silence {
            id: String::new(),
            matchers,
            starts_ms: 10,
            ends_ms: 20,
            comment: String::new(),
            author: String::new(),
        }
    }

    #[test]
    fn a_silence_has_bounds() {
        let fine = silence(&["host = a"]);
        assert_eq!(fine.check(), Ok(()));
        for bad in [
            Silence { ends_ms: i64::MAX, ..fine.clone() },
            Silence { starts_ms: i64::MIN, ..fine.clone() },
            Silence { comment: "x".repeat(5000), ..fine.clone() },
            silence(&["host = a"; 51]),
        ] {
            assert!(bad.check().is_err());
        }
    }

    #[test]
    fn a_silence_holds_for_its_time_and_its_labels() {
        let labels = of(&[("host", "a"), ("team", "shop")]);
        let both = silence(&["host = a", "team =~ sh.*"]);
        assert_eq!(
            [9, 10, 19, 20].map(|now| both.silences(&labels, now)),
            [false, true, true, false]
        );
        assert!(!silence(&["host = a", "team = x"]).silences(&labels, 15));
        assert!(silence(&["gone != x"]).silences(&labels, 15));
    }

    #[test]
    fn a_silence_of_everything_is_a_mistake() {
        assert!(silence(&["host = a"]).check().is_ok());
        for wrong in [&[][..], &["host =~ .*"], &["gone != x"]] {
            assert!(silence(wrong).check().is_err(), "{wrong:?}");
        }
        assert!(Silence { ends_ms: 10, ..silence(&["host = a"]) }.check().is_err());
    }
}
