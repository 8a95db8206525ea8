//! Where in Postgres's log something happened. The log position is the clock of the whole product:
//! every row carries one, every checkpoint is one, and only one ([`Lsn`]) flows back upstream.

use std::fmt;
use std::str::FromStr;

/// A byte position in the write-ahead log, printed as Postgres prints it: `16/B374D848`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

impl Lsn {
    /// Before every position that Postgres hands out.
    pub const ZERO: Lsn = Lsn(0);
    pub const MAX: Lsn = Lsn(u64::MAX);

    /// Bytes of log from `earlier` to here; 0 when `earlier` is not earlier.
    pub fn bytes_since(self, earlier: Lsn) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl fmt::Debug for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text was not two hexadecimal halves of at most 32 bits around a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseLsnError;

impl fmt::Display for ParseLsnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a log position looks like 16/B374D848")
    }
}

impl std::error::Error for ParseLsnError {}

impl FromStr for Lsn {
    type Err = ParseLsnError;

    fn from_str(text: &str) -> Result<Lsn, ParseLsnError> {
        let (high, low) = text.split_once('/').ok_or(ParseLsnError)?;
        Ok(Lsn(u64::from(hex32(high)?) << 32 | u64::from(hex32(low)?)))
    }
}

/// `from_str_radix` alone would take a sign.
fn hex32(text: &str) -> Result<u32, ParseLsnError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(ParseLsnError);
    }
    u32::from_str_radix(text, 16).map_err(|_| ParseLsnError)
}

/// Which of two rows with the same key is newer: the commit first, the change inside it second.
///
/// A row copied by a snapshot carries `consistent_point << 64`, so that every change committed after
/// the snapshot wins over it whichever arrives first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version(pub u128);

impl Version {
    pub fn of_change(commit: Lsn, change: Lsn) -> Version {
        Version(u128::from(commit.0) << 64 | u128::from(change.0))
    }

    pub fn of_copy(consistent_point: Lsn) -> Version {
        Version(u128::from(consistent_point.0) << 64)
    }

    /// Whether a snapshot brought the row. A replayed one is newer by one; changes lie further on.
    pub fn is_of_copy(self) -> bool {
        self.0 as u64 <= 1
    }

    pub fn commit(self) -> Lsn {
        Lsn((self.0 >> 64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for (text, value) in
            [("0/0", 0), ("16/B374D848", 0x16_B374_D848), ("FFFFFFFF/FFFFFFFF", u64::MAX)]
        {
            assert_eq!(text.parse(), Ok(Lsn(value)));
            assert_eq!(Lsn(value).to_string(), text);
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in
            ["", "/", "0", "0/", "/0", "G/0", "0/-1", "+1/0", "100000000/0", "0/0/0", " 0/0"]
        {
            assert_eq!(text.parse::<Lsn>(), Err(ParseLsnError), "{text:?}");
        }
    }

    #[test]
    fn a_change_after_the_snapshot_wins_over_the_copied_row() {
        let point = Lsn(500);
        assert!(Version::of_copy(point) < Version::of_change(Lsn(501), Lsn(1)));
        assert!(Version::of_change(Lsn(499), Lsn(u64::MAX)) < Version::of_copy(point));
        assert!(Version::of_change(Lsn(9), Lsn(1)) < Version::of_change(Lsn(9), Lsn(2)));
        assert_eq!(Version::of_change(Lsn(9), Lsn(2)).commit(), Lsn(9));
    }
}
