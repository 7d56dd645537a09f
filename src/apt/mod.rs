//! The client of Debian archives: which packages there are, which of them are needed together, and
//! the .debs themselves.

mod archive;
mod contents;
mod download;
mod error;
mod mirrors;
mod release;
mod resolve;
mod set;
#[cfg(test)]
mod testing;
mod universe;

pub use archive::{Archive, Evidence, Other, Query, Trust};
pub use contents::Sonames;
pub use error::AptError;
pub use mirrors::{DEBIAN, Mirrors, SECURITY};
pub use release::Signatures;
pub use resolve::{Recommends, Request, Select, Selected, resolve};
pub use set::{Fault, Set};
pub use universe::{Candidate, Origin, Standing, Universe};
