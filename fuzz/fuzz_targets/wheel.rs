//! Any bytes as a wheel: `cargo fuzz run --features engine wheel`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wheelwright_fuzz::wheel(bytes));
