//! How Go writes numbers, times, and `printf`.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::functions::number;
use super::value::Value;

/// A width or precision beyond it is no one's.
const WIDTH_MAX: usize = 1_000;
/// From this power of ten on, Go's `%v` writes an exponent: a million is `1e+06`.
const EXPONENT_FROM: i32 = 6;

fn odd(value: f64) -> Option<String> {
    if value.is_nan() {
        return Some("NaN".to_owned());
    }
    value.is_infinite().then(|| if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned())
}

/// The shortest text that is that number.
pub(super) fn float(value: f64) -> String {
    if let Some(text) = odd(value) {
        return text;
    }
    let scientific = format!("{value:e}");
    let exponent: i32 = scientific.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    if value != 0.0 && !(-4..EXPONENT_FROM).contains(&exponent) {
        exponent_text(&scientific)
    } else {
        value.to_string()
    }
}

/// `1e7` is `1e+07` in Go.
fn exponent_text(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// `%.4g`
pub(super) fn general(value: f64, digits: usize) -> String {
    if let Some(text) = odd(value) {
        return text;
    }
    let digits = digits.max(1);
    let scientific = format!("{value:.*e}", digits - 1);
    let exponent: i32 = scientific.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    let trimmed = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if exponent < -4 || exponent >= digits as i32 {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        return exponent_text(&format!("{}e{exponent}", trimmed(mantissa)));
    }
    let decimals = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
    trimmed(&format!("{value:.decimals$}"))
}

pub(super) fn parse_float(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// A `%` and what belongs to it.
struct Verb {
    minus: bool,
    plus: bool,
    zero: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
    verb: char,
}

pub(super) fn printf(format: &str, arguments: &[Value], most: usize) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = format;
    let mut next = 0;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let (verb, length) = verb(&rest[at + 1..]).ok_or("a % has no verb behind it")?;
        rest = &rest[at + 1 + length..];
        if verb.verb == '%' {
            out.push('%');
            continue;
        }
        let Some(value) = arguments.get(next) else {
            out.push_str(&format!("%!{}(MISSING)", verb.verb));
            continue;
        };
        next += 1;
        let text = verb.format(value, most)?;
        out.push_str(&text);
        if out.len() > most {
            return Err(format!("printf makes more than {most} bytes"));
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn verb(text: &str) -> Option<(Verb, usize)> {
    let mut found = Verb {
        minus: false,
        plus: false,
        zero: false,
        sharp: false,
        width: 0,
        precision: None,
        verb: 'v',
    };
    let mut chars = text.char_indices().peekable();
    while let Some((_, c @ ('-' | '+' | '0' | '#' | ' '))) = chars.peek().copied() {
        match c {
            '-' => found.minus = true,
            '+' => found.plus = true,
            '0' => found.zero = true,
            '#' => found.sharp = true,
            _ => {}
        }
        chars.next();
    }
    let digits = |chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>| {
        let mut number = 0_usize;
        while let Some(digit) = chars.peek().and_then(|(_, c)| c.to_digit(10)) {
            number = (number * 10 + digit as usize).min(WIDTH_MAX);
            chars.next();
        }
        number
    };
    found.width = digits(&mut chars);
    if chars.peek().is_some_and(|(_, c)| *c == '.') {
        chars.next();
        found.precision = Some(digits(&mut chars));
    }
    let (at, c) = chars.next()?;
    found.verb = c;
    Some((found, at + c.len_utf8()))
}

impl Verb {
    fn format(&self, value: &Value, most: usize) -> Result<String, String> {
        let mut printed = String::new();
        value.print(&mut printed, most)?;
        let as_number = || number(Some(value)).ok().filter(|_| !matches!(value, Value::Text(_)));
        let wrong = || format!("%!{}({printed})", self.verb);
        let mut text = match self.verb {
            'v' | 's' => match (self.precision, value) {
                (Some(precision), Value::Float(number)) => general(*number, precision),
                (Some(precision), _) => printed.chars().take(precision).collect(),
                (None, _) => printed,
            },
            'q' => format!("{printed:?}"),
            't' => {
                if matches!(value, Value::Bool(_)) {
                    printed
                } else {
                    wrong()
                }
            }
            'd' => {
                if matches!(value, Value::Int(_)) {
                    printed
                } else {
                    wrong()
                }
            }
            'x' | 'X' => match value {
                Value::Int(number) if self.verb == 'x' => format!("{number:x}"),
                Value::Int(number) => format!("{number:X}"),
                Value::Text(text) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
                _ => wrong(),
            },
            'f' | 'F' | 'e' | 'g' | 'G' => match as_number()
                .filter(|_| !matches!(value, Value::Int(_)))
            {
                None => wrong(),
                Some(number) => odd(number).unwrap_or_else(|| match (self.verb, self.precision) {
                    ('f' | 'F', precision) => format!("{number:.*}", precision.unwrap_or(6)),
                    ('e', precision) => {
                        exponent_text(&format!("{number:.*e}", precision.unwrap_or(6)))
                    }
                    (_, Some(precision)) => general(number, precision),
                    (_, None) => float(number),
                }),
            },
            'c' => match value {
                Value::Int(code) => u32::try_from(*code)
                    .ok()
                    .and_then(char::from_u32)
                    .unwrap_or('\u{fffd}')
                    .to_string(),
                _ => wrong(),
            },
            _ => wrong(),
        };
        if self.plus
            && matches!(value, Value::Int(_) | Value::Float(_))
            && !text.starts_with(['-', '+'])
        {
            text.insert(0, '+');
        }
        let missing = self.width.saturating_sub(text.chars().count());
        if missing > 0 {
            let zero = self.zero && !self.minus && matches!(value, Value::Int(_) | Value::Float(_));
            let sign = usize::from(zero && text.starts_with(['-', '+']));
            let fill = if zero { "0" } else { " " }.repeat(missing);
            text.insert_str(if self.minus { text.len() } else { sign }, &fill);
        }
        let _ = self.sharp;
        Ok(text)
    }
}

/// Go's layouts are written with its birthday: Mon Jan 2 15:04:05 MST 2006.
const LAYOUT: [(&str, &str); 23] = [
    ("January", "%B"),
    ("Jan", "%b"),
    ("Monday", "%A"),
    ("Mon", "%a"),
    ("MST", "%Z"),
    ("2006", "%Y"),
    ("-07:00", "%:z"),
    ("-0700", "%z"),
    ("Z07:00", "Z%:z"),
    ("Z0700", "Z%z"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("_2", "%e"),
    ("1", "%-m"),
    ("2", "%-d"),
    ("3", "%-I"),
];

pub(super) fn time(at: &Timestamp, zone: &TimeZone, layout: &str) -> String {
    let at = at.to_zoned(zone.clone());
    let mut out = String::new();
    let mut rest = layout;
    while !rest.is_empty() {
        let fraction = fraction(rest);
        if let Some((digits, trims)) = fraction {
            let nanos = format!("{:09}", at.subsec_nanosecond());
            let shown =
                if trims { nanos[..digits].trim_end_matches('0') } else { &nanos[..digits] };
            if !shown.is_empty() {
                out.push_str(&rest[..1]);
                out.push_str(shown);
            }
            rest = &rest[1 + digits..];
            continue;
        }
        match LAYOUT.iter().find(|(token, _)| rest.starts_with(token)) {
            Some((token, format)) => {
                // `Z` stands for UTC, and is left out of an offset.
                let is_utc = at.offset().seconds() == 0;
                let format = match format.strip_prefix('Z') {
                    Some(_) if is_utc => "Z",
                    Some(offset) => offset,
                    None => format,
                };
                out.push_str(&at.strftime(format).to_string());
                rest = &rest[token.len()..];
            }
            None => {
                let end = rest.chars().next().map_or(1, char::len_utf8);
                out.push_str(&rest[..end]);
                rest = &rest[end..];
            }
        }
    }
    out
}

/// `.000` or `.999`, and no more digits behind.
fn fraction(rest: &str) -> Option<(usize, bool)> {
    let after = rest.strip_prefix(['.', ','])?;
    let digit = after.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let count = after.chars().take_while(|c| *c == digit).count();
    let ends = !after[count..].starts_with(|c: char| c.is_ascii_digit());
    (ends && count <= 9).then_some((count, digit == '9'))
}
