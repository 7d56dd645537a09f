//! The program: see [`wheelwright::cli`].

fn main() {}
