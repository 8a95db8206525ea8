#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bus::read::fuzzing::schema(bytes));
