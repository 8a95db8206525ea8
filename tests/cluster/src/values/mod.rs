//! Values to try, as Postgres reads them: random ones by a seed, and those on the borders.
//!
//! [`SETUP`] makes the types of [`TYPES`] that are not built in.

mod shapes;
mod types;

pub use types::{EXTENSIONS, SETUP, TYPES, Type};

/// splitmix64: any seed is a good one.
pub struct Rng(pub u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.below((to - from + 1) as u64) as i64
    }

    fn of<'a, T>(&mut self, values: &'a [T]) -> &'a T {
        &values[self.below(values.len() as u64) as usize]
    }

    /// Of any magnitude, not almost always a huge one.
    fn integer(&mut self, bits: u32) -> i64 {
        let drop = self.below(u64::from(bits)) as u32;
        (self.next() as i64) >> (64 - bits + drop)
    }

    fn digits(&mut self, count: u64) -> String {
        (0..count).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }

    fn text(&mut self, most: u64) -> String {
        const LETTERS: [char; 20] = [
            'a',
            'Z',
            '0',
            ' ',
            '"',
            '\'',
            '\\',
            '{',
            '}',
            ',',
            '\n',
            '\t',
            '\r',
            '\u{1}',
            'é',
            'ß',
            '中',
            '🦀',
            '\u{feff}',
            '\u{10ffff}',
        ];
        match self.below(8) {
            0 => {
                self.of(&["", "NULL", "null", "{}", "\\N", " ", "[1:2]={1,2}", "\\x00"]).to_string()
            }
            _ => (0..self.below(most + 1)).map(|_| *self.of(&LETTERS)).collect(),
        }
    }

    fn date(&mut self) -> String {
        // Mostly where ClickHouse can follow, sometimes as far as Postgres goes.
        let year = match self.below(4) {
            0 => self.between(-4700, 294_275),
            _ => self.between(1890, 2310),
        };
        let day = format!("{:02}-{:02}", self.between(1, 12), self.between(1, 28));
        if year > 0 { format!("{year:04}-{day}") } else { format!("{:04}-{day} BC", 1 - year) }
    }

    fn clock(&mut self) -> String {
        let (hour, minute, second) = (self.below(24), self.below(60), self.below(60));
        let fraction = match self.below(3) {
            0 => String::new(),
            _ => format!(".{:06}", self.below(1_000_000)),
        };
        format!("{hour:02}:{minute:02}:{second:02}{fraction}")
    }

    /// `YYYY-MM-DD hh:mm:ss`, the era last, as Postgres wants it.
    fn timestamp(&mut self, zone: &str) -> String {
        let (date, clock) = (self.date(), self.clock());
        match date.strip_suffix(" BC") {
            Some(date) => format!("{date} {clock}{zone} BC"),
            None => format!("{date} {clock}{zone}"),
        }
    }

    fn zone(&mut self) -> String {
        let sign = self.of(&['+', '-']);
        let zone =
            format!("{sign}{:02}:{:02}:{:02}", self.below(15), self.below(60), self.below(60));
        self.of(&["+00", "-03:30", "+14", zone.as_str()]).to_string()
    }

    fn interval(&mut self) -> String {
        let unit = |rng: &mut Rng, most: i64| match rng.below(3) {
            0 => 0,
            _ => rng.between(-most, most),
        };
        let (years, months) = (unit(self, 100_000_000), unit(self, 30));
        let (days, us) = (unit(self, i64::from(i32::MAX)), unit(self, 1 << 53));
        format!("{years} years {months} months {days} days {us} microseconds")
    }

    fn json(&mut self, depth: u64) -> String {
        match self.below(if depth == 0 { 4 } else { 6 }) {
            0 => "null".into(),
            1 => self.integer(60).to_string(),
            2 => "\"a \\\"b\\\" \\u00e9 {}\"".into(),
            3 => "{}".into(),
            4 => format!("[{}, {}]", self.json(depth - 1), self.json(depth - 1)),
            _ => format!("{{\"k\":  {}, \"\": 1.50}}", self.json(depth - 1)),
        }
    }

    /// `p` digits, the last one standing for 10^-`s`.
    fn numeric(&mut self, p: u64, s: i64) -> String {
        let sign = self.of(&["", "-"]).to_string();
        let count = match self.below(3) {
            0 => p,
            _ => 1 + self.below(p),
        };
        format!("{sign}{}e{}", self.digits(count), -s)
    }

    fn value(&mut self, shape: Shape) -> String {
        match shape {
            Shape::Bool => self.of(&["t", "f"]).to_string(),
            Shape::Int(bits) => self.integer(bits).to_string(),
            Shape::Oid => (self.next() as u32).to_string(),
            Shape::Float4 => match self.below(2) {
                0 => (self.integer(30) as f32 / 1000.0).to_string(),
                _ => float(f64::from(f32::from_bits(self.next() as u32))),
            },
            Shape::Float8 => match self.below(2) {
                0 => (self.integer(50) as f64 / 1000.0).to_string(),
                _ => float(f64::from_bits(self.next())),
            },
            Shape::Numeric(p, s) => self.numeric(p, s),
            Shape::AnyNumeric => {
                let (p, s) = (1 + self.below(60), self.between(-20, 45));
                self.numeric(p, s)
            }
            Shape::Text(most) => self.text(most),
            Shape::Of(values) => self.of(values).to_string(),
            Shape::Bits(least, most) => {
                let count = self.between(least, most);
                (0..count).map(|_| *self.of(&['0', '1'])).collect()
            }
            Shape::Uuid => format!("{:016x}{:016x}", self.next(), self.next()),
            Shape::Timestamp => self.timestamp(""),
            Shape::Timestamptz => {
                let zone = self.zone();
                self.timestamp(&zone)
            }
            Shape::Date => self.date(),
            Shape::Time => self.clock(),
            Shape::Timetz => self.clock() + &self.zone(),
            Shape::Interval => self.interval(),
            Shape::Json => self.json(3),
            Shape::Bytea => {
                let count = self.below(40);
                (0..count)
                    .fold("\\x".into(), |text, _| text + &format!("{:02x}", self.next() as u8))
            }
            _ => self.of_parts(shape),
        }
    }
}

fn float(number: f64) -> String {
    match number.is_finite() {
        true => format!("{number:e}"),
        false => "NaN".into(),
    }
}

#[derive(Clone, Copy)]
pub enum Shape {
    Bool,
    Int(u32),
    Oid,
    Float4,
    Float8,
    Numeric(u64, i64),
    AnyNumeric,
    Text(u64),
    Of(&'static [&'static str]),
    Bits(i64, i64),
    Uuid,
    Timestamp,
    Timestamptz,
    Date,
    Time,
    Timetz,
    Interval,
    Json,
    Bytea,
    Inet,
    Cidr,
    Macaddr(u64),
    Money,
    /// So many floats, in this frame.
    Floats(u64, &'static str),
    Path,
    Polygon,
    Line,
    Snapshot,
    Lsn,
    Tid,
    Tsvector,
    Tsquery,
    Hstore,
    Ltree,
    Cube,
    Oids(&'static str),
    Vector,
    Range(Bound),
    Multirange(Bound),
    Pair,
    Wide,
}

/// What a range is of.
#[derive(Clone, Copy)]
pub enum Bound {
    Int4,
    Int8,
    Numeric,
    Timestamp,
    Timestamptz,
    Date,
    Text,
    Float8,
}

pub fn scalar(rng: &mut Rng, shape: Shape) -> Option<String> {
    (rng.below(12) != 0).then(|| rng.value(shape))
}

/// An array literal, mostly of `declared` dimensions.
pub fn array(
    rng: &mut Rng,
    shape: Shape,
    borders: &[&str],
    declared: u64,
    delimiter: char,
) -> Option<String> {
    match rng.below(12) {
        0 => return None,
        1 => return Some("{}".into()),
        _ => {}
    }
    let dimensions = match rng.below(8) {
        0 => 1 + rng.below(4),
        _ => declared,
    };
    let lengths: Vec<u64> = (0..dimensions).map(|_| 1 + rng.below(4)).collect();
    let mut text = String::new();
    if rng.below(4) == 0 {
        for &length in &lengths {
            let lower = rng.between(-3, 3);
            text += &format!("[{lower}:{}]", lower + length as i64 - 1);
        }
        text.push('=');
    }
    level(rng, shape, borders, &lengths, delimiter, &mut text);
    Some(text)
}

fn level(
    rng: &mut Rng,
    shape: Shape,
    borders: &[&str],
    lengths: &[u64],
    delimiter: char,
    text: &mut String,
) {
    for at in 0..lengths[0] {
        text.push(if at == 0 { '{' } else { delimiter });
        if lengths.len() > 1 {
            level(rng, shape, borders, &lengths[1..], delimiter, text);
            continue;
        }
        let item = match rng.below(10) {
            0 => None,
            1 if !borders.is_empty() => Some(rng.of(borders).to_string()),
            _ => Some(rng.value(shape)),
        };
        match item {
            None => text.push_str("NULL"),
            Some(item) => {
                text.push('"');
                text.push_str(&item.replace('\\', "\\\\").replace('"', "\\\""));
                text.push('"');
            }
        }
    }
    text.push('}');
}

/// What stands between elements of an array of the type `sql`.
pub fn delimiter(sql: &str) -> char {
    match sql.trim_end_matches("[]") {
        "box" => ';',
        "geometry" | "geography" => ':',
        _ => ',',
    }
}

/// A condition for values of the type `sql` that the type map has no place for.
pub fn outside(sql: &str, value: &str) -> String {
    if let Some(element) = sql.strip_suffix("[]") {
        let declared = sql.matches("[]").count();
        let element = element.trim_end_matches("[]");
        return format!(
            "(array_ndims({value}) <> {declared} \
              or exists (select from (select unnest({value}) as x) u where {}))",
            outside(element, "x")
        );
    }
    let number = |value: &str| {
        format!(
            "({value} in ('NaN', 'Infinity', '-Infinity') or abs({value}) >= 1e38 \
              or {value} <> trunc({value}, 38))"
        )
    };
    let bounds = |range: &str| {
        format!(
            "({} or {})",
            number(&format!("lower({range})")),
            number(&format!("upper({range})"))
        )
    };
    match sql {
        "numeric" => number(value),
        // Kept as text: more digits than a Decimal has.
        "numeric(77,0)" | "numeric(1000,500)" | "numeric(70,-10)" => "false".into(),
        "price" => format!("{value} = 'NaN'"),
        _ if sql.starts_with("numeric") => format!("{value} = 'NaN'"),
        "numrange" => bounds(value),
        "nummultirange" => {
            format!("exists (select from (select unnest({value}) as r) r where {})", bounds("r"))
        }
        _ => "false".into(),
    }
}
