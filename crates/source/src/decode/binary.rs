//! Values in Postgres's binary form (the `*send` functions).

use super::{Pushed, Refusal, array, bad_form, clock, numeric};
use model::{Cells, Kind, PgType};

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
        PgType::Int8 | PgType::Float8 => reversed::<8>(value, cells),
        PgType::Int4 | PgType::Oid | PgType::Float4 => reversed::<4>(value, cells),
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
        PgType::Array(element, _) => array::push_binary(element, value, cells),
    }
}

/// ClickHouse keeps two little-endian halves, the high one first.
pub(super) fn push_uuid(mut value: [u8; 16], cells: &mut Cells) {
    value[..8].reverse();
    value[8..].reverse();
    cells.push_fixed(value);
}

/// The text form of a binary value, for the row that goes to quarantine.
pub(super) fn to_text(pg: &PgType, value: &[u8]) -> String {
    if let PgType::Numeric(_) = pg
        && let Some(text) = numeric::text_of_binary(value)
    {
        return text;
    }
    let kind = pg.kind();
    let is_array = matches!(kind, Kind::Array(_));
    let mut cells = Cells::new(kind);
    if !is_array && push(pg, value, &mut cells).is_ok() {
        return crate::lookup::text_of(pg, &cells, 0);
    }
    value.iter().fold(String::from("\\x"), |text, byte| text + &format!("{byte:02x}"))
}
