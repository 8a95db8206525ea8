//! `multipart/form-data`, read as it comes: the parts of a form in their order, the data of each in
//! pieces. Nothing of it is kept but one buffer.
//!
//! ```text
//! --boundary⏎                                              ⏎ is CR LF
//! Content-Disposition: form-data; name="ids"; filename=""⏎
//! ⏎
//! data …⏎
//! --boundary--⏎
//! ```
//!
//! Forms come from outside: heads, parts and the buffer have limits, a form without its end mark was cut
//! and is an error, and what we would have to decode, or what holds further parts, is refused.

use super::error::Failure;
use memchr::memmem::Finder;
use std::io::{self, Read};

const BUFFER_BYTES: usize = 256 << 10;
/// Of one part.
const HEAD_BYTES_MAX: usize = 16 << 10;
const PARTS_MAX: usize = 1000;
/// RFC 2046.
const BOUNDARY_BYTES_MAX: usize = 70;

/// What a part is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Part {
    pub(super) name: String,
    /// It has a file name, even an empty one: data. Otherwise it is a field.
    pub(super) is_file: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// In a part, or before the first one.
    Data,
    /// Behind a boundary.
    Boundary,
    End,
}

pub(super) struct Form<R> {
    from: R,
    /// What was read lies in `at..end`.
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    mark: Finder<'static>,
    place: Place,
    parts: usize,
}

/// The boundary in a `Content-Type`; `None`: it is not of a form.
pub(super) fn boundary(content_type: &str) -> Result<Option<String>, Failure> {
    let (kind, params) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Ok(None);
    }
    let boundary = param(params, "boundary").unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let fits = (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len());
    if !fits || !boundary.bytes().all(plain) || boundary.ends_with(' ') {
        return Err(wrong("the Content-Type names no boundary that a form can have"));
    }
    Ok(Some(boundary))
}

/// All the same to a client: its form is not one.
fn wrong(why: &str) -> Failure {
    Failure::bad_argument(format!("Cannot read the form: {why}"))
}

/// A field that is not the statement.
pub(super) fn text(value: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(value).map_err(|_| wrong("a field is not UTF-8"))
}

impl<R: Read> Form<R> {
    pub(super) fn new(from: R, boundary: &str) -> Form<R> {
        let mut buffer = vec![0; BUFFER_BYTES];
        // As if a line had ended before: the first boundary may be the first bytes.
        buffer[..2].copy_from_slice(b"\r\n");
        let mark = Finder::new(format!("\r\n--{boundary}").as_bytes()).into_owned();
        Form { from, buffer, at: 0, end: 2, mark, place: Place::Data, parts: 0 }
    }

    /// The next part; what is left of the one before is skipped. `None`: the form is complete, and so
    /// is the body.
    pub(super) fn next(&mut self) -> io::Result<Option<Part>> {
        while self.data()?.is_some() {}
        if self.place == Place::End {
            return Ok(None);
        }
        self.need(2)?;
        if self.ready().starts_with(b"--") {
            self.place = Place::End;
            io::copy(&mut self.from, &mut io::sink())?;
            return Ok(None);
        }
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err(wrong(&format!("more than {PARTS_MAX} parts")).into());
        }
        let length = self.head()?;
        let part = part(&self.ready()[..length])?;
        self.at += length;
        self.place = Place::Data;
        Ok(Some(part))
    }

    /// More of the part's data; `None`: that was all of it.
    pub(super) fn data(&mut self) -> io::Result<Option<&[u8]>> {
        while self.place == Place::Data {
            let mark = self.mark.needle().len();
            let ready = match self.mark.find(self.ready()) {
                Some(0) => {
                    self.at += mark;
                    self.place = Place::Boundary;
                    break;
                }
                Some(length) => length,
                // Its last bytes may be the beginning of a boundary.
                None => self.ready().len().saturating_sub(mark - 1),
            };
            if ready > 0 {
                let from = self.at;
                self.at += ready;
                return Ok(Some(&self.buffer[from..self.at]));
            }
            self.fill()?;
        }
        Ok(None)
    }

    /// What a field holds, whole.
    pub(super) fn field(&mut self, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut value = Vec::new();
        while let Some(piece) = self.data()? {
            value.extend_from_slice(piece);
            if value.len() > bytes_max {
                return Err(wrong("its fields are too large: send data as files").into());
            }
        }
        Ok(value)
    }

    fn ready(&self) -> &[u8] {
        &self.buffer[self.at..self.end]
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.at..self.end, 0);
        (self.at, self.end) = (0, self.end - self.at);
        let count = self.from.read(&mut self.buffer[self.end..])?;
        self.end += count;
        if count == 0 {
            let text = "Cannot read all data: the form has no end mark";
            let failure = Failure::new(33, "CANNOT_READ_ALL_DATA", text);
            return Err(failure.caused_by_client().into());
        }
        Ok(())
    }

    fn need(&mut self, count: usize) -> io::Result<()> {
        while self.ready().len() < count {
            self.fill()?;
        }
        Ok(())
    }

    /// How long the head is, with the line end before it and the empty line behind it.
    fn head(&mut self) -> io::Result<usize> {
        loop {
            let ready = self.ready();
            let blank = ready.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let line = &ready[blank..];
            if line.len() >= 2 && !line.starts_with(b"\r\n") {
                return Err(wrong("a boundary does not end its line").into());
            }
            if let Some(end) = memchr::memmem::find(line, b"\r\n\r\n") {
                return Ok(blank + end + 4);
            }
            if ready.len() > HEAD_BYTES_MAX {
                let text = format!("a part's head has more than {HEAD_BYTES_MAX} bytes");
                return Err(wrong(&text).into());
            }
            self.fill()?;
        }
    }
}

fn part(head: &[u8]) -> Result<Part, Failure> {
    if head.len() > HEAD_BYTES_MAX {
        return Err(wrong(&format!("a part's head has more than {HEAD_BYTES_MAX} bytes")));
    }
    let head = std::str::from_utf8(head).map_err(|_| wrong("a part's head is not UTF-8"))?;
    let mut found = None;
    for line in head.split("\r\n") {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "content-disposition" => found = Some(disposition(value)?),
            "content-type" if value.to_ascii_lowercase().starts_with("multipart/") => {
                return Err(wrong("a part holds further parts"));
            }
            "content-transfer-encoding"
                if !["binary", "8bit", "7bit"].contains(&&*value.to_ascii_lowercase()) =>
            {
                return Err(wrong("a part is not sent as it is: use binary"));
            }
            _ => {}
        }
    }
    found.ok_or_else(|| wrong("a part has no Content-Disposition"))
}

fn disposition(value: &str) -> Result<Part, Failure> {
    let (kind, params) = value.split_once(';').unwrap_or((value, ""));
    let name = param(params, "name").filter(|name| !name.is_empty());
    match name {
        Some(name) if kind.trim().eq_ignore_ascii_case("form-data") => {
            let is_file = ["filename", "filename*"].iter().any(|n| param(params, n).is_some());
            Ok(Part { name, is_file })
        }
        _ => Err(wrong("a part has no name")),
    }
}

/// One of `a=1; b="two; \"three\""`.
fn param(mut params: &str, wanted: &str) -> Option<String> {
    while let Some((name, rest)) = params.split_once('=') {
        let name = name.trim_start_matches([';', ' ', '\t']).trim_end();
        let rest = rest.trim_start();
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (value, rest) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
                (value.trim_end().to_owned(), rest)
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        params = rest;
    }
    None
}

/// The text up to the closing quote, and what is behind it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
#[path = "multipart_tests.rs"]
mod tests;
