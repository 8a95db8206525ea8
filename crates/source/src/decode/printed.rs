//! Binary forms of which we keep what Postgres prints: written as its `*out` functions do.

use super::{Cursor, Malformed, float, network, search};
use model::Printed;
use std::io::Write;

/// Writes the text of a binary value. What was written before an error is no text.
pub(super) fn write(printed: Printed, value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(value);
    let read = &mut cursor;
    match printed {
        Printed::Inet => network::inet(read, out)?,
        Printed::Macaddr => {
            network::macaddr(value, out)?;
            return Ok(());
        }
        Printed::Bits => bits(read, out)?,
        Printed::Lseg => points(read, 2, b"[]", out)?,
        Printed::Box => {
            point(read, out)?;
            out.push(b',');
            point(read, out)?;
        }
        Printed::Path => {
            let brackets = if read.u8()? == 0 { b"[]" } else { b"()" };
            let count = count(read, 16)?;
            points(read, count, brackets, out)?;
        }
        Printed::Line => floats(read, 3, b"{}", ",", out)?,
        Printed::Circle => {
            out.push(b'<');
            point(read, out)?;
            out.push(b',');
            float::write_f64(read.f64()?, out);
            out.push(b'>');
        }
        Printed::Char => char(read.u8()?, out),
        Printed::Tid => {
            let _ = write!(out, "({},{})", read.u32()?, read.u16()?);
        }
        Printed::Lsn => {
            let lsn = read.u64()?;
            let _ = write!(out, "{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff);
        }
        Printed::Snapshot => snapshot(read, out)?,
        Printed::Int2Vector => vector(read, out, |item| item.i16().map(i64::from))?,
        Printed::OidVector => vector(read, out, |item| item.u32().map(i64::from))?,
        Printed::Tsvector => search::tsvector(read, out)?,
        Printed::Tsquery => search::tsquery(read, out)?,
        Printed::Versioned => match read.u8()? {
            1 => {
                out.extend_from_slice(read.rest());
                return Ok(());
            }
            _ => return Err(Malformed("a text of an unknown version")),
        },
        Printed::Cube => cube(read, out)?,
        Printed::Sparsevec => sparsevec(read, out)?,
        Printed::Ewkb => {
            value.iter().for_each(|byte| {
                let _ = write!(out, "{byte:02X}");
            });
            return Ok(());
        }
    }
    match cursor.rest() {
        [] => Ok(()),
        _ => Err(Malformed("a value goes on after its end")),
    }
}

/// A count of things that take at least `bytes` each: what cannot be there is not tried.
pub(super) fn count(read: &mut Cursor<'_>, bytes: usize) -> Result<usize, Malformed> {
    match usize::try_from(read.i32()?) {
        Ok(count) if count <= read.rest().len() / bytes => Ok(count),
        _ => Err(Malformed("a count that cannot be")),
    }
}

pub(super) fn point(read: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
    floats(read, 2, b"()", ",", out)
}

pub(super) fn points(
    read: &mut Cursor<'_>,
    count: usize,
    brackets: &[u8; 2],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    out.push(brackets[0]);
    for at in 0..count {
        if at > 0 {
            out.push(b',');
        }
        point(read, out)?;
    }
    out.push(brackets[1]);
    Ok(())
}

fn floats(
    read: &mut Cursor<'_>,
    count: usize,
    brackets: &[u8; 2],
    glue: &str,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    out.push(brackets[0]);
    for at in 0..count {
        if at > 0 {
            out.extend_from_slice(glue.as_bytes());
        }
        float::write_f64(read.f64()?, out);
    }
    out.push(brackets[1]);
    Ok(())
}

fn bits(read: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let count = usize::try_from(read.i32()?).map_err(|_| Malformed("a negative length"))?;
    let bytes = read.bytes(count.div_ceil(8))?;
    out.extend((0..count).map(|at| b'0' + (bytes[at / 8] >> (7 - at % 8) & 1)));
    Ok(())
}

/// Postgres has no letter for 0, and 16 has none beyond ASCII.
fn char(byte: u8, out: &mut Vec<u8>) {
    match byte {
        0 => {}
        1..0x80 => out.push(byte),
        _ => {
            let _ = write!(out, "\\{byte:03o}");
        }
    }
}

fn snapshot(read: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let count = usize::try_from(read.i32()?).map_err(|_| Malformed("a negative length"))?;
    let _ = write!(out, "{}:{}:", read.u64()?, read.u64()?);
    for at in 0..count {
        let _ = write!(out, "{}{}", if at > 0 { "," } else { "" }, read.u64()?);
    }
    Ok(())
}

/// An array's form, printed without its braces.
fn vector(
    read: &mut Cursor<'_>,
    out: &mut Vec<u8>,
    item: impl Fn(&mut Cursor<'_>) -> Result<i64, Malformed>,
) -> Result<(), Malformed> {
    let (dimensions, _has_nulls, _element) = (read.u32()?, read.u32()?, read.u32()?);
    let length = match dimensions {
        0 => 0,
        1 => {
            let length = read.u32()?;
            let _lower_bound = read.u32()?;
            length
        }
        _ => return Err(Malformed("a vector of many dimensions")),
    };
    for at in 0..length {
        let _length = read.i32()?;
        let _ = write!(out, "{}{}", if at > 0 { " " } else { "" }, item(read)?);
    }
    Ok(())
}

/// `(1, 2),(3, 4)`, or one point where both corners are.
fn cube(read: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let header = read.u32()?;
    let dimensions = (header & 0x7fff_ffff) as usize;
    let corner = read.bytes(dimensions.saturating_mul(8))?;
    floats(&mut Cursor::new(corner), dimensions, b"()", ", ", out)?;
    if header >> 31 == 1 {
        return Ok(());
    }
    let other = read.bytes(dimensions * 8)?;
    let number = |bytes: &[u8], at: usize| Cursor::new(&bytes[at * 8..]).f64();
    let is_point = (0..dimensions).all(|at| number(corner, at) == number(other, at));
    if !is_point {
        out.push(b',');
        floats(&mut Cursor::new(other), dimensions, b"()", ", ", out)?;
    }
    Ok(())
}

/// pgvector's `{1:0.5,3:2}/5`; its binary indexes count from 0, its text from 1.
fn sparsevec(read: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let (dimensions, count) = (read.i32()?, read.i32()?);
    let _unused = read.i32()?;
    let count = usize::try_from(count).map_err(|_| Malformed("a negative length"))?;
    let mut indexes = Cursor::new(read.bytes(count.saturating_mul(4))?);
    out.push(b'{');
    for at in 0..count {
        let index = i64::from(indexes.i32()?) + 1;
        let _ = write!(out, "{}{index}:", if at > 0 { "," } else { "" });
        float::write_f32(read.f32()?, out);
    }
    let _ = write!(out, "}}/{dimensions}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(printed: Printed, value: &[u8]) -> Option<String> {
        let mut out = Vec::new();
        write(printed, value, &mut out).ok()?;
        String::from_utf8(out).ok()
    }

    /// As pgvector's `sparsevec_send` and PostGIS's `geometry_send` write them
    /// (<https://github.com/pgvector/pgvector/blob/v0.8.0/src/sparsevec.c>).
    #[test]
    fn forms_of_extensions_that_are_not_here() {
        let mut sparse = Vec::new();
        for number in [5i32, 2, 0, 0, 2] {
            sparse.extend(number.to_be_bytes());
        }
        for number in [0.5f32, 2.0] {
            sparse.extend(number.to_be_bytes());
        }
        assert_eq!(text(Printed::Sparsevec, &sparse).as_deref(), Some("{1:0.5,3:2}/5"));
        assert_eq!(text(Printed::Sparsevec, &sparse[..23]), None);
        assert_eq!(text(Printed::Ewkb, &[1, 0xa2]).as_deref(), Some("01A2"));
    }

    #[test]
    fn counts_that_cannot_be_are_refused() {
        assert_eq!(text(Printed::Path, &[1, 0x7f, 0xff, 0xff, 0xff]), None);
        assert_eq!(text(Printed::Bits, &[0x7f, 0xff, 0xff, 0xff, 0]), None);
        assert_eq!(text(Printed::Char, &[0xe9]).as_deref(), Some("\\351"));
        assert_eq!(text(Printed::Lsn, &[0, 0, 0, 0x16, 0xb3, 0x74, 0xd8, 0x48, 0]), None);
    }
}
