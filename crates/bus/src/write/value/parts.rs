//! Values that have parts.

use super::super::types::Type;
use super::out::{Out, json_text};
use super::{Lost, fixed, form, lost};

/// The most dimensions that Postgres gives an array.
const DIMENSIONS_MAX: usize = 6;

/// Reads big-endian values without ever reading past their end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Lost> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Lost)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, Lost> {
        Ok(u32::from_be_bytes(fixed(self.take(4)?)?))
    }

    fn u16(&mut self) -> Result<u16, Lost> {
        Ok(u16::from_be_bytes(fixed(self.take(2)?)?))
    }

    fn f64(&mut self) -> Result<f64, Lost> {
        Ok(f64::from_be_bytes(fixed(self.take(8)?)?))
    }

    /// A length and so many bytes; `None`: NULL.
    fn value(&mut self) -> Result<Option<&'a [u8]>, Lost> {
        match self.u32()? as i32 {
            -1 => Ok(None),
            length => self.take(usize::try_from(length).map_err(|_| Lost)?).map(Some),
        }
    }
}

fn element<O: Out>(ty: &Type, value: Option<&[u8]>, is_binary: bool, out: &mut O) -> u64 {
    let Some(value) = value else {
        lost(ty, out);
        return 0;
    };
    let mark = out.mark();
    if ty.schema.optional {
        out.some();
    }
    form(&ty.form, value, is_binary, out).unwrap_or_else(|Lost| {
        out.back_to(mark);
        lost(ty, out);
        1
    })
}

/// A value has other dimensions than its column declares, and Postgres does not mind: NULL then.
pub(crate) fn array_binary<O: Out>(
    ty: &Type,
    declared: u8,
    value: &[u8],
    out: &mut O,
) -> Result<u64, Lost> {
    let mut read = Reader(value);
    let dimensions = read.u32()? as usize;
    let (_has_nulls, _element_oid) = (read.u32()?, read.u32()?);
    let mut lengths = [0usize; DIMENSIONS_MAX];
    let lengths = lengths.get_mut(..dimensions).ok_or(Lost)?;
    for length in lengths.iter_mut() {
        *length = read.u32()? as usize;
        let _lower_bound = read.u32()?;
    }
    if lengths.is_empty() || lengths.contains(&0) {
        out.open_array(0);
        out.close_array(0);
        return Ok(0);
    }
    // Each takes its length at least: what cannot be there is not tried.
    let count = lengths.iter().fold(1usize, |all, &length| all.saturating_mul(length));
    if dimensions != usize::from(declared) || count > read.0.len() / 4 {
        return Err(Lost);
    }
    let lost = level_binary(ty, lengths, &mut read, out)?;
    if read.0.is_empty() { Ok(lost) } else { Err(Lost) }
}

fn level_binary<O: Out>(
    ty: &Type,
    lengths: &[usize],
    read: &mut Reader<'_>,
    out: &mut O,
) -> Result<u64, Lost> {
    let Some((&length, inner)) = lengths.split_first() else { return Err(Lost) };
    out.open_array(length);
    let mut lost = 0;
    for at in 0..length {
        out.item(at);
        if inner.is_empty() {
            lost += element(ty, read.value()?, true, out);
        } else {
            out.some();
            lost += level_binary(ty, inner, read, out)?;
        }
    }
    out.close_array(length);
    Ok(lost)
}

/// `{1,NULL,"a b"}`, `[0:1]={1,2}`
pub(crate) fn array_text<O: Out>(
    ty: &Type,
    declared: u8,
    delimiter: u8,
    value: &[u8],
    out: &mut O,
) -> Result<u64, Lost> {
    let mut rest = match value.first() {
        Some(b'[') => {
            let at = value.iter().position(|&byte| byte == b'=').ok_or(Lost)?;
            &value[at + 1..]
        }
        _ => value,
    };
    if rest == b"{}" {
        out.open_array(0);
        out.close_array(0);
        return Ok(0);
    }
    let lost = level_text(ty, declared, delimiter, &mut rest, out)?;
    if rest.is_empty() { Ok(lost) } else { Err(Lost) }
}

fn level_text<O: Out>(
    ty: &Type,
    levels: u8,
    delimiter: u8,
    rest: &mut &[u8],
    out: &mut O,
) -> Result<u64, Lost> {
    let length = count(rest, delimiter)?;
    eat(rest, b'{')?;
    out.open_array(length);
    let mut lost = 0;
    for at in 0..length {
        if at > 0 {
            eat(rest, delimiter)?;
        }
        out.item(at);
        if levels > 1 {
            out.some();
            lost += level_text(ty, levels - 1, delimiter, rest, out)?;
        } else {
            lost += element(ty, item(rest, delimiter)?.as_deref(), false, out);
        }
    }
    out.close_array(length);
    eat(rest, b'}')?;
    Ok(lost)
}

fn eat(rest: &mut &[u8], byte: u8) -> Result<(), Lost> {
    match rest.split_first() {
        Some((&first, tail)) if first == byte => {
            *rest = tail;
            Ok(())
        }
        _ => Err(Lost),
    }
}

/// How many items the level that begins here has: Avro says it before them.
fn count(text: &[u8], delimiter: u8) -> Result<usize, Lost> {
    let (mut depth, mut count, mut in_quotes) = (0usize, 1, false);
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => in_quotes = !in_quotes,
            _ if in_quotes => {}
            b'{' => depth += 1,
            b'}' => {
                depth = depth.checked_sub(1).ok_or(Lost)?;
                if depth == 0 {
                    return Ok(count);
                }
            }
            _ if byte == delimiter && depth == 1 => count += 1,
            _ => {}
        }
    }
    Err(Lost)
}

/// An item without its quotes; `None`: NULL.
fn item(rest: &mut &[u8], delimiter: u8) -> Result<Option<Vec<u8>>, Lost> {
    if let Some(mut tail) = rest.strip_prefix(b"\"") {
        let text = quoted(&mut tail)?;
        *rest = tail;
        return Ok(Some(text));
    }
    let mut text = Vec::new();
    loop {
        let (&byte, tail) = rest.split_first().ok_or(Lost)?;
        match byte {
            b'}' => break,
            _ if byte == delimiter => break,
            b'{' | b'"' => return Err(Lost),
            b'\\' => {
                let (&escaped, tail) = tail.split_first().ok_or(Lost)?;
                text.push(escaped);
                *rest = tail;
            }
            _ => {
                text.push(byte);
                *rest = tail;
            }
        }
    }
    match text.is_empty() {
        true => Err(Lost),
        false => Ok((!text.eq_ignore_ascii_case(b"null")).then_some(text)),
    }
}

/// What stands before the next quote.
fn quoted(rest: &mut &[u8]) -> Result<Vec<u8>, Lost> {
    let mut text = Vec::new();
    loop {
        let (&byte, tail) = rest.split_first().ok_or(Lost)?;
        *rest = tail;
        match byte {
            b'"' => return Ok(text),
            b'\\' => {
                let (&escaped, tail) = tail.split_first().ok_or(Lost)?;
                text.push(escaped);
                *rest = tail;
            }
            _ => text.push(byte),
        }
    }
}

/// `1010` as the number that it is, the low byte first.
pub(crate) fn bits<O: Out>(
    is_one: bool,
    value: &[u8],
    is_binary: bool,
    out: &mut O,
) -> Result<(), Lost> {
    let mut read = Reader(value);
    let text: Vec<bool> = match is_binary {
        true => {
            let length = read.u32()? as usize;
            if read.0.len() != length.div_ceil(8) {
                return Err(Lost);
            }
            let bit = |at: usize| read.0[at / 8] >> (7 - at % 8) & 1 == 1;
            (0..length).map(bit).collect()
        }
        false => {
            let bit = |byte: &u8| match byte {
                b'0' => Ok(false),
                b'1' => Ok(true),
                _ => Err(Lost),
            };
            value.iter().map(bit).collect::<Result<_, _>>()?
        }
    };
    if is_one {
        out.bool(text.contains(&true));
        return Ok(());
    }
    let mut bytes = vec![0u8; text.len().div_ceil(8)];
    for (at, _) in text.iter().rev().enumerate().filter(|(_, bit)| **bit) {
        bytes[at / 8] |= 1 << (at % 8);
    }
    // As many bytes as the number needs.
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    out.bytes(&bytes);
    Ok(())
}

pub(crate) fn point<O: Out>(value: &[u8], is_binary: bool, out: &mut O) -> Result<(), Lost> {
    let (x, y) = match is_binary {
        true => {
            let mut read = Reader(value);
            (read.f64()?, read.f64()?)
        }
        false => {
            let text = std::str::from_utf8(value).map_err(|_| Lost)?;
            let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
            let (x, y) = inner.and_then(|text| text.split_once(',')).ok_or(Lost)?;
            (x.parse().map_err(|_| Lost)?, y.parse().map_err(|_| Lost)?)
        }
    };
    let mut wkb = [0; 21];
    wkb[..5].copy_from_slice(&[1, 1, 0, 0, 0]);
    wkb[5..13].copy_from_slice(&f64::to_le_bytes(x));
    wkb[13..].copy_from_slice(&f64::to_le_bytes(y));
    out.open_struct();
    out.member(0, b"\"x\":");
    out.double(x);
    out.member(1, b"\"y\":");
    out.double(y);
    out.member(2, b"\"wkb\":");
    out.some();
    out.bytes(&wkb);
    out.member(3, b"\"srid\":");
    out.null();
    out.close_struct();
    Ok(())
}

/// PostGIS's own form, which names the system of coordinates if it has one.
pub(crate) fn geometry<O: Out>(value: &[u8], is_binary: bool, out: &mut O) -> Result<(), Lost> {
    const HAS_SRID: u32 = 0x2000_0000;
    let bytes;
    let value = match is_binary {
        true => value,
        false => {
            bytes = unhex(value)?;
            &bytes
        }
    };
    let word = |at: usize| {
        let word = value.get(at..at + 4).and_then(|word| word.try_into().ok()).ok_or(Lost)?;
        Ok(if value[0] == 1 { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) })
    };
    let srid = match word(1)? & HAS_SRID {
        0 => None,
        _ => Some(word(5)?),
    };
    out.open_struct();
    out.member(0, b"\"wkb\":");
    out.bytes(value);
    out.member(1, b"\"srid\":");
    match srid {
        Some(srid) => {
            out.some();
            out.int(i64::from(srid as i32));
        }
        None => out.null(),
    }
    out.close_struct();
    Ok(())
}

/// A JSON object in a text.
pub(crate) fn hstore<O: Out>(value: &[u8], is_binary: bool, out: &mut O) -> Result<(), Lost> {
    let mut json = b"{".to_vec();
    let mut pair = |key: &[u8], value: Option<&[u8]>| {
        if json.len() > 1 {
            json.push(b',');
        }
        json_text(key, &mut json);
        json.push(b':');
        match value {
            Some(value) => json_text(value, &mut json),
            None => json.extend_from_slice(b"null"),
        }
    };
    if is_binary {
        let mut read = Reader(value);
        for _ in 0..read.u32()? {
            let key = read.value()?.ok_or(Lost)?;
            pair(key, read.value()?);
        }
        if !read.0.is_empty() {
            return Err(Lost);
        }
    } else {
        let mut rest = value;
        while !rest.is_empty() {
            eat(&mut rest, b'"')?;
            let key = quoted(&mut rest)?;
            rest = rest.strip_prefix(b"=>").ok_or(Lost)?;
            match rest.strip_prefix(b"NULL") {
                Some(tail) => {
                    pair(&key, None);
                    rest = tail;
                }
                None => {
                    eat(&mut rest, b'"')?;
                    pair(&key, Some(&quoted(&mut rest)?));
                }
            }
            if !rest.is_empty() {
                rest = rest.strip_prefix(b", ").ok_or(Lost)?;
            }
        }
    }
    json.push(b'}');
    out.text(&json);
    Ok(())
}

/// pgvector's.
pub(crate) fn vector<O: Out>(
    is_half: bool,
    value: &[u8],
    is_binary: bool,
    out: &mut O,
) -> Result<(), Lost> {
    let numbers: Vec<f32> = match is_binary {
        true => {
            let mut read = Reader(value);
            let (count, _unused) = (read.u16()?, read.u16()?);
            let number = |read: &mut Reader<'_>| match is_half {
                true => Ok(half(read.u16()?)),
                false => Ok(f32::from_bits(read.u32()?)),
            };
            (0..count).map(|_| number(&mut read)).collect::<Result<_, _>>()?
        }
        false => {
            let text = std::str::from_utf8(value).map_err(|_| Lost)?;
            let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
            let numbers = inner.ok_or(Lost)?.split(',').filter(|number| !number.is_empty());
            numbers.map(|number| number.parse().map_err(|_| Lost)).collect::<Result<_, _>>()?
        }
    };
    out.open_array(numbers.len());
    for (at, &number) in numbers.iter().enumerate() {
        out.item(at);
        match is_half {
            true => out.float(number),
            false => out.float_as_double(number),
        }
    }
    out.close_array(numbers.len());
    Ok(())
}

/// IEEE 754's of 16 bits.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f32.powi(-24),
        0x1f if fraction == 0.0 => f32::INFINITY,
        0x1f => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

pub(crate) fn unhex(digits: &[u8]) -> Result<Vec<u8>, Lost> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8).ok_or(Lost);
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Lost);
    }
    pairs.iter().map(|[high, low]| Ok(nibble(*high)? << 4 | nibble(*low)?)).collect()
}
