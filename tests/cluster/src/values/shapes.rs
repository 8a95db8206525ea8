//! Random values that are made of parts.

use super::{Bound, Rng, Shape, float};

impl Rng {
    pub(super) fn of_parts(&mut self, shape: Shape) -> String {
        match shape {
            Shape::Inet => {
                let (address, bits) = self.address();
                match self.below(2) {
                    0 => address,
                    _ => format!("{address}/{}", self.below(bits + 1)),
                }
            }
            // No bits behind the mask: the whole address.
            Shape::Cidr => self.address().0,
            Shape::Macaddr(bytes) => {
                let bytes: Vec<_> =
                    (0..bytes).map(|_| format!("{:02x}", self.below(256))).collect();
                bytes.join(":")
            }
            Shape::Money => {
                let units = self.integer(63);
                let (sign, size) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
                format!("{sign}{}.{:02}", size / 100, size % 100)
            }
            Shape::Floats(_, frame) => self.framed(frame),
            Shape::Path => {
                let count = 1 + self.below(4);
                let points = self.points(count);
                if self.below(2) == 0 { format!("[{points}]") } else { format!("({points})") }
            }
            Shape::Polygon => {
                let count = 1 + self.below(5);
                format!("({})", self.points(count))
            }
            Shape::Line => format!("{{{},{},1}}", 1 + self.below(9), self.finite()),
            Shape::Snapshot => {
                let min = 1 + self.below(1 << 40);
                let gone: Vec<_> =
                    (0..self.below(4)).map(|at| (min + at * 2).to_string()).collect();
                format!("{min}:{}:{}", min + 10, gone.join(","))
            }
            Shape::Lsn => format!("{:X}/{:X}", self.below(1 << 32), self.below(1 << 32)),
            Shape::Tid => format!("({},{})", self.below(1 << 32), self.below(1 << 16)),
            Shape::Tsvector => self.tsvector(),
            Shape::Tsquery => self.tsquery(4),
            Shape::Hstore => self.hstore(),
            Shape::Ltree => {
                let labels: Vec<_> =
                    (0..self.below(4)).map(|_| format!("l{}", self.below(9))).collect();
                labels.join(".")
            }
            Shape::Cube => {
                let dimensions = 1 + self.below(4);
                let corner = |rng: &mut Rng| {
                    let numbers: Vec<_> = (0..dimensions).map(|_| rng.finite()).collect();
                    format!("({})", numbers.join(","))
                };
                match self.below(2) {
                    0 => corner(self),
                    _ => format!("{},{}", corner(self), corner(self)),
                }
            }
            Shape::Vector => {
                let number = |rng: &mut Rng| rng.integer(40) as f32 / 4096.0;
                let numbers: Vec<_> =
                    (0..1 + self.below(9)).map(|_| number(self).to_string()).collect();
                format!("[{}]", numbers.join(","))
            }
            Shape::Oids(of) => {
                let most = if of == "oid" { 1 << 32 } else { 1 << 15 };
                let items: Vec<_> =
                    (0..self.below(6)).map(|_| self.below(most).to_string()).collect();
                items.join(" ")
            }
            Shape::Range(bound) => {
                let bounds = self.sorted(bound, 2);
                self.range(&bounds)
            }
            Shape::Multirange(bound) => {
                let bounds = self.sorted(bound, 6);
                let ranges = bounds.chunks_exact(2);
                let ranges: Vec<_> = ranges.take(self.below(4) as usize).collect();
                let ranges: Vec<_> = ranges.into_iter().map(|two| self.range(two)).collect();
                format!("{{{}}}", ranges.join(","))
            }
            Shape::Pair => self.pair(),
            Shape::Wide => self.wide(),
            _ => unreachable!("a shape without parts"),
        }
    }

    fn finite(&mut self) -> String {
        loop {
            let number = match self.below(3) {
                0 => self.integer(20) as f64,
                1 => self.integer(50) as f64 / 1000.0,
                _ => f64::from_bits(self.next()),
            };
            if number.is_finite() && number.abs() < 1e150 {
                return float(number);
            }
        }
    }

    /// `(),()` becomes two points; a comma before `>` asks for one more number.
    fn framed(&mut self, frame: &str) -> String {
        let mut text = String::new();
        let mut letters = frame.chars().peekable();
        while let Some(letter) = letters.next() {
            text.push(letter);
            match (letter, letters.peek()) {
                ('(', Some(')')) => text += &format!("{},{}", self.finite(), self.finite()),
                ('(', Some(',')) => text += &self.finite(),
                (',', Some(')')) => text += &self.finite(),
                (',', Some('>')) => text += self.finite().trim_start_matches('-'),
                _ => {}
            }
        }
        text
    }

    fn points(&mut self, count: u64) -> String {
        let points: Vec<_> =
            (0..count).map(|_| format!("({},{})", self.finite(), self.finite())).collect();
        points.join(",")
    }

    fn address(&mut self) -> (String, u64) {
        if self.below(2) == 0 {
            let bytes: Vec<_> = (0..4).map(|_| self.below(256).to_string()).collect();
            return (bytes.join("."), 32);
        }
        let words: Vec<_> = (0..8)
            .map(|_| format!("{:x}", if self.below(2) == 0 { 0 } else { self.below(1 << 16) }))
            .collect();
        (words.join(":"), 128)
    }

    fn lexeme(&mut self) -> String {
        let text = self.text(6);
        match text.is_empty() {
            true => "x".into(),
            false => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        }
    }

    fn tsvector(&mut self) -> String {
        let lexemes: Vec<_> = (0..self.below(5))
            .map(|_| {
                let places: Vec<_> = (0..self.below(3))
                    .map(|_| {
                        format!("{}{}", 1 + self.below(99), self.of(&["", "A", "B", "C", "D"]))
                    })
                    .collect();
                let colon = if places.is_empty() { "" } else { ":" };
                format!("{}{colon}{}", self.lexeme(), places.join(","))
            })
            .collect();
        lexemes.join(" ")
    }

    fn tsquery(&mut self, depth: u64) -> String {
        if depth == 0 || self.below(3) == 0 {
            return self.lexeme() + *self.of(&["", ":*", ":AB", ":*D"]);
        }
        let (left, right) = (self.tsquery(depth - 1), self.tsquery(depth - 1));
        match self.below(5) {
            0 => format!("!({left})"),
            1 => format!("({left}) & {right}"),
            2 => format!("{left} | ({right})"),
            3 => format!("({left}) <-> ({right})"),
            _ => format!("({left}) <{}> ({right})", self.below(9)),
        }
    }

    fn hstore(&mut self) -> String {
        let quoted =
            |text: String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let pairs: Vec<_> = (0..self.below(5))
            .map(|_| {
                let key = quoted(self.text(6));
                let value = match self.below(4) {
                    0 => "NULL".into(),
                    _ => quoted(self.text(8)),
                };
                format!("{key}=>{value}")
            })
            .collect();
        pairs.join(", ")
    }

    /// Bounds in their order.
    fn sorted(&mut self, bound: Bound, count: usize) -> Vec<String> {
        let mut numbers: Vec<i64> = (0..count)
            .map(|_| match bound {
                Bound::Int4 => self.integer(31),
                Bound::Date | Bound::Timestamp | Bound::Timestamptz => self.between(1, 3500),
                _ => self.integer(60),
            })
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        while numbers.len() < count {
            numbers.push(numbers[numbers.len() - 1] + 1);
        }
        let mut texts: Vec<String> = match bound {
            Bound::Text => (0..count).map(|_| self.text(8)).collect(),
            Bound::Int4 | Bound::Int8 => numbers.iter().map(i64::to_string).collect(),
            Bound::Numeric => numbers.iter().map(|number| format!("{number}e-6")).collect(),
            Bound::Float8 => numbers.iter().map(|number| float(*number as f64 / 64.0)).collect(),
            Bound::Date => numbers.iter().map(|year| format!("{year:04}-02-03")).collect(),
            Bound::Timestamp | Bound::Timestamptz => {
                let zone = if matches!(bound, Bound::Timestamptz) { "+00" } else { "" };
                let (clock, clocked) = (self.clock(), |year: &i64, clock: &str| {
                    format!("{year:04}-11-30 {clock}{zone}")
                });
                numbers.iter().map(|year| clocked(year, &clock)).collect()
            }
        };
        if matches!(bound, Bound::Text) {
            texts.sort_unstable();
        }
        texts
    }

    fn range(&mut self, bounds: &[String]) -> String {
        if self.below(10) == 0 {
            return "empty".into();
        }
        let bound = |rng: &mut Rng, text: &str| match rng.below(6) {
            0 => String::new(),
            _ => quoted(text),
        };
        let (lower, upper) = (bound(self, &bounds[0]), bound(self, &bounds[1]));
        format!("{}{lower},{upper}{}", self.of(&["[", "("]), self.of(&["]", ")"]))
    }

    fn record(&mut self, fields: Vec<String>) -> String {
        let fields: Vec<_> = fields
            .into_iter()
            .map(|field| if self.below(6) == 0 { String::new() } else { quoted(&field) })
            .collect();
        format!("({})", fields.join(","))
    }

    fn pair(&mut self) -> String {
        let fields = vec![self.integer(32).to_string(), self.text(10)];
        self.record(fields)
    }

    /// See [`super::SETUP`].
    fn wide(&mut self) -> String {
        let shapes = [
            Shape::Int(16),
            Shape::Int(64),
            Shape::Float4,
            Shape::Float8,
            Shape::AnyNumeric,
            Shape::Bool,
            Shape::Text(12),
            Shape::Of(&["a", "", "\"x\\", "ä b"]),
            Shape::Of(&["sad", "a \"b\" {,}", "NULL", "glücklich"]),
            Shape::Timestamp,
            Shape::Timestamptz,
            Shape::Date,
            Shape::Time,
            Shape::Interval,
            Shape::Uuid,
            Shape::Bytea,
            Shape::Json,
            Shape::Json,
            Shape::Hstore,
        ];
        let mut fields: Vec<String> = shapes.into_iter().map(|shape| self.value(shape)).collect();
        let ints: Vec<_> = (0..self.below(4)).map(|_| self.integer(32).to_string()).collect();
        fields.push(format!("{{{}}}", ints.join(",")));
        fields.push(self.value(Shape::Range(Bound::Numeric)));
        fields.push(self.pair());
        let pairs: Vec<_> = (0..self.below(3)).map(|_| quoted_item(&self.pair())).collect();
        fields.push(format!("{{{}}}", pairs.join(",")));
        fields.push(self.below(1 << 40).to_string());
        self.record(fields)
    }
}

/// As rows and ranges quote.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""))
}

/// As arrays do.
fn quoted_item(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
