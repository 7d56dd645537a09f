//! OCI image layouts: folders that hold images.
//!
//! [Image specification, image layout](https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md).

mod contents;
mod error;
mod file;
mod sink;
mod source;

pub use contents::{Contents, ContentsError};
pub use error::LayoutError;
pub use file::FileBlob;
pub use sink::LayoutSink;
pub use source::{Folder, LayoutSource, Listed, Place, read_contents};

use crate::oci::Digest;

/// The file that marks a layout.
pub const MARKER: &str = "oci-layout";
/// What the marker holds.
pub const MARKER_BYTES: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// The file that lists the images.
pub const INDEX: &str = "index.json";
/// Manifests and configs are at most this large; registries must accept 4 MiB.
pub const DOCUMENT_LIMIT: u64 = 16 << 20;

/// Where the blob with `digest` stands in a layout.
#[must_use]
pub fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
