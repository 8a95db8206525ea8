//! What a browser is given when somebody logs in: a cookie that says who, signed, so that nothing is kept of it
//! here and a restart logs nobody out. It is worth as much as the password is the same and a week is not over.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use model::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub(super) const COOKIE: &str = "millrace_session";
pub(super) const LIFE_SECONDS: i64 = 7 * 24 * 3600;
const KEY_FILE: &str = "page.key";
const KEY_BYTES: usize = 32;

/// What the cookie says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) user: String,
    /// Of what the password is kept as.
    mark: String,
    /// Seconds since 1970.
    until: i64,
}

/// Signs and reads cookies.
#[derive(Clone)]
pub struct Keys {
    key: [u8; KEY_BYTES],
}

impl Keys {
    /// The project's own, made at its first start.
    pub fn open(data_dir: &Path) -> Result<Keys> {
        let path = data_dir.join(KEY_FILE);
        let cannot = |error: std::io::Error| {
            Error::definite(format!("cannot keep the key of sessions in {}", path.display()))
                .source(error)
        };
        if let Ok(text) = std::fs::read(&path)
            && let Ok(key) = text.try_into()
        {
            return Ok(Keys { key });
        }
        let key = random();
        let mut options = std::fs::OpenOptions::new();
        let file = options.create(true).truncate(true).write(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(&key)).map_err(cannot)?;
        Ok(Keys { key })
    }

    pub(super) fn cookie(&self, user: &str, password_mark: &str) -> String {
        let until = now() + LIFE_SECONDS;
        let session =
            Session { user: user.to_owned(), mark: self.sign(&["mark", password_mark]), until };
        let body = BASE64.encode(serde_json::to_vec(&session).unwrap_or_default());
        format!("{body}.{}", self.sign(&["session", &body]))
    }

    /// `None`: it is not ours, or its time is over.
    pub(super) fn read(&self, cookie: &str) -> Option<Session> {
        let (body, signature) = cookie.split_once('.')?;
        let signature = BASE64.decode(signature).ok()?;
        self.mac(&["session", body]).verify_slice(&signature).ok()?;
        let session: Session = serde_json::from_slice(&BASE64.decode(body).ok()?).ok()?;
        (session.until > now()).then_some(session)
    }

    pub(super) fn is_of(&self, session: &Session, password_mark: &str) -> bool {
        let signature = BASE64.decode(&session.mark).unwrap_or_default();
        self.mac(&["mark", password_mark]).verify_slice(&signature).is_ok()
    }

    /// What a page has to send with whatever changes something; another site's page cannot read it.
    pub(super) fn csrf(&self, who: &str) -> String {
        self.sign(&["csrf", who])
    }

    pub(super) fn is_csrf(&self, who: &str, given: &str) -> bool {
        let given = BASE64.decode(given).unwrap_or_default();
        self.mac(&["csrf", who]).verify_slice(&given).is_ok()
    }

    fn sign(&self, parts: &[&str]) -> String {
        BASE64.encode(self.mac(parts).finalize().into_bytes())
    }

    fn mac(&self, parts: &[&str]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length is a key");
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

pub(super) fn random() -> [u8; KEY_BYTES] {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).expect("the kernel has random numbers");
    bytes
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_only_ours_and_only_of_the_password_of_then() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(folder.path()).unwrap();
        let cookie = keys.cookie("ann", "hash of a");
        let again = Keys::open(folder.path()).unwrap();
        let session = again.read(&cookie).expect("a restart logs nobody out");
        assert_eq!(session.user, "ann");
        assert!(again.is_of(&session, "hash of a") && !again.is_of(&session, "hash of b"));
        let stranger = Keys { key: random() };
        assert_eq!(stranger.read(&cookie), None);
        let (body, signature) = cookie.split_once('.').unwrap();
        let other = BASE64.encode(r#"{"user":"root","mark":"","until":9999999999}"#);
        for forged in [format!("{other}.{signature}"), format!("{body}."), body.into(), ".".into()]
        {
            assert_eq!(keys.read(&forged), None, "{forged}");
        }
        let old = Session { until: now() - 1, ..session };
        let body = BASE64.encode(serde_json::to_vec(&old).unwrap());
        assert_eq!(keys.read(&format!("{body}.{}", keys.sign(&["session", &body]))), None);
        assert!(keys.is_csrf("a", &keys.csrf("a")) && !keys.is_csrf("b", &keys.csrf("a")));
        assert!(!keys.is_csrf("a", "") && !keys.is_csrf("a", &keys.sign(&["session", "a"])));
    }
}
