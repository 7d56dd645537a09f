//! Images as values: facts at hand, bytes on demand. Where they come from is a [`Source`], where
//! they go is a [`Sink`]; one function, [`deliver`], knows the order in which things must arrive.

mod config;
mod deliver;
mod manifest;
mod transfer;
mod verify;

pub use config::{ConfigChanges, ConfigLayer, derive_config, rfc3339};
pub use deliver::{Delivery, deliver};
pub use manifest::{Image, Index, Layer, Manifest, ManifestError};
pub use transfer::{BlobSource, ByteStream, Bytes, Failure, Memory, Moved, Origin, Sink, Source, TransferError};
pub use verify::{Check, Mismatch, PieceReader, SaveError, consume, read_whole, save, verified};
