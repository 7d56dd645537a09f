//! What Debian defines, as values: versions, control paragraphs, dependencies, the indexes of an
//! archive, and the .deb file. Parses bytes, opens nothing.

mod clear_sign;
mod compression;
mod deb;
mod dependency;
mod error;
pub mod openpgp;
mod packages;
mod paragraph;
mod release;
pub mod shell;
mod version;

pub use clear_sign::ClearSigned;
pub use compression::{Compression, decompress};
pub use deb::Deb;
pub use dependency::{Alternative, Dependency, Relation, Requirement, package_name};
pub use error::DebianError;
pub use packages::{Package, PoolFile, installed, packages};
pub use paragraph::{Paragraph, Paragraphs};
pub use release::{IndexFile, Release, Timestamp};
pub use version::Version;
