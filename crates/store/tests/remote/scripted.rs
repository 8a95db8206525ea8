//! A server that says what a test wants, and writes down what it hears. For what goes over the wire, and
//! for answers that no door can be made to give.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What was heard: the request's head, and its body without chunks and compression.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Heard {
    /// A parameter of the URL, as it is there.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let url = self.head.split(' ').nth(1)?;
        let mut pairs = url.split(['?', '&']).filter_map(|pair| pair.split_once('='));
        pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// What is said.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// Status line with what follows it, more headers, and the body.
    Whole(&'static str, String, String),
    /// The same of somebody else: it does not name the statement.
    Strange(&'static str, String, String),
    /// As the server, and the connection ends before the body does.
    Cut(&'static str),
    Nothing,
}

impl Said {
    pub(crate) fn ok(body: &str) -> Said {
        Said::Whole("200 OK", String::new(), body.to_owned())
    }

    pub(crate) fn exception(status: &'static str, code: u32, name: &str) -> Said {
        let header = format!("X-ClickHouse-Exception-Code: {code}\r\n");
        Said::Whole(
            status,
            header,
            format!("Code: {code}. DB::Exception: some text. ({name}) (version 26.7.2.1)\n"),
        )
    }
}

pub(crate) type Script = Arc<dyn Fn(&Heard) -> Said + Send + Sync>;
pub(crate) type Wrap = Arc<dyn Fn(TcpStream) -> Box<dyn Stream> + Send + Sync>;

pub(crate) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

pub(crate) struct Scripted {
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Scripted {
    /// Answers who it is by itself, and everything else by the script; without a name, that too.
    pub(crate) fn start(uuid: &'static str, script: Script) -> Scripted {
        Scripted::start_with(uuid, script, Arc::new(|socket| Box::new(socket)))
    }

    pub(crate) fn start_with(uuid: &'static str, script: Script, wrap: Wrap) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let seen = heard.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (script, seen, wrap) = (script.clone(), seen.clone(), wrap.clone());
                std::thread::spawn(move || serve(&mut *wrap(socket), uuid, &script, &seen));
            }
        });
        Scripted { port, heard }
    }

    /// But for who it is.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.heard().into_iter().map(|heard| heard.body).collect()
    }
}

fn serve(stream: &mut dyn Stream, uuid: &str, script: &Script, seen: &Mutex<Vec<Heard>>) {
    while let Some(heard) = read(stream) {
        let id = heard.param("query_id").unwrap_or_default();
        let id = format!("X-ClickHouse-Query-Id: {id}\r\n");
        let said = match heard.body == "SELECT serverUUID()" && !uuid.is_empty() {
            true => Said::ok(&format!("{uuid}\n")),
            false => {
                seen.lock().unwrap().push(heard.clone());
                script(&heard)
            }
        };
        let (status, headers, body, is_cut) = match said {
            Said::Nothing => return,
            Said::Whole(status, headers, body) => (status, headers + &id, body, false),
            Said::Strange(status, headers, body) => (status, headers, body, false),
            Said::Cut(status) => (status, id, "some of it".to_owned(), true),
        };
        let length = body.len() + if is_cut { 100 } else { 0 };
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
        if stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).is_err() || is_cut {
            return;
        }
    }
}

fn read(stream: &mut dyn Stream) -> Option<Heard> {
    let head = until(stream, b"\r\n\r\n")?;
    let heard = Heard { head: String::from_utf8(head).ok()?, body: String::new() };
    let mut body = Vec::new();
    match heard.header("content-length") {
        Some(length) => {
            body.resize(length.parse().ok()?, 0);
            stream.read_exact(&mut body).ok()?;
        }
        None => loop {
            let line = String::from_utf8(until(stream, b"\r\n")?).ok()?;
            let length = usize::from_str_radix(line.trim(), 16).ok()?;
            let mut piece = vec![0; length + 2];
            stream.read_exact(&mut piece).ok()?;
            if length == 0 {
                break;
            }
            body.extend_from_slice(&piece[..length]);
        },
    }
    if heard.header("content-encoding") == Some("lz4") {
        let packed = std::mem::take(&mut body);
        lz4_flex::frame::FrameDecoder::new(packed.as_slice()).read_to_end(&mut body).ok()?;
    }
    Some(Heard { body: String::from_utf8(body).ok()?, ..heard })
}

fn until(stream: &mut dyn Stream, end: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        bytes.push(byte[0]);
    }
    Some(bytes)
}
