//! In which coding a body travels, both ways. HTTP has its own, which the headers name; ClickHouse has
//! one more, blocks with a hash ([`frames`]), which only the URL names.
//!
//! ```text
//! body   ─▶ Content-Encoding ─▶ frames, with decompress=1 ─▶ text, data
//! answer ◀─ Accept-Encoding     or frames, with compress=1 ◀─ rows, errors
//! ```
//!
//! An answer in frames has no second coding around it, whatever the client would accept: it would cost
//! time and save nothing.
//!
//! Whatever is decoded is decoded piece by piece, so that a small body which stands for a large one
//! takes no more memory than the pieces it is read in.

mod decode;
mod encode;
pub(super) mod frames;
mod large;

pub(super) use decode::reader;
pub(super) use encode::Encoder;

use super::error::Failure;

/// A coding of HTTP's: `Content-Encoding`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Coding {
    #[default]
    Identity,
    Gzip,
    Deflate,
    Brotli,
    Zstd,
    Lz4,
}

/// Those that an answer may have, the cheapest first.
const OFFERED: [(Coding, &str); 5] = [
    (Coding::Lz4, "lz4"),
    (Coding::Zstd, "zstd"),
    (Coding::Gzip, "gzip"),
    (Coding::Deflate, "deflate"),
    (Coding::Brotli, "br"),
];

impl Coding {
    pub(super) fn parse(name: &str) -> Result<Coding, Failure> {
        let name = name.trim().to_ascii_lowercase();
        if matches!(name.as_str(), "" | "identity") {
            return Ok(Coding::Identity);
        }
        if name == "x-gzip" {
            return Ok(Coding::Gzip);
        }
        let found = OFFERED.iter().find(|(_, offered)| *offered == name);
        found.map(|(coding, _)| *coding).ok_or_else(|| {
            let text = format!(
                "Content-Encoding {name} is not supported: \
                 send lz4, zstd, gzip, deflate, br, or nothing"
            );
            let mut failure = Failure::not_implemented(text);
            failure.status = axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
            failure
        })
    }

    /// The cheapest of those in an `Accept-Encoding`.
    pub(super) fn accepted(accept: &str) -> Coding {
        let takes = |name: &str| {
            accept.split(',').any(|item| {
                let (found, quality) = item.split_once(';').unwrap_or((item, ""));
                let zero = quality.trim().strip_prefix("q=").is_some_and(|quality| {
                    quality.trim().parse::<f32>().is_ok_and(|quality| quality == 0.0)
                });
                found.trim().eq_ignore_ascii_case(name) && !zero
            })
        };
        let found = OFFERED.iter().find(|(_, name)| takes(name));
        found.map_or(Coding::Identity, |(coding, _)| *coding)
    }

    pub(super) fn name(self) -> Option<&'static str> {
        OFFERED.iter().find(|(coding, _)| *coding == self).map(|(_, name)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses_the_coding() {
        let name = |accept: &str| Coding::accepted(accept).name();
        assert_eq!(name("lz4,zstd,br,gzip,deflate"), Some("lz4"));
        assert_eq!(name("gzip, deflate, br, zstd"), Some("zstd"));
        assert_eq!(name("gzip;q=1.0, lz4;q=0"), Some("gzip"));
        assert_eq!(name("br"), Some("br"));
        assert_eq!(name("compress, *"), None);
        assert_eq!(name(""), None);
    }

    #[test]
    fn a_body_names_one_coding() {
        assert_eq!(Coding::parse("").unwrap(), Coding::Identity);
        assert_eq!(Coding::parse(" ZSTD ").unwrap(), Coding::Zstd);
        assert_eq!(Coding::parse("x-gzip").unwrap(), Coding::Gzip);
        assert_eq!(Coding::parse("gzip, br").unwrap_err().status, 415);
        assert_eq!(Coding::parse("snappy").unwrap_err().status, 415);
    }
}
