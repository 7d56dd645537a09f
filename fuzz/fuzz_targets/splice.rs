//! Any bytes as a deflate stream: `cargo fuzz run --features engine splice`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wheelwright_fuzz::splice(bytes));
