//! What a base image is, read from its files. Nothing of it is executed, unpacked or kept: its
//! layers stream through a [`Tree`] once, and [`Facts`](crate::lock::Facts) remain.

mod banner;
mod coded;
mod dpkg;
mod entries;
mod error;
mod evidence;
mod facts;
mod fit;
mod image;
mod index;
mod inspect;
mod installed;
mod interpreter;
mod libc;
mod libraries;
mod listing;
mod loader_cache;
mod memory;
mod noted_source;
mod recorder;
mod replace;
mod requirements;
mod soci;
mod stated;
mod system;
mod tree;

pub use banner::Banners;
pub use dpkg::OsRelease;
pub use entries::{Entry, Kind, LayerEntries};
pub use error::{BaseError, LayerError};
pub use evidence::{Evidence, Secret, wants};
pub use facts::Python;
pub use fit::{Change, Misfit};
pub use image::{BaseImage, image_for, read_base};
pub use inspect::{check_layer, inspect, read_layer, read_tree, stream_layer};
pub use installed::Distribution;
pub use listing::{Aspect, EntryDifference, LayerListing};
pub use loader_cache::LoaderCache;
pub use memory::{is_known_layer, keep_layer, known_layer};
pub use noted_source::NotedSource;
pub use recorder::Recorder;
pub use requirements::{Declared, Unmet, unmet};
pub use stated::Stated;
pub use tree::{Hidden, Node, Tree};
