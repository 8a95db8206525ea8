//! Passwords, as hashes only. A plain one that comes in is hashed with a salt of its own at once;
//! hashes that come in are kept as they are. Comparing takes the same time wherever they differ.

use crate::clickhouse::error::Failure;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

type Result<T> = std::result::Result<T, Failure>;

/// 2^10 rounds, some 50 ms: ClickHouse's default of 12 is four times that for every new connection.
const BCRYPT_COST: u32 = 10;
/// A hash that comes in may be dearer, but no login takes minutes.
const BCRYPT_COST_MAX: u32 = 16;
/// What bcrypt looks at.
const BCRYPT_BYTES_MAX: usize = 72;

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Password {
    Sha256 { hash: [u8; 32], salt: String },
    DoubleSha1([u8; 20]),
    Bcrypt(String),
}

/// No hash is printed either.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method())
    }
}

impl Password {
    /// Of a plain one.
    pub(crate) fn new(plain: &str) -> Password {
        let salt = hex(&random::<16>());
        Password::Sha256 { hash: sha256(plain, &salt), salt }
    }

    pub(super) fn bcrypt(plain: &str) -> Result<Password> {
        if plain.len() > BCRYPT_BYTES_MAX {
            let text = format!("bcrypt looks at {BCRYPT_BYTES_MAX} bytes of a password at most");
            return Err(Failure::bad_argument(text));
        }
        let hashed = bcrypt::hash_with_salt(plain, BCRYPT_COST, random::<16>());
        let hashed = hashed.map_err(|_| Failure::bad_argument("bcrypt refused the password"))?;
        Ok(Password::Bcrypt(hashed.to_string()))
    }

    /// A hash as `IDENTIFIED WITH … BY` and the file have it.
    pub(super) fn of_hash(method: &str, hash: &str, salt: &str) -> Result<Password> {
        let wrong = |what: &str| Failure::bad_argument(format!("the password's hash is no {what}"));
        match method {
            "sha256_hash" => {
                let hash = unhex(hash).ok_or_else(|| wrong("SHA-256 in hexadecimal"))?;
                Ok(Password::Sha256 { hash, salt: salt.to_owned() })
            }
            "double_sha1_hash" => {
                let hash = unhex(hash).ok_or_else(|| wrong("double SHA-1 in hexadecimal"))?;
                Ok(Password::DoubleSha1(hash))
            }
            _ => {
                let cost = hash.split('$').nth(2).and_then(|cost| cost.parse::<u32>().ok());
                let whole = hash.len() == 60 && hash.starts_with("$2");
                match cost {
                    Some(cost) if whole && (4..=BCRYPT_COST_MAX).contains(&cost) => {
                        Ok(Password::Bcrypt(hash.to_owned()))
                    }
                    _ => Err(wrong("bcrypt of cost 4 to 16: $2b$10$…")),
                }
            }
        }
    }

    pub(super) fn of_double_sha1(plain: &str) -> Password {
        Password::DoubleSha1(double_sha1(plain))
    }

    pub(super) fn method(&self) -> &'static str {
        match self {
            Password::Sha256 { .. } => "sha256_password",
            Password::DoubleSha1(_) => "double_sha1_password",
            Password::Bcrypt(_) => "bcrypt_password",
        }
    }

    /// For our own table: `sha256_hash BY '…' SALT '…'`.
    pub(super) fn definition(&self) -> String {
        match self {
            Password::Sha256 { hash, salt } if salt.is_empty() => {
                format!("sha256_hash BY '{}'", hex(hash))
            }
            Password::Sha256 { hash, salt } => {
                let salt = store::ddl::literal(salt);
                format!("sha256_hash BY '{}' SALT {salt}", hex(hash))
            }
            Password::DoubleSha1(hash) => format!("double_sha1_hash BY '{}'", hex(hash)),
            Password::Bcrypt(hash) => format!("bcrypt_hash BY {}", store::ddl::literal(hash)),
        }
    }

    /// Nobody's: what it takes to compare with it is what it is for.
    pub(super) fn nobodys(cost: u32) -> Password {
        const REST: &str = "1nY7kRzvQ0mXwT4hJcLpOeD5uVb2sGf9iAqN3xKt6rWyE8oZjBaSe";
        Password::Bcrypt(format!("$2b${cost:02}${REST}"))
    }

    /// Of a slow one: twice as slow with each.
    pub(super) fn cost(&self) -> Option<u32> {
        match self {
            Password::Bcrypt(hash) => hash.split('$').nth(2)?.parse().ok(),
            _ => None,
        }
    }

    /// Whether checking takes so long that it needs a thread of its own.
    pub(super) fn is_slow(&self) -> bool {
        matches!(self, Password::Bcrypt(_))
    }

    pub(super) fn is(&self, plain: &str) -> bool {
        match self {
            Password::Sha256 { hash, salt } => sha256(plain, salt).ct_eq(hash).into(),
            Password::DoubleSha1(hash) => double_sha1(plain).ct_eq(hash).into(),
            Password::Bcrypt(hash) => {
                plain.len() <= BCRYPT_BYTES_MAX && bcrypt::verify(plain, hash).unwrap_or(false)
            }
        }
    }
}

/// ClickHouse's order: the salt behind the password.
fn sha256(plain: &str, salt: &str) -> [u8; 32] {
    Sha256::new().chain_update(plain).chain_update(salt).finalize().into()
}

fn double_sha1(plain: &str) -> [u8; 20] {
    Sha1::digest(Sha1::digest(plain)).into()
}

pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_clickhouse() {
        // SELECT hex(SHA256('pw'))
        let hash = "30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4";
        let password = Password::of_hash("sha256_hash", hash, "").unwrap();
        assert!(password.is("pw") && !password.is("pw ") && !password.is(""));
        assert_eq!(password.definition(), format!("sha256_hash BY '{hash}'"));
        // SELECT hex(SHA1(SHA1('pw')))
        let twice = hex(&double_sha1("pw"));
        assert!(Password::of_hash("double_sha1_hash", &twice, "").unwrap().is("pw"));
        let bcrypt = Password::bcrypt("pw").unwrap();
        assert!(bcrypt.is("pw") && !bcrypt.is("pW") && bcrypt.is_slow());
        assert!(Password::bcrypt(&"x".repeat(73)).is_err());
        for (method, hash) in [
            ("sha256_hash", "30c9"),
            ("sha256_hash", "zz"),
            ("double_sha1_hash", ""),
            ("bcrypt_hash", "$2b$31$abc"),
            ("bcrypt_hash", "plain"),
        ] {
            assert!(Password::of_hash(method, hash, "").is_err(), "{method} {hash}");
        }
    }

    #[test]
    fn plain_ones_are_salted_and_nothing_is_printed() {
        let (one, two) = (Password::new("topsecret"), Password::new("topsecret"));
        assert!(one != two && one.is("topsecret") && two.is("topsecret"));
        assert_eq!(format!("{one:?}"), "sha256_password");
        assert!(!one.definition().contains("topsecret"));
    }
}
