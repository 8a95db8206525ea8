//! Points and shapes: structs around WKB.

use super::{Odd, Value, decode, parts};
use crate::read::options::Binary;

/// PostGIS's mark of a WKB that says its reference system.
const HAS_SRID: u32 = 0x2000_0000;

/// `(1.5,-2.5)`
pub(super) fn write_point(value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), Odd> {
    let no_point = || "it is no point".to_owned();
    let number = |name: &str, out: &mut Vec<u8>| match parts::field(value, name) {
        Some(Value::Number(number)) => {
            out.extend_from_slice(number);
            Ok(())
        }
        Some(Value::Double(number)) => {
            super::form::write_double(number, out);
            Ok(())
        }
        // JSON has no word for what is no number.
        Some(Value::Text(text)) => text.write(out).map_err(|_| no_point()),
        _ => Err(no_point()),
    };
    out.push(b'(');
    number("x", out)?;
    out.push(b',');
    number("y", out)?;
    out.push(b')');
    Ok(())
}

/// EWKB in hex, as PostGIS prints it.
pub(super) fn write_ewkb(value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), Odd> {
    let mut wkb = Vec::new();
    match parts::field(value, "wkb") {
        Some(Value::Text(text)) => decode(text.raw, Binary::Base64, &mut wkb)?,
        Some(Value::Bytes(bytes)) => wkb.extend_from_slice(bytes),
        _ => return Err("it has no WKB".to_owned()),
    }
    let srid = parts::field(value, "srid").and_then(|srid| srid.int());
    if let Some(srid) = srid.and_then(|srid| i32::try_from(srid).ok()).filter(|&srid| srid != 0) {
        let head = wkb.first_chunk::<5>().ok_or("a WKB without its type")?;
        let is_little = head[0] == 1;
        let kind = [head[1], head[2], head[3], head[4]];
        let kind = if is_little { u32::from_le_bytes(kind) } else { u32::from_be_bytes(kind) };
        if kind & HAS_SRID == 0 {
            let (kind, srid) = match is_little {
                true => ((kind | HAS_SRID).to_le_bytes(), srid.to_le_bytes()),
                false => ((kind | HAS_SRID).to_be_bytes(), srid.to_be_bytes()),
            };
            wkb.splice(1..5, kind.into_iter().chain(srid));
        }
    }
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in wkb {
        out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    Ok(())
}

/// `101`: the low byte first, the high bit of the text first. Where the count was not declared, the
/// zeros in front are lost at Debezium.
pub(super) fn write_bits(bytes: &[u8], count: Option<u32>, out: &mut Vec<u8>) -> Result<(), Odd> {
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
    let all = bytes.len() * 8;
    let used = (0..all).rev().find(|&at| bit(at)).map_or(0, |at| at + 1);
    let declared =
        count.map(|count| count as usize).filter(|count| count.div_ceil(8) == bytes.len());
    let count = match declared {
        Some(count) if used > count => return Err("it has more bits than its type".to_owned()),
        Some(count) => count,
        None => used.max(1),
    };
    out.extend((0..count).rev().map(|at| b'0' + u8::from(bit(at))));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_as_many_as_were_declared() {
        let text = |bytes: &[u8], count| {
            let mut out = Vec::new();
            write_bits(bytes, count, &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        assert_eq!(text(&[0x0a], Some(4)).unwrap(), "1010");
        assert_eq!(text(&[5], Some(2_147_483_647)).unwrap(), "101");
        assert_eq!(text(&[1, 0x80], Some(16)).unwrap(), "1000000000000001");
        assert_eq!(text(&[0], Some(3)).unwrap(), "000");
        assert_eq!(text(&[0], None).unwrap(), "0");
        assert!(text(&[0xff], Some(4)).is_err());
    }

    #[test]
    fn a_shape_tells_its_reference_system() {
        let point = br#"{"wkb":"AQEAAAAAAAAAAAD4PwAAAAAAAATA","srid":4326}"#;
        let mut out = Vec::new();
        write_ewkb(&Value::Json(point), &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "0101000020E6100000000000000000F83F00000000000004C0"
        );
        let plain = br#"{"wkb":"AQEAAAAAAAAAAAD4PwAAAAAAAATA","srid":null}"#;
        let mut out = Vec::new();
        write_ewkb(&Value::Json(plain), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "0101000000000000000000F83F00000000000004C0");
    }
}
