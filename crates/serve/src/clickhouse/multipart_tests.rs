//! Forms as clients write them, and as nobody should.

use super::*;
use proptest::prelude::*;

/// Gives a few bytes at a time.
struct Trickle<'a> {
    bytes: &'a [u8],
    most: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.len().min(into.len()).min(self.most);
        into[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

type Parts = Vec<(String, bool, Vec<u8>)>;

fn read(bytes: &[u8], boundary: &str, most: usize) -> Result<Parts, Failure> {
    let mut form = Form::new(Trickle { bytes, most }, boundary);
    let mut parts = Parts::new();
    let mut all = || -> io::Result<()> {
        while let Some(part) = form.next()? {
            let mut data = Vec::new();
            while let Some(piece) = form.data()? {
                data.extend_from_slice(piece);
            }
            parts.push((part.name, part.is_file, data));
        }
        assert!(form.next()?.is_none());
        Ok(())
    };
    all().map_err(|error| Failure::of_upload(&error))?;
    Ok(parts)
}

fn code(bytes: &[u8]) -> (u32, u16) {
    let failure = read(bytes, "B", 5).unwrap_err();
    (failure.exception.code, failure.status.as_u16())
}

fn one(head: &str, data: &[u8]) -> Vec<u8> {
    [b"--B\r\n", head.as_bytes(), b"\r\n\r\n", data, b"\r\n--B--\r\n"].concat()
}

#[test]
fn what_clients_send_is_read() {
    // urllib3, with a preamble, padding and an epilogue that RFC 2046 allows.
    let form = b"preamble\r\n--B \t\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT 1\r\n--B\r\n\
        Content-Disposition: form-data; name=\"ids\"; filename=\"a;\\\"b.tsv\"\r\nContent-Type: application/octet-stream\r\n\r\n\
        1\n--B\r\n--\r\n\r\n\r\n--B\r\ncontent-disposition:form-data;name=empty;filename=\r\n\r\n\r\n--B--\r\nepilogue";
    for most in [1, 3, 1000] {
        let parts = read(form, "B", most).unwrap();
        assert_eq!(parts[0], ("query".into(), false, b"SELECT 1".to_vec()));
        assert_eq!(parts[1], ("ids".into(), true, b"1\n--B\r\n--\r\n\r\n".to_vec()));
        assert_eq!(parts[2], ("empty".into(), true, b"".to_vec()));
        assert_eq!(parts.len(), 3);
    }
    assert!(read(b"--B--", "B", 9).unwrap().is_empty());
}

#[test]
fn boundaries_are_named_as_they_may_be() {
    let of = |text: &str| boundary(text).map_err(|failure| failure.status.as_u16());
    assert_eq!(of("application/x-www-form-urlencoded"), Ok(None));
    assert_eq!(of("multipart/form-data; boundary=-x1"), Ok(Some("-x1".into())));
    assert_eq!(of("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\""), Ok(Some("a b".into())));
    for wrong in ["", "; boundary=", "; boundary=\"a", "; boundary=a\u{e9}", "; bound=x"] {
        assert_eq!(of(&format!("multipart/form-data{wrong}")), Err(400), "{wrong}");
    }
    assert_eq!(of(&format!("multipart/form-data; boundary={}", "x".repeat(71))), Err(400));
}

#[test]
fn broken_and_hostile_forms_are_refused() {
    let good = one("Content-Disposition: form-data; name=\"x\"", b"data");
    for end in 0..good.len() - 4 {
        assert_eq!(code(&good[..end]), (33, 400), "cut at {end}");
    }
    assert_eq!(read(&good[..good.len() - 2], "B", 3).unwrap().len(), 1);
    for head in [
        "",
        "X: y",
        "Content-Disposition: form-data",
        "Content-Disposition: form-data; name=\"\"",
        "Content-Disposition: form-data; name=\"open",
        "Content-Disposition: attachment; name=\"x\"",
        "Content-Disposition: form-data; name=\"x\"\r\nContent-Type: multipart/mixed; boundary=C",
        "Content-Disposition: form-data; name=\"x\"\r\nContent-Transfer-Encoding: base64",
    ] {
        assert_eq!(code(&one(head, b"data")), (36, 400), "{head}");
    }
    let long = format!("Content-Disposition: form-data; name=\"{}\"", "x".repeat(20_000));
    assert_eq!(code(&one(&long, b"data")), (36, 400));
    assert_eq!(code(&format!("--B\r\n{long}").into_bytes()), (36, 400), "no end in sight");
    assert_eq!(code(b"--Bx\r\n"), (36, 400));
    let many = "--B\r\nContent-Disposition: form-data; name=x\r\n\r\n\r\n".repeat(1001) + "--B--";
    assert_eq!(code(many.as_bytes()), (36, 400));
    let mut form = Form::new(&good[..], "B");
    form.next().unwrap().unwrap();
    assert!(form.field(3).is_err());
}

proptest! {
    #[test]
    fn any_data_comes_through(
        files in prop::collection::vec(prop::collection::vec(prop_oneof![
            Just(b"\r\n--B".to_vec()), Just(b"\r\n-".to_vec()), Just(b"\r".to_vec()), Just(b"\n".to_vec()),
            prop::collection::vec(any::<u8>(), 0..40),
        ], 0..8), 0..4),
        most in 1usize..50,
    ) {
        let boundary = "B0undary-7";
        let files: Vec<Vec<u8>> = files.into_iter().map(|pieces| pieces.concat()).collect();
        let mut bytes = Vec::new();
        for (number, data) in files.iter().enumerate() {
            bytes.extend(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"f{number}\"; filename=\"\"\r\n\r\n").bytes());
            bytes.extend(data);
            bytes.extend(b"\r\n");
        }
        bytes.extend(format!("--{boundary}--\r\n").bytes());
        let parts = read(&bytes, boundary, most).unwrap();
        let found: Vec<Vec<u8>> = parts.into_iter().map(|(_, _, data)| data).collect();
        prop_assert_eq!(found, files);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(prop_oneof![
        Just(b"\r\n--B".to_vec()), Just(b"--".to_vec()), Just(b"\r\n\r\n".to_vec()),
        Just(b"Content-Disposition: form-data; name=".to_vec()), prop::collection::vec(any::<u8>(), 0..9),
    ], 0..20), most in 1usize..50) {
        let _ = read(&bytes.concat(), "B", most);
    }
}
