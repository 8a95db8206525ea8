//! Math: the grammar of Grafana's expressions, and what it does with series and numbers.
//!
//! ```text
//! or  := and {"||" and}      and := cmp {"&&" cmp}      cmp := sum {("==" "!=" "<" "<=" ">" ">=") sum}
//! sum := product {("+" "-") product}                    product := power {("*" "/" "%") power}
//! power := unary {"**" unary}                           unary := ("-" "!") unary | number | $A | ${A b} | f(or) | (or)
//! ```

use std::collections::BTreeMap;

use super::frame::{ITEMS_MAX, Item, POINTS_MAX, Value};
use crate::labels::{Labels, contains};

const TEXT_BYTES_MAX: usize = 16 << 10;
/// Parentheses and signs within each other.
const DEPTH_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Math {
    Constant(Option<f64>),
    Ref(String),
    Unary(char, Box<Math>),
    Binary(&'static str, Box<Math>, Box<Math>),
    Call(&'static str, Box<Math>),
}

const FUNCTIONS: [&str; 9] =
    ["abs", "log", "round", "ceil", "floor", "is_nan", "is_inf", "is_null", "is_number"];

/// Each level binds closer than the one before.
const LEVELS: [&[&str]; 6] =
    [&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">"], &["+", "-"], &["*", "/", "%"], &["**"]];

impl Math {
    pub(crate) fn parse(text: &str) -> Result<Math, String> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(format!("the expression has more than {TEXT_BYTES_MAX} bytes"));
        }
        let mut parser = Parser { text, at: 0 };
        let found = parser.level(0, 0)?;
        if !parser.rest().is_empty() {
            return Err(parser.wrong("an operator is wanted"));
        }
        Ok(found)
    }

    pub(crate) fn refs(&self, found: &mut Vec<String>) {
        match self {
            Math::Constant(_) => {}
            Math::Ref(name) => found.push(name.clone()),
            Math::Unary(_, inner) | Math::Call(_, inner) => inner.refs(found),
            Math::Binary(_, left, right) => {
                left.refs(found);
                right.refs(found);
            }
        }
    }

    pub(crate) fn evaluate(
        &self,
        frames: &BTreeMap<String, Vec<Item>>,
    ) -> Result<Vec<Item>, String> {
        match self {
            Math::Constant(value) => Ok(vec![Item::number(Labels::new(), *value)]),
            Math::Ref(name) => {
                frames.get(name).cloned().ok_or_else(|| format!("${name} is not known"))
            }
            Math::Unary(op, inner) => {
                let one = |value: f64| if *op == '-' { -value } else { truth(value == 0.0) };
                Ok(inner
                    .evaluate(frames)?
                    .iter()
                    .map(|item| item.map(|value| value.map(one)))
                    .collect())
            }
            Math::Call(name, inner) => Ok(inner
                .evaluate(frames)?
                .iter()
                .map(|item| item.map(|value| call(name, value)))
                .collect()),
            Math::Binary(op, left, right) => {
                let (left, right) = (left.evaluate(frames)?, right.evaluate(frames)?);
                let mut found = Vec::new();
                let mut points = 0;
                for (labels, left, right) in union(&left, &right) {
                    let value = binary(op, left, right);
                    points += if let Value::Series(all) = &value { all.len() } else { 1 };
                    found.push(Item { labels, value });
                    if found.len() > ITEMS_MAX || points > POINTS_MAX {
                        return Err(format!(
                            "the two sides of {op} make more than {ITEMS_MAX} results"
                        ));
                    }
                }
                Ok(found)
            }
        }
    }
}

/// Which items of two results belong together, as documented: no labels join anything, two single ones join, equal labels
/// join, and a subset joins what it is a subset of. The joint item has the more labels.
fn union<'a>(
    left: &'a [Item],
    right: &'a [Item],
) -> impl Iterator<Item = (Labels, &'a Value, &'a Value)> {
    let single = left.len() == 1 && right.len() == 1;
    // Where all have the same names only equal labels join: ten thousand are not compared with ten thousand.
    let index: Option<BTreeMap<&Labels, usize>> = have_the_same_names(left, right)
        .then(|| right.iter().enumerate().map(|(at, b)| (&b.labels, at)).collect());
    left.iter().flat_map(move |a| {
        let candidates = match &index {
            Some(index) if !single => {
                index.get(&a.labels).map_or(&right[..0], |at| &right[*at..=*at])
            }
            _ => right,
        };
        candidates.iter().filter_map(move |b| {
            let labels =
                if a.labels == b.labels || b.labels.is_empty() || contains(&a.labels, &b.labels) {
                    &a.labels
                } else if a.labels.is_empty() || contains(&b.labels, &a.labels) {
                    &b.labels
                } else if single {
                    &a.labels
                } else {
                    return None;
                };
            Some((labels.clone(), &a.value, &b.value))
        })
    })
}

fn have_the_same_names(left: &[Item], right: &[Item]) -> bool {
    let Some(first) = left.first() else { return true };
    left.iter().chain(right).all(|item| item.labels.keys().eq(first.labels.keys()))
}

/// Two series meet where both have a point.
fn binary(op: &str, left: &Value, right: &Value) -> Value {
    let both = |a: Option<f64>, b: Option<f64>| Some(operate(op, a?, b?));
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => Value::Number(both(*a, *b)),
        (Value::Series(all), Value::Number(b)) => {
            Value::Series(all.iter().map(|(t, a)| (*t, both(*a, *b))).collect())
        }
        (Value::Number(a), Value::Series(all)) => {
            Value::Series(all.iter().map(|(t, b)| (*t, both(*a, *b))).collect())
        }
        (Value::Series(left), Value::Series(right)) => {
            let right: BTreeMap<i64, Option<f64>> = right.iter().copied().collect();
            let meet = |(t, a): &(i64, Option<f64>)| right.get(t).map(|b| (*t, both(*a, *b)));
            Value::Series(left.iter().filter_map(meet).collect())
        }
    }
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// NaN makes NaN, other than where one side has decided already.
fn operate(op: &str, a: f64, b: f64) -> f64 {
    match op {
        "||" if a != 0.0 && !a.is_nan() => return 1.0,
        "&&" if a == 0.0 => return 0.0,
        _ => {}
    }
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    match op {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => a % b,
        "**" => a.powf(b),
        "==" => truth(a == b),
        "!=" => truth(a != b),
        "<" => truth(a < b),
        "<=" => truth(a <= b),
        ">" => truth(a > b),
        ">=" => truth(a >= b),
        "&&" => truth(a != 0.0 && b != 0.0),
        _ => truth(a != 0.0 || b != 0.0),
    }
}

fn call(name: &str, value: Option<f64>) -> Option<f64> {
    match name {
        "is_null" => Some(truth(value.is_none())),
        "is_nan" => Some(truth(value.is_some_and(f64::is_nan))),
        "is_inf" => Some(truth(value.is_some_and(f64::is_infinite))),
        "is_number" => Some(truth(value.is_some_and(f64::is_finite))),
        "abs" => value.map(f64::abs),
        "log" => value.map(f64::ln),
        "round" => value.map(f64::round),
        "ceil" => value.map(f64::ceil),
        _ => value.map(f64::floor),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&mut self) -> &'a str {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        rest
    }

    fn wrong(&mut self, wanted: &str) -> String {
        let rest: String = self.rest().chars().take(20).collect();
        if rest.is_empty() {
            format!("{wanted} at its end")
        } else {
            format!("{wanted} at \"{rest}\"")
        }
    }

    fn take(&mut self, token: &str) -> bool {
        let is_there = self.rest().starts_with(token);
        if is_there {
            self.at += token.len();
        }
        is_there
    }

    fn operator(&mut self, level: usize) -> Option<&'static str> {
        let rest = self.rest();
        let op = LEVELS[level].iter().find(|op| rest.starts_with(**op))?;
        // `*` is not the beginning of `**`.
        if *op == "*" && rest.starts_with("**") {
            return None;
        }
        self.at += op.len();
        Some(op)
    }

    fn level(&mut self, level: usize, depth: usize) -> Result<Math, String> {
        if level == LEVELS.len() {
            return self.unary(depth);
        }
        let mut left = self.level(level + 1, depth)?;
        // A chain is a tree as deep as it is long: those of thousands are no one's formula.
        let mut links = 0;
        while let Some(op) = self.operator(level) {
            links += 1;
            if links > DEPTH_MAX {
                return Err(format!("more than {DEPTH_MAX} operators in a row"));
            }
            left = Math::Binary(op, Box::new(left), Box::new(self.level(level + 1, depth)?));
        }
        Ok(left)
    }

    fn unary(&mut self, depth: usize) -> Result<Math, String> {
        if depth > DEPTH_MAX {
            return Err(format!("it is nested more than {DEPTH_MAX} deep"));
        }
        if self.take("-") {
            return Ok(Math::Unary('-', Box::new(self.unary(depth + 1)?)));
        }
        if self.take("!") {
            return Ok(Math::Unary('!', Box::new(self.unary(depth + 1)?)));
        }
        if self.take("(") {
            let inner = self.level(0, depth + 1)?;
            return self.close(inner);
        }
        if self.take("$") {
            return self.reference().map(Math::Ref);
        }
        let rest = self.rest();
        if rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return self.number();
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = &rest[..end];
        self.at += end;
        if !name.is_empty() && self.take("(") {
            let constant = match name {
                "inf" => Some(Some(f64::INFINITY)),
                "infn" => Some(Some(f64::NEG_INFINITY)),
                "nan" => Some(Some(f64::NAN)),
                "null" => Some(None),
                _ => None,
            };
            if let Some(value) = constant {
                return self.close(Math::Constant(value));
            }
            if let Some(known) = FUNCTIONS.into_iter().find(|known| *known == name) {
                let inner = self.level(0, depth + 1)?;
                return self.close(Math::Call(known, Box::new(inner)));
            }
            return Err(format!(
                "{name}() is no function; there are {}, inf, infn, nan, null",
                FUNCTIONS.join(", ")
            ));
        }
        self.at -= end;
        Err(self.wrong("a value is wanted"))
    }

    fn close(&mut self, inner: Math) -> Result<Math, String> {
        if self.take(")") { Ok(inner) } else { Err(self.wrong("a closing parenthesis is wanted")) }
    }

    /// The `$` is behind us, and its name follows at once.
    fn reference(&mut self) -> Result<String, String> {
        let rest = &self.text[self.at..];
        if let Some(inner) = rest.strip_prefix('{') {
            let end = inner.find('}').ok_or("${ has no end")?;
            self.at += end + 2;
            return Ok(inner[..end].to_owned());
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end == 0 {
            return Err(self.wrong("a name is wanted behind $"));
        }
        self.at += end;
        Ok(rest[..end].to_owned())
    }

    /// Decimal, octal with a leading zero, hexadecimal with 0x.
    fn number(&mut self) -> Result<Math, String> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let is_hex = rest.starts_with("0x") || rest.starts_with("0X");
        let mut end = 0;
        while let Some(byte) = bytes.get(end) {
            let sign_of_exponent = matches!(byte, b'+' | b'-')
                && !is_hex
                && end > 0
                && matches!(bytes[end - 1], b'e' | b'E');
            if !byte.is_ascii_alphanumeric() && *byte != b'.' && !sign_of_exponent {
                break;
            }
            end += 1;
        }
        let text = &rest[..end];
        let whole = |digits: &str, radix| u64::from_str_radix(digits, radix).ok().map(|n| n as f64);
        let value = if is_hex {
            whole(&text[2..], 16)
        } else if text.len() > 1
            && text.starts_with('0')
            && text.bytes().all(|b| b.is_ascii_digit())
        {
            whole(&text[1..], 8)
        } else {
            text.parse().ok()
        };
        let value = value.ok_or_else(|| self.wrong("a number is wanted"))?;
        self.at += end;
        Ok(Math::Constant(Some(value)))
    }
}

#[cfg(test)]
mod tests;
