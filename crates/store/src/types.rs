//! A type of ClickHouse's, taken apart as far as anybody asks.
//!
//! ```text
//! LowCardinality( Nullable( Decimal( 9, 2 ) ) )
//!                 nullable  name     arguments       base: Decimal(9, 2)
//! ```

use crate::alias::own_name;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Type {
    /// Under its own name and spelt as the engine spells it: `Decimal(9, 2)`, `Enum8('a b' = 1)`.
    pub base: String,
    pub nullable: bool,
    is_dictionary: bool,
}

impl Type {
    /// What is no type has a base like any other: the engine says so when it is asked for it.
    pub fn parse(clickhouse: &str) -> Type {
        let (mut base, mut nullable, mut is_dictionary) = (clickhouse.trim(), false, false);
        loop {
            if let Some(inner) = inside(base, "Nullable") {
                (base, nullable) = (inner, true);
            } else if let Some(inner) = inside(base, "LowCardinality") {
                (base, is_dictionary) = (inner, true);
            } else {
                return Type { base: spelt(&own_name(base)), nullable, is_dictionary };
            }
        }
    }

    /// `Decimal` of `Decimal(9, 2)`.
    pub fn name(&self) -> &str {
        self.base.split_once('(').map_or(&self.base, |(name, _)| name)
    }

    /// `9` and `2` of `Decimal(9, 2)`.
    pub fn arguments(&self) -> Vec<&str> {
        let Some((_, inner)) = self.base.strip_suffix(')').and_then(|base| base.split_once('('))
        else {
            return Vec::new();
        };
        let (mut arguments, mut depth, mut start) = (Vec::new(), 0, 0);
        for (at, letter, is_quoted) in letters(inner) {
            match letter {
                _ if is_quoted => {}
                '(' => depth += 1,
                ')' => depth -= 1,
                ',' if depth == 0 => {
                    arguments.push(inner[start..at].trim());
                    start = at + 1;
                }
                _ => {}
            }
        }
        arguments.push(inner[start..].trim());
        arguments
    }

    /// Of an array.
    pub fn element(&self) -> Option<Type> {
        (self.name() == "Array").then(|| Type::parse(self.arguments().first().unwrap_or(&"")))
    }

    /// Of a whole number: whether it has a sign, and its bits.
    pub fn integer(&self) -> Option<(bool, u32)> {
        let (is_signed, width) = match self.base.strip_prefix('U') {
            Some(rest) => (false, rest),
            None => (true, self.base.as_str()),
        };
        let width = width.strip_prefix("Int")?.parse().ok()?;
        matches!(width, 8 | 16 | 32 | 64 | 128 | 256).then_some((is_signed, width))
    }

    /// Of a decimal: its digits, and how many of them are behind the point.
    pub fn decimal(&self) -> Option<(u8, u8)> {
        let number = |text: Option<&&str>| text.map_or(Some(0), |text| text.parse().ok());
        let arguments = self.arguments();
        let precision = match self.name() {
            "Decimal" if arguments.is_empty() => 10,
            "Decimal" => return Some((number(arguments.first())?, number(arguments.get(1))?)),
            "Decimal32" => 9,
            "Decimal64" => 18,
            "Decimal128" => 38,
            "Decimal256" => 76,
            _ => return None,
        };
        Some((precision, number(arguments.first())?))
    }

    /// Of a time: its digits behind the second.
    pub fn time_digits(&self) -> Option<u8> {
        match self.name() {
            "DateTime" | "Time" => Some(0),
            "DateTime64" | "Time64" => match self.arguments().first() {
                None => Some(3),
                Some(digits) => digits.parse().ok().filter(|digits| *digits <= 9),
            },
            _ => None,
        }
    }

    /// Of a time of a day: whether it names UTC as its zone. One without a zone has the process's.
    pub fn is_in_utc(&self) -> bool {
        self.arguments().last() == Some(&"'UTC'")
    }

    /// `a b` and `it's` of `Enum8('a b' = 1, 'it\'s' = 2)`.
    pub fn labels(&self) -> Option<Vec<String>> {
        if !self.name().starts_with("Enum") {
            return None;
        }
        let mut labels = Vec::new();
        let mut letters = self.base.chars().peekable();
        while letters.by_ref().any(|letter| letter == '\'') {
            let mut label = String::new();
            while let Some(letter) = letters.next() {
                match letter {
                    '\'' if letters.peek() == Some(&'\'') => label.extend(letters.next()),
                    '\'' => break,
                    '\\' => label.extend(letters.next().map(unescaped)),
                    letter => label.push(letter),
                }
            }
            labels.push(label);
        }
        Some(labels)
    }

    pub fn is_string(&self) -> bool {
        self.base == "String"
    }

    /// Whether it is ClickHouse's JSON, which is neither empty nor NULL.
    pub fn is_json(&self) -> bool {
        self.name() == "JSON"
    }

    /// The same with NULL.
    pub fn with_null(&self) -> String {
        match self.is_dictionary {
            true => format!("LowCardinality(Nullable({}))", self.base),
            false => format!("Nullable({})", self.base),
        }
    }
}

/// What a letter behind a backslash stands for.
fn unescaped(letter: char) -> char {
    match letter {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '0' => '\0',
        other => other,
    }
}

fn inside<'a>(text: &'a str, outer: &str) -> Option<&'a str> {
    let inner = text.strip_prefix(outer)?.trim_start().strip_prefix('(')?;
    inner.strip_suffix(')').map(str::trim)
}

/// Each letter with its place, and whether it is inside of quotes.
fn letters(text: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.char_indices().map(move |(at, letter)| {
        let was_quoted = is_quoted;
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_quoted,
            '\'' => is_quoted = !is_quoted,
            _ => {}
        }
        (at, letter, was_quoted || is_quoted)
    })
}

/// With blanks as the engine has them, and as they are in quotes.
fn spelt(text: &str) -> String {
    let is_of_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let (mut plain, mut is_blank) = (String::with_capacity(text.len()), false);
    for (_, letter, is_quoted) in letters(text) {
        match letter {
            _ if is_quoted => plain.push(letter),
            ',' => plain.push_str(", "),
            '=' => plain.push_str(" = "),
            _ if letter.is_whitespace() => {}
            _ if is_blank && is_of_word(letter) && plain.ends_with(is_of_word) => {
                plain.extend([' ', letter]);
            }
            _ => plain.push(letter),
        }
        is_blank = letter.is_whitespace() && !is_quoted;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_blanks_and_other_names_say_nothing() {
        for (text, base, nullable) in [
            (" LowCardinality( Nullable (String ))", "String", true),
            ("DateTime64(3,'UTC')", "DateTime64(3, 'UTC')", false),
            ("Nullable(int  unsigned)", "UInt32", true),
            ("Enum8( 'a, b'=1,'(' = -2 )", "Enum8('a, b' = 1, '(' = -2)", false),
            ("varchar(20)", "String", false),
            ("Array(Nullable(Int32))", "Array(Nullable(Int32))", false),
            ("Tuple(lower  Int32,upper Int32)", "Tuple(lower Int32, upper Int32)", false),
        ] {
            let ty = Type::parse(text);
            assert_eq!((ty.base.as_str(), ty.nullable), (base, nullable));
        }
        assert_eq!(
            Type::parse("LowCardinality(text)").with_null(),
            "LowCardinality(Nullable(String))"
        );
        assert_eq!(Type::parse("Decimal(9,2)").with_null(), "Nullable(Decimal(9, 2))");
    }

    #[test]
    fn arguments_are_known() {
        let decimal = |text| Type::parse(text).decimal();
        assert_eq!(decimal("numeric(9, 2)"), Some((9, 2)));
        assert_eq!(decimal("Decimal(9)"), Some((9, 0)));
        assert_eq!(decimal("Decimal"), Some((10, 0)));
        assert_eq!(decimal("Decimal64(3)"), Some((18, 3)));
        assert_eq!(decimal("Float64"), None);
        let time = |text| (Type::parse(text).time_digits(), Type::parse(text).is_in_utc());
        assert_eq!(time("DateTime64(3, 'UTC')"), (Some(3), true));
        assert_eq!(time("DateTime64(3)"), (Some(3), false));
        assert_eq!(time("timestamp('UTC')"), (Some(0), true));
        assert_eq!(time("Date"), (None, false));
        let integer = |text| Type::parse(text).integer();
        assert_eq!(integer("LowCardinality(UInt256)"), Some((false, 256)));
        assert_eq!(integer("bigint"), Some((true, 64)));
        assert_eq!((integer("Interval"), integer("UUID")), (None, None));
        assert_eq!(Type::parse("Array( Array(int) )").element().unwrap().base, "Array(int)");
        assert_eq!(
            Type::parse("Map(String,Tuple(a Int8,b Int8))").arguments(),
            ["String", "Tuple(a Int8, b Int8)"]
        );
    }

    #[test]
    fn labels_are_read_with_their_blanks() {
        let labels = |text| Type::parse(text).labels();
        let odd =
            labels(r"Nullable(Enum8('a  b' = 1, 'it\'s' = 2, '' = 3, 'l''x' = 4, 'y\n' = 5))");
        assert_eq!(odd.unwrap(), ["a  b", "it's", "", "l'x", "y\n"]);
        assert_eq!(labels("String"), None);
    }
}
