//! The target that `TARGET` names, steered by coverage: all of them are one program.

#![no_main]

use std::sync::LazyLock;

use wheelwright_fuzz::Target;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("TARGET").expect("TARGET names one");
    Target::of(&name).expect("TARGET is one of those that `drive -- all 0` lists")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.check)(bytes));
