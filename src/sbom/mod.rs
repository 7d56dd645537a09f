//! What an image consists of, as lists that scanners and auditors read: SPDX and CycloneDX. Nothing is guessed:
//! packages are those whose metadata stand in the image, and what the lock says of their files.
//!
//! An [`Inventory`] is what is listed; [`Format`] writes it down. Equal inventories give equal bytes.

mod cyclonedx;
mod inventory;
pub mod purl;
mod spdx;
#[cfg(test)]
mod tests;

pub use inventory::{Component, ComponentKind, Fetched, Inventory, InventoryError, Known};

use crate::oci::canonical_json;

/// The forms in which an inventory is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// SPDX 2.3, JSON.
    ///
    /// [SPDX specification 2.3](https://spdx.github.io/spdx-spec/v2.3/).
    Spdx,
    /// CycloneDX 1.6, JSON.
    ///
    /// [CycloneDX 1.6](https://cyclonedx.org/docs/1.6/json/).
    CycloneDx,
}

impl Format {
    /// The media type of the document.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Spdx => "application/spdx+json",
            Self::CycloneDx => "application/vnd.cyclonedx+json",
        }
    }

    /// The document, as canonical JSON. With `files`, CycloneDX lists where each component's files stand; SPDX
    /// demands a SHA-1 of each file that it lists, which nothing here has, and so lists none.
    #[must_use]
    pub fn write(self, inventory: &Inventory, files: bool) -> Vec<u8> {
        canonical_json(&match self {
            Self::Spdx => spdx::document(inventory),
            Self::CycloneDx => cyclonedx::document(inventory, files),
        })
    }
}
