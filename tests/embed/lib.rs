//! Nothing of its own: `tests/examples.rs` is what this package is for.
