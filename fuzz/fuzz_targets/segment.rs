#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| source::fuzzing::segment(bytes));
