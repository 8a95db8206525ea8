//! Who asks: one name and one password, by one of the ways that ClickHouse's clients have.
//!
//! A wrong password costs the one who sends it: after some within a minute, from one address for one
//! user, nothing is compared any more until the minute is over. Nobody else is kept out by that.

use super::password::{Password, random};
use crate::clickhouse::error::Failure;
use axum::http::HeaderMap;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

type Result<T> = std::result::Result<T, Failure>;

const FAILURES_MAX: u32 = 10;
/// From one address, whichever users it tries.
const FAILURES_OF_ADDRESS_MAX: u32 = 100;
const FAILURES_WINDOW: Duration = Duration::from_secs(60);
/// Remembered at once; beyond that all are forgotten, which an attacker with as many addresses gains
/// little from.
const REMEMBERED_MAX: usize = 10_000;
/// Slow hashes compared at once: each keeps a core busy.
const SLOW_MAX: usize = 2;

/// As they came; `None`: nothing was said.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Credentials {
    pub(crate) user: Option<String>,
    password: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({:?})", self.user)
    }
}

impl Credentials {
    pub(crate) fn new(user: &str, password: Option<&str>) -> Credentials {
        Credentials { user: Some(user.to_owned()), password: password.map(str::to_owned) }
    }

    pub(crate) fn user(&self) -> &str {
        self.user.as_deref().filter(|name| !name.is_empty()).unwrap_or("default")
    }

    pub(super) fn has_no_password(&self) -> bool {
        self.password.as_deref().unwrap_or("").is_empty()
    }

    /// One way at a time; `parameters` are those of the URL.
    pub(crate) fn read(
        headers: &HeaderMap,
        parameters: &[(String, String)],
    ) -> Result<Credentials> {
        let parameter = |name: &str| {
            parameters.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.clone())
        };
        let header = |name: &str| -> Result<Option<String>> {
            let Some(value) = headers.get(name) else { return Ok(None) };
            let text = std::str::from_utf8(value.as_bytes());
            text.map(|text| Some(text.to_owned()))
                .map_err(|_| Failure::bad_argument(format!("The header {name} is not UTF-8")))
        };
        if ["authorization", "x-clickhouse-user", "x-clickhouse-key"]
            .iter()
            .any(|name| headers.get_all(*name).iter().count() > 1)
        {
            return Err(failed("Invalid authentication: a header is there twice"));
        }
        let by_header = (header("x-clickhouse-user")?, header("x-clickhouse-key")?);
        let by_parameter = (parameter("user"), parameter("password"));
        let authorization = header("authorization")?;
        let ways = [
            by_header.0.is_some() || by_header.1.is_some(),
            by_parameter.0.is_some() || by_parameter.1.is_some(),
            authorization.is_some(),
        ];
        if ways.iter().filter(|way| **way).count() > 1 {
            return Err(failed(
                "Invalid authentication: it is not allowed to use HTTP headers, \
                 parameters and Authorization at the same time",
            ));
        }
        let (user, password) = match authorization {
            Some(value) => {
                let pair = basic(&value);
                let (user, password) =
                    pair.ok_or_else(|| failed("Invalid authentication: not HTTP Basic"))?;
                (Some(user), Some(password))
            }
            None if ways[0] => by_header,
            None => by_parameter,
        };
        Ok(Credentials { user, password })
    }
}

fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(base64(encoded.trim())?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

fn failed(text: &str) -> Failure {
    Failure::new(516, "AUTHENTICATION_FAILED", text)
}

/// An address, and whom it tried, as a keyed digest since a name may be long; `None`: anybody.
type Place = (IpAddr, Option<[u8; 32]>);

/// As much of an address as one customer has: of IPv6 that is 64 bits, in which he may take any.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

pub(super) struct Logins {
    failures: Mutex<HashMap<Place, (u32, Instant)>>,
    /// What slow passwords were right, as keyed digests, so that each is worked out once.
    right: Mutex<HashMap<String, [u8; 32]>>,
    key: [u8; 32],
    slow: Semaphore,
}

impl Logins {
    pub(super) fn new() -> Logins {
        Logins {
            failures: Mutex::default(),
            right: Mutex::default(),
            key: random(),
            slow: Semaphore::new(SLOW_MAX),
        }
    }

    /// `expected`: what is known of the user; `None`: there is none of that name, or none that may
    /// come in, which is not told apart, also not by the time it takes: as long as the `slow` hash of
    /// somebody else.
    pub(super) async fn check(
        &self,
        credentials: &Credentials,
        expected: Option<Password>,
        slow: Option<u32>,
        address: IpAddr,
    ) -> Result<()> {
        let user = credentials.user();
        let network = network(address);
        let places = [
            ((network, Some(self.digest(user))), FAILURES_MAX),
            ((network, None), FAILURES_OF_ADDRESS_MAX),
        ];
        if credentials.user.is_none() && credentials.password.is_none() {
            // Nothing was tried.
            let text = format!("{user}: Authentication failed: a name and a password are required");
            return Err(Failure::new(194, "REQUIRED_PASSWORD", text));
        }
        let now = Instant::now();
        let check_places = || match places.iter().any(|(p, most)| self.failures(p, now) >= *most) {
            false => Ok(()),
            true => Err(failed(&format!(
                "{user}: Authentication failed: too many wrong passwords from this address, \
                 try again in a minute"
            ))),
        };
        check_places()?;
        let given = credentials.password.as_deref().unwrap_or("");
        let known = expected.is_some();
        let password = expected.unwrap_or_else(|| match slow {
            Some(cost) => Password::nobodys(cost),
            None => Password::new("nobody"),
        });
        // Held until a wrong one is counted: of many at once, only those with a turn are compared
        // before the first is counted.
        let is_slow = password.is_slow() && !self.is_remembered(&password, given);
        let _turn = if is_slow { self.slow.acquire().await.ok() } else { None };
        check_places()?;
        if self.is_right(password, given).await && known {
            return Ok(());
        }
        for (place, _) in places {
            self.failed(place, now);
        }
        Err(failed(&format!(
            "{user}: Authentication failed: password is incorrect, or there is no user with such name."
        )))
    }

    async fn is_right(&self, password: Password, given: &str) -> bool {
        if !password.is_slow() {
            return password.is(given);
        }
        if self.is_remembered(&password, given) {
            return true;
        }
        let (definition, digest) = (password.definition(), self.digest(given));
        let given = given.to_owned();
        let right = tokio::task::spawn_blocking(move || password.is(&given)).await.unwrap_or(false);
        if right {
            let mut known = lock(&self.right);
            if known.len() >= REMEMBERED_MAX {
                known.clear();
            }
            known.insert(definition, digest);
        }
        right
    }

    fn is_remembered(&self, password: &Password, given: &str) -> bool {
        let before = lock(&self.right).get(&password.definition()).copied();
        before.is_some_and(|before| before.ct_eq(&self.digest(given)).into())
    }

    fn digest(&self, given: &str) -> [u8; 32] {
        Sha256::new().chain_update(self.key).chain_update(given).finalize().into()
    }

    fn failures(&self, place: &Place, now: Instant) -> u32 {
        let failures = lock(&self.failures);
        match failures.get(place) {
            Some((count, since)) if now.duration_since(*since) < FAILURES_WINDOW => *count,
            _ => 0,
        }
    }

    fn failed(&self, place: Place, now: Instant) {
        let mut failures = lock(&self.failures);
        if failures.len() >= REMEMBERED_MAX {
            failures.clear();
        }
        let entry = failures.entry(place).or_insert((0, now));
        if now.duration_since(entry.1) >= FAILURES_WINDOW {
            *entry = (0, now);
        }
        entry.0 += 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &str)], parameters: &[(&str, &str)]) -> Result<Credentials> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let parameters = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Credentials::read(&map, &parameters.collect::<Vec<_>>())
    }

    #[test]
    fn one_way_at_a_time() {
        let basic = read(&[("authorization", "Basic YW5uOnA6dw==")], &[]).unwrap();
        assert_eq!((basic.user(), basic.password.as_deref()), ("ann", Some("p:w")));
        assert_eq!(read(&[], &[("user", "ann")]).unwrap().user(), "ann");
        assert_eq!(read(&[], &[]).unwrap().user(), "default");
        assert!(!format!("{basic:?}").contains("p:w"));
        for headers in [
            vec![("authorization", "Basic YW5uOnA6dw=="), ("x-clickhouse-key", "x")],
            vec![("authorization", "Bearer abc")],
            vec![("authorization", "Basic ???")],
            vec![("x-clickhouse-user", "ann"), ("x-clickhouse-user", "admin")],
        ] {
            assert_eq!(read(&headers, &[]).unwrap_err().exception.code, 516, "{headers:?}");
        }
        assert!(read(&[("x-clickhouse-user", "a")], &[("password", "b")]).is_err());
    }

    #[tokio::test]
    async fn wrong_passwords_are_counted_by_address_and_user() {
        let logins = Logins::new();
        let password = || Some(Password::new("right"));
        let (here, there) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let given = |password: &str| Credentials {
            user: Some("ann".into()),
            password: Some(password.into()),
        };
        for _ in 0..FAILURES_MAX {
            assert!(logins.check(&given("wrong"), password(), None, here).await.is_err());
        }
        let refused = logins.check(&given("right"), password(), None, here).await.unwrap_err();
        assert!(refused.exception.text.contains("too many"), "{}", refused.exception.text);
        assert!(logins.check(&given("right"), password(), None, there).await.is_ok());
        let bob = Credentials { user: Some("bob".into()), ..given("right") };
        assert!(logins.check(&bob, password(), None, here).await.is_ok());
        // Nobody of that name is as a wrong password.
        let nobody = logins.check(&given("nobody"), None, None, there).await.unwrap_err();
        assert_eq!(nobody.exception.code, 516);
        let silent = logins.check(&Credentials::default(), None, None, there).await.unwrap_err();
        assert_eq!((silent.exception.code, silent.status.as_u16()), (194, 401));
    }

    #[tokio::test]
    async fn one_network_of_ipv6_is_one_address() {
        let logins = Logins::new();
        let long = Credentials { user: Some("x".repeat(60_000)), password: Some("wrong".into()) };
        let tried = |end: u32, net: u8| format!("2001:db8:0:{net}::{end}").parse().unwrap();
        for end in 1..=FAILURES_MAX {
            let failed = logins.check(&long, None, None, tried(end, 1)).await.unwrap_err();
            assert!(!failed.exception.text.contains("too many"));
        }
        let failed = logins.check(&long, None, None, tried(99, 1)).await.unwrap_err();
        assert!(failed.exception.text.contains("too many"));
        let other = logins.check(&long, None, None, tried(99, 2)).await.unwrap_err();
        assert!(!other.exception.text.contains("too many"));
        assert!(size_of::<Place>() < 64);
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(network(mapped), "10.0.0.1".parse::<IpAddr>().unwrap());
    }

    #[tokio::test]
    async fn guesses_at_once_are_counted_like_those_one_after_another() {
        let logins = Logins::new();
        let here = "10.0.0.1".parse().unwrap();
        let password = Password::bcrypt("right").unwrap();
        let of = |user: &str, guess: usize| Credentials {
            user: Some(user.into()),
            password: Some(format!("wrong {guess}")),
        };
        for (user, expected) in [("ann", Some(password)), ("nobody", None)] {
            let given: Vec<Credentials> = (0..30).map(|guess| of(user, guess)).collect();
            let tries =
                given.iter().map(|given| logins.check(given, expected.clone(), Some(4), here));
            let failures = futures_util::future::join_all(tries).await;
            let too_many = |failed: &Result<()>| {
                failed.as_ref().unwrap_err().exception.text.contains("too many")
            };
            let compared = failures.iter().filter(|failed| !too_many(failed)).count();
            let most = FAILURES_MAX as usize;
            assert!((most..most + SLOW_MAX).contains(&compared), "{user}: {compared}");
        }
        let Password::Bcrypt(hash) = Password::nobodys(4) else { panic!() };
        assert!(
            !bcrypt::verify("", &hash).unwrap(),
            "a hash that cannot be read is compared at once"
        );
        assert_eq!(Password::nobodys(12).cost(), Some(12));
    }

    #[tokio::test]
    async fn a_slow_password_is_worked_out_once_and_a_wrong_one_never_taken() {
        let logins = Logins::new();
        let password = Password::bcrypt("right").unwrap();
        assert!(logins.is_right(password.clone(), "right").await);
        assert!(logins.is_right(password.clone(), "right").await);
        assert!(!logins.is_right(password, "wrong").await);
        assert_eq!(lock(&logins.right).len(), 1);
    }
}
