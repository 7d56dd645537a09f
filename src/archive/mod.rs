//! OCI archives: layouts in a tar, and the same with what `docker load` asks for.
//!
//! Entries stand in one order: the marker, the blobs in the order in which they were put, the
//! manifests, `index.json`, and for engines `manifest.json`. Owners are 0, times are 0: the same
//! image in the same order has the same bytes.

mod docker;
mod error;
mod output;
mod sink;
mod source;
mod turns;

pub use error::ArchiveError;
pub use output::Output;
pub use sink::{ArchiveSink, Listing};
pub use source::{ArchiveSource, Tar};
