//! Addresses.

use super::{Cursor, Malformed};
use std::io::Write;

/// What Postgres calls IPv4 and IPv6.
const V4: u8 = 2;
const V6: u8 = 3;

/// The netmask is told of a `cidr`, and of an `inet` that has one.
pub(super) fn inet(read: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let (family, bits, is_cidr, length) = (read.u8()?, read.u8()?, read.u8()?, read.u8()?);
    let address = read.bytes(usize::from(length))?;
    match (family, address) {
        (V4, [a, b, c, d]) => {
            let _ = write!(out, "{a}.{b}.{c}.{d}");
        }
        (V6, address) if address.len() == 16 => v6(address, out),
        _ => return Err(Malformed("an address of an unknown family")),
    }
    if is_cidr != 0 || usize::from(bits) != address.len() * 8 {
        let _ = write!(out, "/{bits}");
    }
    Ok(())
}

/// The longest run of zeros is left out, and an embedded IPv4 address looks like one
/// (<https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/utils/adt/inet_net_ntop.c>).
fn v6(address: &[u8], out: &mut Vec<u8>) {
    let word = |at: usize| u16::from_be_bytes([address[2 * at], address[2 * at + 1]]);
    let (mut base, mut length) = (8, 1);
    let mut at = 0;
    while at < 8 {
        let zeros = (at..8).take_while(|&at| word(at) == 0).count();
        if zeros > length {
            (base, length) = (at, zeros);
        }
        at += zeros.max(1);
    }
    let run = if base == 8 { 8..8 } else { base..base + length };
    let holds_v4 = run.start == 0
        && (run.len() == 6
            || run.len() == 7 && word(7) != 1
            || run.len() == 5 && word(5) == 0xffff);
    let mut at = 0;
    while at < 8 {
        if at == run.start {
            out.push(b':');
            at = run.end;
            if at == 8 {
                out.push(b':');
            }
            continue;
        }
        if at > 0 {
            out.push(b':');
        }
        if at == 6 && holds_v4 {
            let [a, b, c, d] = [address[12], address[13], address[14], address[15]];
            let _ = write!(out, "{a}.{b}.{c}.{d}");
            return;
        }
        let _ = write!(out, "{:x}", word(at));
        at += 1;
    }
}

pub(super) fn macaddr(value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    if !matches!(value.len(), 6 | 8) {
        return Err(Malformed("a hardware address of an unknown length"));
    }
    for (at, byte) in value.iter().enumerate() {
        let _ = write!(out, "{}{byte:02x}", if at > 0 { ":" } else { "" });
    }
    Ok(())
}
