//! Images as values: facts at hand, bytes on demand. Where they come from is a [`Source`], where
//! they go is a [`Sink`]; a [`Graph`] knows the order in which things must arrive.

mod artifact;
mod config;
mod graph;
mod manifest;
mod rebase;
mod transfer;
mod variables;
mod verify;
mod watched;

pub use artifact::{Artifact, Attachment};
pub use config::{ConfigChanges, ConfigLayer, derive_config, platform_of, rfc3339, seconds};
pub use graph::{Delivery, Graph, deliver, is_kept_elsewhere};
pub use manifest::{Image, Index, Layer, Manifest, ManifestError};
pub use rebase::{BASE_DIGEST, BASE_NAME, BaseName, RebasedConfig, rebase_config, rebase_index, rebase_manifest};
pub use transfer::{BlobSource, ByteStream, Bytes, Failure, Memory, Moved, Origin, Sink, Source, TransferError};
pub use variables::{expanded, variables};
pub use verify::{Check, Mismatch, PieceReader, SaveError, consume, read_whole, save, verified};
