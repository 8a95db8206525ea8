//! `tsvector` and `tsquery`.

use super::printed::count;
use super::{Cursor, Malformed};
use std::io::Write;

/// Operators inside one another; deeper ones are not read.
const DEPTH_MAX: u32 = 500;

/// `'cat':3A,5 'fat'`
pub(super) fn tsvector(read: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
    for lexeme in 0..count(read, 3)? {
        if lexeme > 0 {
            out.push(b' ');
        }
        quoted(read.raw_text()?, out);
        let places = read.u16()?;
        for place in 0..places {
            let entry = read.u16()?;
            let _ = write!(out, "{}{}", if place > 0 { ',' } else { ':' }, entry & 0x3fff);
            out.extend_from_slice([&b""[..], b"C", b"B", b"A"][usize::from(entry >> 14)]);
        }
    }
    Ok(())
}

fn quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'\'');
    for &byte in text {
        if let b'\'' | b'\\' = byte {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(b'\'');
}

/// `'fat':AB & ( 'rat' | !'cat' )`
pub(super) fn tsquery(read: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
    match count(read, 2)? {
        0 => Ok(()),
        _ => infix(read, 0, false, DEPTH_MAX, out),
    }
}

/// An operator comes before its operands, the right one first.
fn infix(
    read: &mut Cursor<'_>,
    outer: u8,
    right_of_phrase: bool,
    depth: u32,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Malformed("operators too deep inside one another"));
    };
    match read.u8()? {
        1 => return operand(read, out),
        2 => {}
        _ => return Err(Malformed("an unknown part of a query")),
    }
    const NOT: u8 = 1;
    const AND: u8 = 2;
    const OR: u8 = 3;
    const PHRASE: u8 = 4;
    let operator = read.u8()?;
    let priority = match operator {
        OR => 1,
        AND => 2,
        PHRASE => 3,
        NOT => 4,
        _ => return Err(Malformed("an unknown operator")),
    };
    let distance = if operator == PHRASE { read.u16()? } else { 0 };
    let in_brackets = priority < outer || operator == PHRASE && right_of_phrase;
    if in_brackets {
        out.extend_from_slice(b"( ");
    }
    if operator == NOT {
        out.push(b'!');
        infix(read, priority, false, depth, out)?;
    } else {
        let mut right = Vec::new();
        infix(read, priority, operator == PHRASE, depth, &mut right)?;
        infix(read, priority, false, depth, out)?;
        let _ = match (operator, distance) {
            (OR, _) => write!(out, " | "),
            (AND, _) => write!(out, " & "),
            (_, 1) => write!(out, " <-> "),
            (_, distance) => write!(out, " <{distance}> "),
        };
        out.extend_from_slice(&right);
    }
    if in_brackets {
        out.extend_from_slice(b" )");
    }
    Ok(())
}

fn operand(read: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let (weight, is_prefix) = (read.u8()?, read.u8()? != 0);
    quoted(read.raw_text()?, out);
    if is_prefix || weight != 0 {
        out.push(b':');
        if is_prefix {
            out.push(b'*');
        }
        let letters = b"ABCD".iter().zip([8, 4, 2, 1]);
        out.extend(letters.filter(|(_, bit)| weight & bit != 0).map(|(letter, _)| letter));
    }
    Ok(())
}
