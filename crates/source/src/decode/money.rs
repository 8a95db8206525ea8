//! money: a whole number of the currency's smallest unit. How many of them make one is `lc_monetary`'s
//! to say; our sessions print it the way of the C locale, whatever the database's is.

use super::{Pushed, bad_form};
use model::Cells;
use std::io::Write;

pub(super) fn push(units: i64, cells: &mut Cells) -> Pushed {
    cells.push_fixed(i128::from(units).to_le_bytes());
    Ok(0)
}

/// Of `-$1,234.56`.
pub(super) fn push_text(value: &[u8], cells: &mut Cells) -> Pushed {
    if !value.iter().any(u8::is_ascii_digit) {
        return Err(bad_form());
    }
    let mut units: i128 = 0;
    for digit in value.iter().filter(|byte| byte.is_ascii_digit()) {
        units = units * 10 + i128::from(digit - b'0');
        if units > 1 << 64 {
            return Err(bad_form());
        }
    }
    let units = if value.contains(&b'-') { -units } else { units };
    push(i64::try_from(units).map_err(|_| bad_form())?, cells)
}

pub(super) fn print(units: i64, out: &mut Vec<u8>) {
    let (sign, size) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
    let whole = (size / 100).to_string();
    let _ = write!(out, "{sign}$");
    for (at, digit) in whole.bytes().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(b',');
        }
        out.push(digit);
    }
    let _ = write!(out, ".{:02}", size % 100);
}
