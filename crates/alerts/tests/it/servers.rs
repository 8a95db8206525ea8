//! Receivers: a small HTTP server and a small mail server, each on a free port.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// What a server answers: the status, the body, and how long it thinks.
pub(crate) type Answer = (u16, String, Duration);

#[derive(Clone)]
pub(crate) struct Http {
    pub(crate) url: String,
    seen: Arc<(Mutex<Vec<Request>>, Condvar)>,
    answers: Arc<Mutex<Vec<Answer>>>,
}

impl Http {
    pub(crate) fn start() -> Http {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Http { url, seen: Arc::default(), answers: Arc::default() };
        let own = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || own.talk(stream));
            }
        });
        server
    }

    /// The next answers; after them, and without any, `200 ok`.
    pub(crate) fn answers(&self, next: &[(u16, &str, u64)]) {
        let next = next
            .iter()
            .map(|(code, body, ms)| (*code, (*body).to_owned(), Duration::from_millis(*ms)));
        self.answers.lock().unwrap().extend(next);
    }

    fn talk(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut writer = stream;
        if let Some(request) = read(&mut reader) {
            {
                let mut seen = self.seen.0.lock().unwrap();
                seen.push(request);
                self.seen.1.notify_all();
            }
            let mut answers = self.answers.lock().unwrap();
            let (code, body, think) = if answers.is_empty() {
                (200, "ok".to_owned(), Duration::ZERO)
            } else {
                answers.remove(0)
            };
            drop(answers);
            std::thread::sleep(think);
            let head = format!(
                "HTTP/1.1 {code} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ =
                writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(body.as_bytes()));
        }
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.0.lock().unwrap().clone()
    }

    /// Waits until there were so many requests.
    pub(crate) fn wait(&self, count: usize) -> Vec<Request> {
        let until = Instant::now() + PATIENCE;
        let mut seen = self.seen.0.lock().unwrap();
        while seen.len() < count {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "only {} of {count} requests came", seen.len());
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
        seen.clone()
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
    let mut words = line.split_whitespace();
    let mut request = Request {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        ..Request::default()
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        request.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).ok()?;
    Some(request)
}

/// Recipients and text.
pub(crate) type Letter = (Vec<String>, String);

/// Takes every mail, other than to addresses that begin with `no`.
#[derive(Clone)]
pub(crate) struct Mail {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<Letter>>>,
}

impl Mail {
    pub(crate) fn start() -> Mail {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Mail { port: listener.local_addr().unwrap().port(), taken: Arc::default() };
        let own = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || own.talk(stream));
            }
        });
        server
    }

    pub(crate) fn taken(&self) -> Vec<Letter> {
        self.taken.lock().unwrap().clone()
    }

    fn talk(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut writer = stream;
        writer.write_all(b"220 test\r\n").ok()?;
        let mut to = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
            let upper = line.to_uppercase();
            let answer: &[u8] = if upper.starts_with("EHLO") {
                b"250-test\r\n250 8BITMIME\r\n"
            } else if upper.starts_with("RCPT TO:<NO") {
                b"550 nobody\r\n"
            } else if upper.starts_with("RCPT TO:<LATER") {
                b"451 later\r\n"
            } else if upper.starts_with("RCPT") {
                to.push(line.trim()["RCPT TO:".len()..].to_owned());
                b"250 ok\r\n"
            } else if upper.starts_with("DATA") {
                writer.write_all(b"354 go on\r\n").ok()?;
                let mut text = String::new();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
                    if line == ".\r\n" {
                        break;
                    }
                    text.push_str(&line);
                }
                self.taken.lock().unwrap().push((std::mem::take(&mut to), text));
                b"250 taken\r\n"
            } else if upper.starts_with("QUIT") {
                writer.write_all(b"221 bye\r\n").ok()?;
                return None;
            } else {
                b"250 ok\r\n"
            };
            writer.write_all(answer).ok()?;
        }
    }
}
