//! The making of layers, format 1: what goes in is a sorted list of [`Item`]s, what comes out is, by
//! default, a virtual gzip of a tar, in which the deflate streams of wheels stand as they came.

pub mod bytecode;
mod check;
pub mod debian;
mod deflate;
mod error;
mod fingerprint;
#[cfg(test)]
mod golden;
mod hashes;
mod header;
mod inflate;
mod item;
mod lay;
mod merge;
mod paths;
mod rope;
pub mod scripts;
mod share;
mod source;
pub mod venv;
pub mod wheel;

pub use error::LayerError;
pub use hashes::Threads;
pub use header::whiteout;
pub use item::{Body, Item, Method, Node, Span, whiteouts};
pub use lay::{FORMAT, Format, Laid, Witness, lay, lay_before};
pub use merge::{Contribution, case_twins, merge, merge_with};
pub use paths::{MTIME, Paths};
pub use rope::{OpenBlob, Rope, RopeReader};
pub use share::share;
pub use source::VirtualLayer;
