//! From .debs to the items of a layer, without dpkg and without running anything: each .deb is read
//! once into a packed form that layers can take files from, and the packed forms are laid out as one
//! tree, with the few effects of maintainer scripts that an image needs.

mod contents;
mod entries;
mod error;
#[cfg(test)]
mod fixture;
mod fixups;
mod index;
mod lay_out;
mod library;
mod links;
mod pack;
mod scripts;
mod strip;
mod tree;

pub use error::UnpackError;
pub use index::{Entry, Index, Kind, Packed, Stretch};
pub use lay_out::{LaidOut, Options, Over, lay_out};
pub use library::Library;
pub use pack::pack;
pub use scripts::Undone;
pub use strip::Strip;
