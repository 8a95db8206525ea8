//! Values in Postgres's binary form (the `*send` functions).

use super::{Pushed, Refusal, array, bad_form, clock, numeric};
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
        PgType::Text | PgType::Enum | PgType::Json | PgType::Bytea | PgType::Other => {
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
        // Postgres has one NaN and prints it without its sign and payload; so do we.
        PgType::Float8 => {
            let number = f64::from_be_bytes(fixed(value)?);
            cells.push_fixed(if number.is_nan() { f64::NAN } else { number }.to_le_bytes());
            Ok(0)
        }
        PgType::Float4 => {
            let number = f32::from_be_bytes(fixed(value)?);
            cells.push_fixed(if number.is_nan() { f32::NAN } else { number }.to_le_bytes());
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
        PgType::Time => reversed::<8>(value, cells),
        PgType::Timetz => {
            cells.push_text(clock::timetz_text(fixed(value)?).as_bytes());
            Ok(0)
        }
        PgType::Interval => {
            cells.push_text(clock::interval_text(fixed(value)?).as_bytes());
            Ok(0)
        }
        // The copy asks for it as text.
        PgType::Array(element, _) if !element.has_binary() => {
            array::push_text(element, value, cells)
        }
        PgType::Array(element, _) => array::push_binary(element, value, cells),
    }
}

/// ClickHouse keeps two little-endian halves, the high one first.
#[inline]
pub(super) fn push_uuid(mut value: [u8; 16], cells: &mut Cells) {
    value[..8].reverse();
    value[8..].reverse();
    cells.push_fixed(value);
}
