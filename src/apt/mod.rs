//! The client of Debian archives: which packages there are, which of them are needed together, and
//! the .debs themselves.

mod archive;
mod download;
mod error;
mod mirrors;
mod release;
mod resolve;
mod universe;

pub use archive::{Archive, Evidence, Query, Trust};
pub use error::AptError;
pub use mirrors::{DEBIAN, Mirrors, SECURITY};
pub use release::Signatures;
pub use resolve::{Request, Selected, resolve};
pub use universe::{Candidate, Universe};
