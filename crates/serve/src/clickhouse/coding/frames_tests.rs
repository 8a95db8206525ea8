//! Frames as other programs write them, round trips, and what is wrong with broken ones.

use super::*;
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(|char| !char.is_whitespace()).collect();
    let pairs = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    Reader::new(bytes).read_to_end(&mut out).map(|_| out)
}

/// The code of the exception, or the kind of the error.
fn refused(bytes: &[u8]) -> Result<u32, io::ErrorKind> {
    let error = read(bytes).unwrap_err();
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Failure>()) {
        Some(failure) => {
            assert_eq!(failure.status, 400);
            Ok(failure.exception.code)
        }
        None => Err(error.kind()),
    }
}

/// A frame around any bytes, with a hash that fits.
fn frame(method: u8, body: &[u8], length: u32) -> Vec<u8> {
    let mut head = vec![method];
    head.extend_from_slice(&((body.len() + HEAD_BYTES) as u32).to_le_bytes());
    head.extend_from_slice(&length.to_le_bytes());
    head.extend_from_slice(body);
    [&hash(&head)[..], &head].concat()
}

/// A block of one column in LZ4 as a ClickHouse server sent it.
const RECORDED: &str = "f5 05 de eb e1 9e 3b 6c e1 1f 41 d7 42 42 24 5c 82 22 00 00 00 17 00 00 00
    f0 08 01 00 02 ff ff ff ff 00 01 01 01 73 06 53 74 72 69 6e 67 03 61 62 63";

#[test]
fn what_a_server_sent_is_read_and_written() {
    let recorded = hex(RECORDED);
    let block = b"\x01\x00\x02\xff\xff\xff\xff\x00\x01\x01\x01s\x06String\x03abc";
    assert_eq!(read(&recorded).unwrap(), block);
    assert_eq!(whole(Method::Lz4, block), recorded);
    // Two behind each other are one text.
    assert_eq!(read(&[&recorded[..], &recorded].concat()).unwrap(), [&block[..], block].concat());
    assert_eq!(read(b"").unwrap(), b"");
}

#[test]
fn broken_frames_are_refused_with_clickhouses_codes() {
    let good = hex(RECORDED);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        let code = refused(&bad);
        match at {
            // The method is looked at first; the sizes may promise more than comes.
            16 => assert_eq!(code, Ok(432)),
            17..=24 => assert!(
                matches!(code, Ok(40 | 271) | Err(io::ErrorKind::UnexpectedEof)),
                "{at}: {code:?}"
            ),
            _ => assert_eq!(code, Ok(40), "{at}"),
        }
    }
    for end in 1..good.len() {
        assert_eq!(refused(&good[..end]), Err(io::ErrorKind::UnexpectedEof), "{end}");
    }
    // A right hash over nonsense.
    assert_eq!(refused(&frame(0x82, b"\xf0\xff\xff", 23)), Ok(271));
    assert_eq!(refused(&frame(0x90, b"nonsense", 23)), Ok(271));
    assert_eq!(refused(&frame(0x02, b"four", 5)), Ok(271));
    assert_eq!(refused(&frame(0x91, b"x", 1)), Ok(432));
    let packed = zstd::bulk::compress(&[7; 1000], 1).unwrap();
    assert_eq!(refused(&frame(0x90, &packed, 999)), Ok(271));
    assert_eq!(refused(&frame(0x90, &packed, 1001)), Ok(271));
    assert_eq!(read(&frame(0x90, &packed, 1000)).unwrap(), [7; 1000]);
    let mut small = good.clone();
    small[17..21].copy_from_slice(&8u32.to_le_bytes());
    assert_eq!(refused(&small), Ok(271));
}

#[test]
fn sizes_are_bounded_before_they_cost_memory() {
    let mut large = hex(RECORDED);
    large[21..25].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(refused(&large), Ok(271));
    large[21..25].copy_from_slice(&(100u32 << 20).to_le_bytes());
    assert_eq!(refused(&large), Ok(271), "more than LZ4 can hold");
    let mut large = hex(RECORDED);
    large[17..21].copy_from_slice(&(120u32 << 20).to_le_bytes());
    // Announced, and not come: nothing was kept for it.
    assert_eq!(refused(&large), Err(io::ErrorKind::UnexpectedEof));
    // A bomb of ZSTD is read in pieces.
    let packed = zstd::bulk::compress(&vec![b'x'; 64 << 20], 1).unwrap();
    assert!(packed.len() < 10 << 10);
    let mut reader = Reader::new(io::Cursor::new(frame(0x90, &packed, 64 << 20)));
    let (mut piece, mut total) = (vec![0; 64 << 10], 0);
    while let count @ 1.. = reader.read(&mut piece).unwrap() {
        total += count;
    }
    assert_eq!(total, 64 << 20);
}

#[test]
fn large_frames_take_no_more_than_their_room() {
    static ROOM: Room = Room::new(8 << 20);
    let mut large = Vec::new();
    push(&mut large, Method::Lz4, &vec![b'x'; 6 << 20]);
    let twice = large.repeat(2);
    let mut first = Reader::within(&twice[..], &ROOM);
    first.read_exact(&mut [0]).unwrap();
    let mut second = Reader::within(&large[..], &ROOM);
    let error = second.read(&mut [0]).unwrap_err();
    assert_eq!(Failure::of_upload(&error).exception.code, 241);
    // Its second one has the place of its first.
    assert_eq!(io::copy(&mut first, &mut io::sink()).unwrap(), (12 << 20) - 1);
    drop(first);
    assert_eq!(io::copy(&mut second, &mut io::sink()).unwrap(), 0, "its frame was taken off");
    let mut none = Vec::new();
    push(&mut none, Method::None, &vec![b'x'; 10 << 20]);
    assert!(Reader::within(&none[..], &ROOM).read(&mut [0]).is_err());
}

#[test]
fn methods_have_names() {
    assert_eq!(Method::parse("ZSTD").unwrap(), Method::Zstd);
    assert_eq!(Method::parse("LZ4HC").unwrap(), Method::Lz4);
    assert_eq!(Method::parse("none").unwrap(), Method::None);
    assert_eq!(Method::parse("lzo").unwrap_err().exception.code, 432);
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        pieces in prop::collection::vec((any::<u8>(), 0usize..200_000), 0..6),
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut text = Vec::new();
        for method in [Method::Lz4, Method::Zstd, Method::None] {
            let mut writer = Writer::new(method);
            text.clear();
            for (byte, length) in &pieces {
                let piece = [&vec![*byte; *length][..], &noise].concat();
                writer.write(&piece);
                text.extend_from_slice(&piece);
            }
            let framed = writer.finish();
            let found = read(&framed).unwrap();
            prop_assert!(found == text);
            if framed.len() > 1 {
                prop_assert!(read(&framed[..framed.len() - 1]).is_err());
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), method in 0usize..3, length in any::<u32>()) {
        let _ = read(&bytes);
        let _ = read(&frame([0x82, 0x90, 0x02][method], &bytes, length));
        let _ = read(&frame([0x82, 0x90, 0x02][method], &bytes, length % 4000));
    }
}
