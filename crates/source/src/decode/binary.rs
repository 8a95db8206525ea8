//! Values in Postgres's binary form (the `*send` functions).

use super::{
    Pushed, Refusal, array, bad_form, clock, hstore, json, money, numeric, print, printed, range,
    shape, text,
};
use model::{Cells, PgType};

fn fixed<const N: usize>(value: &[u8]) -> Result<[u8; N], Refusal> {
    value.try_into().map_err(|_| bad_form())
}

#[inline]
fn reversed<const N: usize>(value: &[u8], cells: &mut Cells) -> Pushed {
    let mut bytes: [u8; N] = fixed(value)?;
    bytes.reverse();
    cells.push_fixed(bytes);
    Ok(0)
}

/// Pushes one value that is not NULL.
#[inline]
pub(super) fn push(pg: &PgType, value: &[u8], cells: &mut Cells) -> Pushed {
    match pg {
        PgType::Int8 => reversed::<8>(value, cells),
        PgType::Int4 | PgType::Oid => reversed::<4>(value, cells),
        PgType::Int2 => reversed::<2>(value, cells),
        PgType::Text
        | PgType::Enum
        | PgType::Json
        | PgType::Bytea
        | PgType::Other
        | PgType::Unread => {
            cells.push_text(value);
            Ok(0)
        }
        PgType::Timestamp | PgType::Timestamptz => {
            clock::push_timestamp(i64::from_be_bytes(fixed(value)?), cells)
        }
        PgType::Uuid => {
            push_uuid(fixed(value)?, cells);
            Ok(0)
        }
        PgType::Numeric(_) => numeric::push_binary(value, cells),
        PgType::Float8 => {
            shape::push_f64(f64::from_be_bytes(fixed(value)?), cells);
            Ok(0)
        }
        PgType::Float4 => {
            shape::push_f32(f32::from_be_bytes(fixed(value)?), cells);
            Ok(0)
        }
        PgType::Bool => {
            let [byte] = fixed(value)?;
            cells.push_fixed([u8::from(byte != 0)]);
            Ok(0)
        }
        PgType::Jsonb => match value {
            [1, json @ ..] => {
                cells.push_text(json);
                Ok(0)
            }
            _ => Err(bad_form()),
        },
        PgType::Date => clock::push_date(i32::from_be_bytes(fixed(value)?), cells),
        PgType::Time => clock::push_time(i64::from_be_bytes(fixed(value)?), cells),
        PgType::Timetz => {
            let text = clock::timetz_text(fixed(value)?).ok_or_else(bad_form)?;
            cells.push_text(text.as_bytes());
            Ok(0)
        }
        PgType::Interval => {
            cells.push_text(clock::interval_text(fixed(value)?).as_bytes());
            Ok(0)
        }
        PgType::Array(element, dimensions) if element.has_binary() => {
            array::push_binary(element, *dimensions, value, cells)
        }
        _ => push_rare(pg, value, cells),
    }
}

/// Out of the way of the common ones.
fn push_rare(pg: &PgType, value: &[u8], cells: &mut Cells) -> Pushed {
    match pg {
        // The copy asks for it as text.
        _ if !pg.has_binary() => return text::push(pg, value, cells),
        PgType::Xid8 => return reversed::<8>(value, cells),
        PgType::Money(_) => return money::push(i64::from_be_bytes(fixed(value)?), cells),
        PgType::Point => return shape::push_point(value, cells),
        PgType::Polygon => return shape::push_polygon(value, cells),
        PgType::Vector => return shape::push_vector(value, false, cells),
        PgType::Halfvec => return shape::push_vector(value, true, cells),
        PgType::Range(bound) => return range::push_binary(bound, value, cells),
        PgType::Multirange(bound) => return range::push_multi_binary(bound, value, cells),
        PgType::Hstore => {
            hstore::of_binary(value, hstore::into(cells))?;
            cells.end_parts();
        }
        PgType::Composite(_) => cells.write_text(|out| json::of_binary(pg, value, out))?,
        PgType::AsText(inner) => {
            cells.write_text(|out| print::write(inner, value, out).ok_or_else(bad_form))?;
        }
        PgType::Printed(what) => cells.write_text(|out| printed::write(*what, value, out))?,
        _ => return Err(bad_form()),
    }
    Ok(0)
}

/// ClickHouse keeps two little-endian halves, the high one first.
#[inline]
pub(super) fn push_uuid(mut value: [u8; 16], cells: &mut Cells) {
    value[..8].reverse();
    value[8..].reverse();
    cells.push_fixed(value);
}
