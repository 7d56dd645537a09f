//! Any bytes as a program or library: `cargo fuzz run --features engine elf`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wheelwright_fuzz::elf(bytes));
