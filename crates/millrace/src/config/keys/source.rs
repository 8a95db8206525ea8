//! Of `[source]`: the Postgres that is read.

use super::{Key, Kind, key};
use crate::config::{DEFAULT_PUBLICATION, DEFAULT_SLOT};

pub(super) const KEYS: &[Key] = &[
    key("source", Kind::Section, "", "The Postgres that is read."),
    key(
        "source.url",
        Kind::Text,
        "required, unless there is `[source.kafka]`",
        "`postgres://user@host:5432/database?sslmode=verify-full`. `sslmode`: `disable`, `prefer` (the default), \
         `require`, `verify-ca`, `verify-full`; `sslrootcert=/path/ca.pem` for a private CA. A password in plain \
         text draws a warning.",
    ),
    key(
        "source.publication",
        Kind::Text,
        DEFAULT_PUBLICATION,
        "Which tables are read. Created where the role may, otherwise the statement is printed.",
    ),
    key(
        "source.slot",
        Kind::Text,
        DEFAULT_SLOT,
        "The server's bookmark in its log. One for each pipeline; created when missing.",
    ),
];
