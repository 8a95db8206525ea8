//! How long a column of a Native block is. Nothing in a block says where a column ends: only its type,
//! its rows, and what lies in it.
//!
//! ```text
//! columns rows  { name  type  [prefixes]  data } …        protocol 0, as the engine's stream has it
//! ```
//!
//! | type | data of n rows |
//! | --- | --- |
//! | numbers, dates, UUID, FixedString, Enum … | n times a width |
//! | String | n times a length and so many bytes |
//! | Nullable(T) | n bytes, then T |
//! | Array(T), Map, Nested, Ring … | n ends of 8 bytes, then T of as many rows as the last one says |
//! | Tuple, Point | one element behind the other |
//! | LowCardinality(T) | a prefix before all data; then flags, keys, and an index a row; nothing of no rows |
//!
//! Types whose data tells its own shape (JSON, Dynamic, Variant, states of aggregate functions) are not
//! measured: whoever asks is told so.

use super::binary;

/// A cursor in a block.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Block<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Block<'a> {
        Block { bytes, at: 0 }
    }

    pub(super) fn varint(&mut self) -> Option<usize> {
        binary::varint(self.bytes, &mut self.at)
    }

    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.varint()?;
        self.take(length)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// Behind a column of this type; `None`: it cannot be measured.
    pub(super) fn skip(&mut self, ty: &str, rows: usize) -> Option<()> {
        let shape = Shape::of(ty, 0)?;
        if rows == 0 {
            return Some(());
        }
        self.prefixes(&shape)?;
        self.data(&shape, rows)
    }

    fn prefixes(&mut self, shape: &Shape) -> Option<()> {
        match shape {
            Shape::Fixed(_) | Shape::Text => Some(()),
            Shape::Nullable(inner) | Shape::Array(inner) => self.prefixes(inner),
            Shape::Tuple(parts) => parts.iter().try_for_each(|part| self.prefixes(part)),
            Shape::LowCardinality(_) => {
                const WITH_ADDITIONAL_KEYS: u64 = 1;
                (self.number()? == WITH_ADDITIONAL_KEYS).then_some(())
            }
        }
    }

    fn data(&mut self, shape: &Shape, rows: usize) -> Option<()> {
        match shape {
            Shape::Fixed(width) => self.take(rows.checked_mul(*width)?).map(drop),
            Shape::Text => (0..rows).try_for_each(|_| self.text().map(drop)),
            Shape::Nullable(inner) => {
                self.take(rows)?;
                self.data(inner, rows)
            }
            Shape::Array(inner) => {
                let ends = self.take(rows.checked_mul(8)?)?;
                let last = ends.last_chunk::<8>().map_or(0, |last| u64::from_le_bytes(*last));
                self.data(inner, usize::try_from(last).ok()?)
            }
            Shape::Tuple(parts) => parts.iter().try_for_each(|part| self.data(part, rows)),
            Shape::LowCardinality(_) if rows == 0 => Some(()),
            Shape::LowCardinality(inner) => self.indexed(inner, rows),
        }
    }

    fn indexed(&mut self, inner: &Shape, rows: usize) -> Option<()> {
        const SHARED_KEYS: u64 = 1 << 8;
        const KEYS: u64 = 1 << 9;
        let flags = self.number()?;
        if flags & SHARED_KEYS != 0 {
            return None;
        }
        if flags & KEYS != 0 {
            let keys = usize::try_from(self.number()?).ok()?;
            self.data(inner, keys)?;
        }
        let width = 1usize.checked_shl((flags & 0xff) as u32).filter(|width| *width <= 8)?;
        let found = usize::try_from(self.number()?).ok()?;
        (found == rows).then_some(())?;
        self.take(rows.checked_mul(width)?).map(drop)
    }
}

/// What of a type its length depends on.
#[derive(Debug, PartialEq)]
enum Shape {
    Fixed(usize),
    Text,
    Nullable(Box<Shape>),
    Array(Box<Shape>),
    Tuple(Vec<Shape>),
    /// Keys are of this shape; NULL is one of them.
    LowCardinality(Box<Shape>),
}

/// Of types in types.
const DEPTH_MAX: usize = 50;

impl Shape {
    fn of(ty: &str, depth: usize) -> Option<Shape> {
        if depth > DEPTH_MAX {
            return None;
        }
        let (name, args) = match ty.strip_suffix(')').and_then(|open| open.split_once('(')) {
            Some((name, args)) => (name, arguments(args)?),
            None => (ty, Vec::new()),
        };
        let inner = |arg: &str| Shape::of(arg, depth + 1);
        let first = || inner(args.first()?).map(Box::new);
        if let Some(width) = width(name, &args) {
            return Some(Shape::Fixed(width));
        }
        let list_of = |shape: Shape| Shape::Array(Box::new(shape));
        let point = || Shape::Tuple(vec![Shape::Fixed(8), Shape::Fixed(8)]);
        let parts = || args.iter().map(|arg| inner(type_of(arg))).collect::<Option<Vec<_>>>();
        Some(match name {
            "String" => Shape::Text,
            "Nullable" => Shape::Nullable(first()?),
            "Array" => Shape::Array(first()?),
            "LowCardinality" => match *first()? {
                Shape::Nullable(keys) => Shape::LowCardinality(keys),
                keys => Shape::LowCardinality(Box::new(keys)),
            },
            // An empty one has a byte a row.
            "Tuple" if args.is_empty() => Shape::Fixed(1),
            "Tuple" => Shape::Tuple(parts()?),
            "Map" => list_of(Shape::Tuple(parts()?)),
            "Nested" => list_of(Shape::Tuple(parts()?)),
            "SimpleAggregateFunction" => inner(args.get(1)?)?,
            "Point" => point(),
            "Ring" | "LineString" => list_of(point()),
            "Polygon" | "MultiLineString" => list_of(list_of(point())),
            "MultiPolygon" => list_of(list_of(list_of(point()))),
            _ => return None,
        })
    }
}

fn width(name: &str, args: &[&str]) -> Option<usize> {
    Some(match name {
        "UInt8" | "Int8" | "Bool" | "Enum8" | "Nothing" => 1,
        "UInt16" | "Int16" | "Enum16" | "Date" | "BFloat16" => 2,
        "UInt32" | "Int32" | "Float32" | "Date32" | "DateTime" | "Time" | "IPv4" | "Decimal32" => 4,
        "UInt64" | "Int64" | "Float64" | "DateTime64" | "Time64" | "Decimal64" => 8,
        "UInt128" | "Int128" | "UUID" | "IPv6" | "Decimal128" => 16,
        "UInt256" | "Int256" | "Decimal256" => 32,
        "FixedString" => args.first()?.parse().ok()?,
        "Decimal" => match args.first()?.parse::<u32>().ok()? {
            1..=9 => 4,
            10..=18 => 8,
            19..=38 => 16,
            _ => 32,
        },
        _ if name.starts_with("Interval") => 8,
        _ => return None,
    })
}

/// The arguments between two brackets, cut at their own commas. `None`: a quote or bracket is open.
fn arguments(text: &str) -> Option<Vec<&str>> {
    let (mut depth, mut quote, mut start) = (0usize, None, 0);
    let mut found = Vec::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match (quote, char) {
            (Some(_), '\\') => drop(chars.next()?),
            (Some(open), _) if open == char => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '`') => quote = Some(char),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.checked_sub(1)?,
            (None, ',') if depth == 0 => {
                found.push(text[start..at].trim());
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    if !text.trim().is_empty() {
        found.push(text[start..].trim());
    }
    (depth == 0 && quote.is_none()).then_some(found)
}

/// Behind the name that an element of a tuple may have.
fn type_of(element: &str) -> &str {
    if let Some(quoted) = element.strip_prefix('`') {
        let mut escaped = false;
        let end = quoted.find(|char| {
            let is_end = char == '`' && !escaped;
            escaped = char == '\\' && !escaped;
            is_end
        });
        return end.map_or(element, |end| quoted[end + 1..].trim_start());
    }
    match element.split_once(' ') {
        Some((name, ty)) if !name.contains('(') => ty,
        _ => element,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn types_have_shapes() {
        let shape = |ty: &str| Shape::of(ty, 0);
        let text = || Box::new(Shape::Text);
        assert_eq!(shape("Decimal(18, 4)"), Some(Shape::Fixed(8)));
        assert_eq!(shape("Enum8('a,)\\'' = 1, 'b' = 2)"), Some(Shape::Fixed(1)));
        assert_eq!(shape("DateTime64(3, 'Europe/London')"), Some(Shape::Fixed(8)));
        assert_eq!(shape("LowCardinality(Nullable(String))"), Some(Shape::LowCardinality(text())));
        assert_eq!(
            shape("Tuple(a Nullable(Decimal(9, 2)), `b \\` (c` String)"),
            Some(Shape::Tuple(vec![Shape::Nullable(Box::new(Shape::Fixed(4))), Shape::Text]))
        );
        assert_eq!(
            shape("SimpleAggregateFunction(groupArrayArray(3), Array(String))"),
            Some(Shape::Array(text()))
        );
        for ty in [
            "JSON",
            "Dynamic",
            "Variant(String, UInt8)",
            "AggregateFunction(sum, UInt8)",
            "Array(JSON(a.b UInt8))",
            "Array(",
            "",
        ] {
            assert_eq!(shape(ty), None, "{ty}");
        }
        assert_eq!(shape(&("Array(".repeat(99) + "UInt8" + &")".repeat(99))), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_measured_without_panic(bytes: Vec<u8>, rows in any::<usize>(), ty in prop_oneof![
            Just("String".to_owned()), Just("Array(LowCardinality(String))".to_owned()), Just("Map(String, UInt256)".to_owned()),
            "[A-Za-z0-9(),'` \\\\]{0,30}",
        ]) {
            let mut block = Block::new(&bytes);
            let _ = block.skip(&ty, rows);
            let mut block = Block::new(&bytes);
            let _ = block.skip(&ty, rows % 9);
            prop_assert!(block.at <= bytes.len());
        }
    }
}
