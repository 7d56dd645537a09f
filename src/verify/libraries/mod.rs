//! Whether the loader will find what programs and extension modules need: a simulation of the target's
//! own loader over the merged files, breadth first, with what is loaded already counting.
//!
//! Source: [`ld.so(8)`](https://man7.org/linux/man-pages/man8/ld.so.8.html), glibc's `elf/dl-load.c`,
//! `elf/dl-version.c` and `elf/dl-lookup.c`, musl's `ldso/dynlink.c`.

mod by_python;
mod findings;
mod folders;
mod known;
mod named;
mod process;
mod proof;
mod roots;
mod siblings;
#[cfg(test)]
mod tests;

pub use findings::{findings, mend};
pub use proof::{Elsewhere, Gap, Need, OldLibrary, Proof, UndefinedSymbols, prove};
