//! The door as a stock client sees it: SQL as the body of a POST, TSV back.

use std::time::Duration;

/// A count over a large table under FINAL may take its time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Answers of tests are small; one that is not is a mistake.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// What the door said instead of an answer; status 0: nothing, the connection failed.
#[derive(Clone, Debug)]
pub struct Refused {
    pub status: u16,
    pub text: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HTTP {}: {}", self.status, self.text)
    }
}

/// A client of the ClickHouse door, with connections that stay open.
#[derive(Clone)]
pub struct Door {
    agent: ureq::Agent,
    address: String,
}

impl Door {
    pub fn new(address: &str) -> Door {
        Door { agent: agent(), address: address.to_owned() }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// The answer as TabSeparated text without its last line end.
    pub fn try_query(&self, sql: &str) -> Result<String, Refused> {
        self.post(&format!("http://{}/", self.address), sql.as_bytes())
    }

    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        self.try_query(sql).unwrap_or_else(|refused| panic!("{sql}: {refused}"))
    }

    /// `query` in the URL, data in the body.
    pub fn insert(&self, sql: &str, body: &[u8]) -> Result<String, Refused> {
        self.post(&format!("http://{}/?query={}", self.address, escaped(sql)), body)
    }

    fn post(&self, url: &str, body: &[u8]) -> Result<String, Refused> {
        answer(self.agent.post(url).send(body))
    }
}

/// The status of a GET; `None` when nobody answers.
pub fn get_status(address: &str, path: &str) -> Option<u16> {
    let answer = agent().get(format!("http://{address}{path}")).call();
    answer.ok().map(|answer| answer.status().as_u16())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(ANSWER_TIMEOUT))
        .proxy(None)
        .build()
        .into()
}

fn answer(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<String, Refused> {
    let failed = |error: ureq::Error| Refused { status: 0, text: error.to_string() };
    let mut answer = answer.map_err(failed)?;
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
    let text = String::from_utf8_lossy(&body.map_err(failed)?).trim_end().to_owned();
    // An exception after the first bytes cannot change the status any more.
    let broke_off = text.contains("\nCode: ") && text.contains("DB::Exception");
    if status == 200 && !broke_off { Ok(text) } else { Err(Refused { status, text }) }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte as char);
            }
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}
