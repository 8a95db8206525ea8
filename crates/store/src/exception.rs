//! What ClickHouse says when it refuses, in this process or from afar: a number, a name, a text.
//!
//! The text may quote values from the data, so it goes to the client who sent the statement and
//! nowhere else; what ends up in logs and in the state of a table is [`Exception::redacted`].

use model::{Error, Fate};
use std::fmt;

/// Numbers of errors about a value: parsing, converting, lengths, ranges, NULL; what a constraint, a partition,
/// or a `throwIf` of a view does not take.
const OF_VALUES: [u32; 31] = [
    6, 25, 26, 27, 32, 33, 38, 41, 69, 70, 72, 117, 128, 130, 131, 190, 248, 321, 349, 376, 395,
    407, 441, 467, 469, 563, 632, 645, 675, 676, 691,
];

/// Numbers of errors that pass by themselves.
const PASSING: [u32; 43] = [
    // Memory, space, too many parts or mutations, timeouts, cancelled, aborted, locks.
    241, 243, 252, 692, 159, 160, 394, 236, 473, 173,
    // Too many at once: statements, sessions, connections, threads; a quota's interval; an overload.
    202, 216, 201, 700, 749, 762, 439, 745, 776,
    // Between servers and their storage: sockets, the network, names, S3.
    95, 96, 209, 210, 198, 203, 279, 364, 499,
    // Replicas that are away, behind, or in trouble with Keeper; mutations and DDL that are not through.
    225, 242, 999, 254, 265, 285, 286, 289, 319, 341, 369, 416, 517, 519, 571,
];

/// And at a server, whose disks, storage and peers are not this process's.
const PASSING_AFAR: [u32; 33] = [
    // Files and disks.
    74, 75, 76, 204, 294, 425,
    // Keeper, parts that another replica has or that are held, a leader that changes.
    234, 244, 255, 384, 529, 568, 738,
    // Storage of clouds and its cache; peers that do not answer.
    500, 660, 693, 707, 737, 900, 901, 903, 904, 297, 410,
    // Tables that are being loaded, threads and buffers that were cancelled, memory that was promised to others.
    696, 722, 733, 677, 734, 735, 777, 778, // What its network library says.
    1000,
];

/// What comes of a request or an answer that was cut or bent on its way, and of the statement itself as well:
/// the end where there should be none, checksums, compression, a time limit, an error without a number.
const DOUBTFUL: [u32; 9] = [3, 32, 33, 40, 159, 271, 618, 1001, 1002];

/// Their texts quote names of tables, types, settings and rights, and no more. Those of what passes tell of the
/// server. All others may quote the statement, whose keys and versions are values.
const OF_NAMES: [u32; 19] =
    [16, 48, 50, 56, 57, 60, 81, 82, 115, 164, 218, 219, 344, 359, 370, 452, 455, 497, 630];

/// What follows one of these is the statement, or a part of it.
const BEFORE_STATEMENT: [&str; 5] =
    [" in scope ", " In scope ", ": While ", ": while ", "(in query:"];

/// A column, an identifier, a table, a database that is not there.
const OF_MISSING_NAMES: [u32; 4] = [16, 47, 60, 81];

/// Who we are.
const OF_LOGIN: [u32; 6] = [192, 193, 194, 195, 516, 720];

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exception {
    pub code: u32,
    /// `Code: 62. DB::Exception: Syntax error: … (SYNTAX_ERROR)`
    pub text: String,
}

impl Exception {
    pub fn parse(text: String) -> Exception {
        let digits = text.split_once("Code: ").map_or("", |(_, rest)| rest);
        let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
        // Only the insert stream adds it.
        let plain = match text.trim_end().rsplit_once(" (version ") {
            Some((plain, version)) if version.len() < 40 => plain,
            _ => text.trim_end(),
        };
        // 1001 STD_EXCEPTION: what ClickHouse calls an error that has no number of its own.
        Exception { code: digits.parse().unwrap_or(1001), text: plain.to_owned() }
    }

    /// An exception of our own in the engine's form.
    pub fn new(code: u32, name: &str, text: &str) -> Exception {
        Exception { code, text: format!("Code: {code}. DB::Exception: {text} ({name})") }
    }

    /// `MEMORY_LIMIT_EXCEEDED`
    pub fn name(&self) -> &str {
        self.text
            .rsplit_once('(')
            .and_then(|(_, rest)| rest.split_once(')'))
            .map_or("", |(name, _)| name)
    }

    pub fn fate(&self) -> Fate {
        match self.code {
            _ if self.is_of_a_full_disk() => Fate::Transient,
            _ if self.is_of_too_many_partitions() => Fate::Definite,
            code if PASSING.contains(&code) => Fate::Transient,
            _ => Fate::Definite,
        }
    }

    /// Parse and conversion errors: about a value, which they may quote. The others quote names.
    fn is_of_values(&self) -> bool {
        OF_VALUES.contains(&self.code)
    }

    fn is_of_a_full_disk(&self) -> bool {
        self.code == 243 || self.text.contains("No space left on device")
    }

    fn is_of_too_many_partitions(&self) -> bool {
        self.code == 252 && self.text.contains("partitions for single INSERT")
    }

    /// The text, or the name alone where the text may quote a value.
    fn redacted(&self) -> &str {
        if self.is_of_values() {
            return self.name();
        }
        let text = self.text.strip_prefix("Code: ").unwrap_or(&self.text);
        let text = text.split_once("DB::Exception: ").map_or(text, |(_, rest)| rest);
        text.lines().next().unwrap_or_default()
    }

    /// What is wrong with rows on their way into a table, if it is that.
    pub(crate) fn refusal_of_rows(&self, doing: &str) -> Option<Error> {
        let refused = || Error::refused(format!("cannot {doing}")).detail(self.detail());
        self.is_of_values().then(refused)
    }

    fn detail(&self) -> String {
        format!("ClickHouse error {}: {}", self.code, self.redacted())
    }

    /// As an error of ours: `doing` is a verb with its object, `write public.orders`.
    pub fn error(&self, doing: &str) -> Error {
        let error = self.error_of(self.fate(), doing);
        match self.code {
            241 => error.hint(
                "raise limits.engine_memory_mib in millrace.toml and start again; nothing is lost",
            ),
            _ if self.is_of_a_full_disk() => {
                error.hint("free space on the disk of the data directory")
            }
            _ => self.with_hint(error),
        }
    }

    pub(crate) fn is_of_login(&self) -> bool {
        OF_LOGIN.contains(&self.code)
    }

    pub(crate) fn is_of_missing_names(&self) -> bool {
        OF_MISSING_NAMES.contains(&self.code)
    }

    /// Whether it may be of the way between us and a server.
    pub(crate) fn is_doubtful(&self) -> bool {
        DOUBTFUL.contains(&self.code) && !self.is_of_a_full_disk()
    }

    fn fate_from_afar(&self) -> Fate {
        match self.fate() {
            // A server that has let us in will again: a password is being changed.
            Fate::Definite if PASSING_AFAR.contains(&self.code) || self.is_of_login() => {
                Fate::Transient
            }
            Fate::Definite if self.is_doubtful() => Fate::Transient,
            fate => fate,
        }
    }

    /// The same of a server that is not ours.
    pub(crate) fn error_from_afar(&self, doing: &str) -> Error {
        let error = self.error_of(self.fate_from_afar(), doing).detail(self.detail_from_afar());
        match self.code {
            _ if self.is_of_login() => {
                error.hint("correct the user and password in store.url, or store.token")
            }
            159 => error.hint("give the user of [store] a larger max_execution_time, or 0"),
            241 => {
                error.hint("give the server, or the user of [store], more memory; nothing is lost")
            }
            497 => error.hint("millrace check prints the GRANT that is missing"),
            _ if self.is_of_a_full_disk() => error.hint("free space on the server's disk"),
            _ => self.with_hint(error),
        }
    }

    fn error_of(&self, fate: Fate, doing: &str) -> Error {
        let error = match fate {
            Fate::Transient => Error::transient(format!("could not {doing}")),
            _ => Error::definite(format!("cannot {doing}")),
        };
        error.detail(self.detail())
    }

    /// What may be shown of a server's text.
    fn detail_from_afar(&self) -> String {
        let is_shown = OF_NAMES.contains(&self.code)
            || PASSING.contains(&self.code)
            || PASSING_AFAR.contains(&self.code)
            || self.is_of_login()
            || self.is_of_a_full_disk();
        if !is_shown {
            return format!(
                "ClickHouse error {}: {}. The server's log has the text, which may quote values.",
                self.code,
                self.name()
            );
        }
        let text = self.redacted();
        let ends = BEFORE_STATEMENT.iter().filter_map(|mark| text.find(mark));
        format!("ClickHouse error {}: {}", self.code, &text[..ends.min().unwrap_or(text.len())])
    }

    /// What helps wherever it is.
    fn with_hint(&self, error: Error) -> Error {
        match self.is_of_too_many_partitions() {
            true => {
                error.hint("choose a coarser partition_by for the table, by month for instance")
            }
            false => error,
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Exception {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_name_and_fate_are_read_from_the_text() {
        let text = "Code: 241. DB::Exception: Memory limit (total) exceeded: would use 2 GiB. (MEMORY_LIMIT_EXCEEDED)\n";
        let exception = Exception::parse(text.into());
        assert_eq!((exception.code, exception.name()), (241, "MEMORY_LIMIT_EXCEEDED"));
        assert_eq!(exception.fate(), Fate::Transient);
        let text = "Code: 73. DB::Exception: Unknown format X. (UNKNOWN_FORMAT) (version 26.7.2.1)";
        assert_eq!(Exception::parse(text.into()).name(), "UNKNOWN_FORMAT");
        let disk = "Code: 1001. DB::Exception: std::exception: write: No space left on device";
        assert_eq!(Exception::parse(disk.into()).fate(), Fate::Transient);
        assert_eq!(Exception::parse("what?".into()).code, 1001);
    }

    #[test]
    fn values_stay_out_of_our_errors() {
        let text = "Code: 6. DB::Exception: Cannot parse string 'secret@example.com' as Int64: syntax error at position 0. (CANNOT_PARSE_TEXT)";
        let report = Exception::parse(text.into()).error("write public.users").report();
        assert!(!report.contains("secret"), "{report}");
        assert!(report.contains("cannot write public.users"), "{report}");
        assert!(report.contains("ClickHouse error 6: CANNOT_PARSE_TEXT"), "{report}");
        let text = "Code: 376. DB::Exception: Cannot parse uuid secret. (CANNOT_PARSE_UUID)";
        let error = Exception::parse(text.into()).refusal_of_rows("write public.users").unwrap();
        assert!(!error.report().contains("secret"), "{}", error.report());
        assert_eq!(error.fate(), Fate::Refused);
        let text = "Code: 469. DB::Exception: Constraint `c` is violated at row 1. Expression: (x > 5). Column values: x = 'secret'. (VIOLATED_CONSTRAINT)";
        let error = Exception::parse(text.into()).refusal_of_rows("write public.users").unwrap();
        assert_eq!(error.fate(), Fate::Refused);
        assert!(!error.report().contains("secret"), "{}", error.report());
    }

    /// By its number alone nobody knows what the text of a server quotes.
    #[test]
    fn a_servers_text_is_shown_only_where_it_quotes_no_statement() {
        let said = |text: &str| Exception::parse(text.to_owned()).error_from_afar("x").report();
        for text in [
            "Code: 62. DB::Exception: Syntax error: failed at position 8 ('secret'). (SYNTAX_ERROR)",
            "Code: 47. DB::Exception: Unknown identifier `a` in scope SELECT a WHERE id = 'secret'. (UNKNOWN_IDENTIFIER)",
            "Code: 36. DB::Exception: Argument secret is wrong. (BAD_ARGUMENTS)",
            "Code: 60. DB::Exception: Unknown table `t` in scope SELECT 'secret' FROM t. (UNKNOWN_TABLE)",
            "Code: 241. DB::Exception: Memory limit exceeded: While executing 'secret'. (MEMORY_LIMIT_EXCEEDED)",
        ] {
            assert!(!said(text).contains("secret"), "{}", said(text));
            assert!(said(text).contains("ClickHouse error"), "{}", said(text));
        }
        let text = "Code: 497. DB::Exception: ann: Not enough privileges. It is necessary to have the grant SELECT(a) ON b.c. (ACCESS_DENIED)";
        assert!(said(text).contains("SELECT(a) ON b.c"), "{}", said(text));
        assert!(
            said("Code: 47. DB::Exception: x. (UNKNOWN_IDENTIFIER)").contains("UNKNOWN_IDENTIFIER")
        );
    }
}
