//! Values in Postgres's text form (the `*out` functions), under the styles that our sessions set.

use super::{
    Pushed, Refusal, array, bad_form, binary, clock, hstore, json, money, numeric, range, shape,
};
use model::{Cells, PgType};
use std::str::FromStr;

fn parsed<T: FromStr>(value: &[u8]) -> Result<T, Refusal> {
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or_else(bad_form)
}

/// Pushes one value that is not NULL.
pub(super) fn push(pg: &PgType, value: &[u8], cells: &mut Cells) -> Pushed {
    match pg {
        PgType::Int8 => cells.push_fixed(parsed::<i64>(value)?.to_le_bytes()),
        PgType::Int4 => cells.push_fixed(parsed::<i32>(value)?.to_le_bytes()),
        PgType::Int2 => cells.push_fixed(parsed::<i16>(value)?.to_le_bytes()),
        PgType::Oid => cells.push_fixed(parsed::<u32>(value)?.to_le_bytes()),
        PgType::Float4 => shape::push_f32(parsed(value)?, cells),
        PgType::Float8 => shape::push_f64(parsed(value)?, cells),
        PgType::Bool => match value {
            b"t" | b"true" => cells.push_fixed([1]),
            b"f" | b"false" => cells.push_fixed([0]),
            _ => return Err(bad_form()),
        },
        PgType::Uuid => binary::push_uuid(uuid(value)?, cells),
        PgType::Bytea => cells.push_text(&bytea(value)?),
        PgType::Numeric(_) => return numeric::push_text(value, cells),
        PgType::Timestamp | PgType::Timestamptz => return clock::push_timestamp_text(value, cells),
        PgType::Date => return clock::push_date_text(value, cells),
        PgType::Time => return clock::push_time_text(value, cells),
        PgType::Array(element, dimensions) => {
            return array::push_text(element, *dimensions, value, cells);
        }
        PgType::Xid8 => cells.push_fixed(parsed::<u64>(value)?.to_le_bytes()),
        PgType::Money(_) => return money::push_text(value, cells),
        PgType::Point => return shape::push_point_text(value, cells),
        PgType::Polygon => return shape::push_polygon_text(value, cells),
        PgType::Vector | PgType::Halfvec => return shape::push_vector_text(value, cells),
        PgType::Range(bound) => return range::push_text(bound, value, cells),
        PgType::Multirange(bound) => return range::push_multi_text(bound, value, cells),
        PgType::Hstore => {
            hstore::of_text(value, hstore::into(cells))?;
            cells.end_parts();
        }
        // It was JSON already: a row that was kept aside after it was decoded.
        PgType::Composite(_) if value.first() == Some(&b'{') => cells.push_text(value),
        PgType::Composite(_) => cells.write_text(|out| json::of_text(pg, value, out))?,
        PgType::Text
        | PgType::Enum
        | PgType::Json
        | PgType::Jsonb
        | PgType::Timetz
        | PgType::Interval
        | PgType::Printed(_)
        | PgType::AsText(_)
        | PgType::Other
        | PgType::Unread => cells.push_text(value),
    }
    Ok(0)
}

fn nibble(byte: u8) -> Result<u8, Refusal> {
    let digit = char::from(byte).to_digit(16);
    digit.map(|digit| digit as u8).ok_or_else(bad_form)
}

fn uuid(value: &[u8]) -> Result<[u8; 16], Refusal> {
    let mut bytes = [0; 16];
    let mut digits = value.iter().filter(|&&byte| byte != b'-');
    let mut next = || digits.next().ok_or_else(bad_form).and_then(|&byte| nibble(byte));
    for byte in &mut bytes {
        *byte = next()? << 4 | next()?;
    }
    match digits.next() {
        None => Ok(bytes),
        Some(_) => Err(bad_form()),
    }
}

/// `\x…`; our sessions set bytea_output.
fn bytea(value: &[u8]) -> Result<Vec<u8>, Refusal> {
    let digits = value.strip_prefix(b"\\x").ok_or_else(bad_form)?;
    if digits.len() % 2 != 0 {
        return Err(bad_form());
    }
    digits.chunks_exact(2).map(|pair| Ok(nibble(pair[0])? << 4 | nibble(pair[1])?)).collect()
}
