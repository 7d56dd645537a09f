//! OCI archives: layouts in a tar.
//!
//! Entries stand in one order: the marker, the blobs in the order in which they were put, the
//! manifests, `index.json`. Owners are 0, times are 0: the same image in the same order has the
//! same bytes.

mod error;
mod sink;
mod source;
mod turns;

pub use error::ArchiveError;
pub use sink::ArchiveSink;
pub use source::ArchiveSource;
