//! What the engine would take without a word and change: refused here, like what it refuses itself.
//!
//! - NULL in a column whose type has none, which would become the type's zero
//! - a whole number in a narrower type, which would be cut to its lower bits

use crate::target::{Target, TargetColumn};
use model::{Block, Cells, Error, Kind, Result};

/// An error if a column of the target cannot hold what the block has for it.
pub(crate) fn check(target: &Target, block: &Block) -> Result<()> {
    for column in &target.columns {
        let cells = &block.columns[column.source];
        if lacks_null(column) && cells.nulls().contains(&1) {
            return refuse(target, &format!("NULL has no place in {}", column.clickhouse));
        }
        if let Some(range) = narrower(cells.kind(), &column.clickhouse)
            && !holds(cells, range)
        {
            return refuse(target, &format!("the number has no place in {}", column.clickhouse));
        }
    }
    Ok(())
}

fn refuse(target: &Target, why: &str) -> Result<()> {
    Err(Error::refused(format!("cannot write {}", target.table.name)).detail(why))
}

fn lacks_null(column: &TargetColumn) -> bool {
    column.nullable && column.default.is_none() && !column.takes_null()
}

/// The least and the most of an integer type that does not hold all of `kind`.
fn narrower(kind: &Kind, clickhouse: &str) -> Option<(i128, i128)> {
    let own = match kind {
        Kind::Int16 => (i128::from(i16::MIN), i128::from(i16::MAX)),
        Kind::Int32 => (i128::from(i32::MIN), i128::from(i32::MAX)),
        Kind::Int64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
        Kind::UInt32 => (0, i128::from(u32::MAX)),
        _ => return None,
    };
    let mut base = clickhouse.trim();
    for outer in ["LowCardinality(", "Nullable("] {
        if let Some(inner) = base.strip_prefix(outer).and_then(|rest| rest.strip_suffix(')')) {
            base = inner.trim();
        }
    }
    let (signed, width) = match base.strip_prefix('U') {
        Some(rest) => (false, rest),
        None => (true, base),
    };
    let width: u32 = width.strip_prefix("Int")?.parse().ok()?;
    let range = match (signed, width) {
        (true, 8 | 16 | 32 | 64) => (-(1i128 << (width - 1)), (1i128 << (width - 1)) - 1),
        (false, 8 | 16 | 32 | 64) => (0, (1i128 << width) - 1),
        (false, _) => (0, i128::MAX),
        (true, _) => return None,
    };
    (range.0 > own.0 || range.1 < own.1).then_some(range)
}

fn holds(cells: &Cells, (least, most): (i128, i128)) -> bool {
    let signed = *cells.kind() != Kind::UInt32;
    let width = cells.kind().width().unwrap_or(1);
    let number = |value: &[u8]| {
        let is_negative = signed && value.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut bytes = [if is_negative { 0xff } else { 0 }; 16];
        bytes[..value.len()].copy_from_slice(value);
        i128::from_le_bytes(bytes)
    };
    cells.bytes().chunks_exact(width).map(number).all(|value| (least..=most).contains(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_looked_at_where_they_are_narrower() {
        assert_eq!(narrower(&Kind::Int64, "Int16"), Some((-32768, 32767)));
        assert_eq!(
            narrower(&Kind::Int32, "LowCardinality(Nullable(UInt64))"),
            Some((0, (1 << 64) - 1))
        );
        assert_eq!(narrower(&Kind::Int16, "UInt256"), Some((0, i128::MAX)));
        for (kind, wide) in
            [(Kind::Int32, "Int64"), (Kind::UInt32, "Int64"), (Kind::Int64, "Int128")]
        {
            assert_eq!(narrower(&kind, wide), None, "{wide}");
        }
        for other in ["String", "Float64", "Interval", "Int", "Decimal(9, 2)"] {
            assert_eq!(narrower(&Kind::Int64, other), None, "{other}");
        }
    }

    #[test]
    fn numbers_are_read_with_their_sign() {
        let mut cells = Cells::new(Kind::Int64);
        cells.push_fixed((-5i64).to_le_bytes());
        cells.push_fixed(200i64.to_le_bytes());
        assert!(holds(&cells, (-5, 200)) && !holds(&cells, (-4, 200)) && !holds(&cells, (-5, 199)));
        let mut cells = Cells::new(Kind::UInt32);
        cells.push_fixed(u32::MAX.to_le_bytes());
        assert!(holds(&cells, (0, i128::from(u32::MAX))) && !holds(&cells, (0, 7)));
    }
}
