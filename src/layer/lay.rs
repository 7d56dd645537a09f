//! Layers laid down: one pass over the items makes the tar, checks every payload, and hands both to
//! what the format makes of them.
//!
//! | format | bytes | kept as |
//! |---|---|---|
//! | `Gzip` | one member, the wheels' deflate streams spliced in ([`splice`]) | a rope of ranges: nothing is copied |
//! | `Zstd` | one frame, level 3, with content size and checksum ([`encoder`]) | a blob of the store |
//! | `Plain` | the tar itself | a blob of the store |
//! | `Lazy` | eStargz: gzip, a member for each file ([`lazy`]) | a blob of the store |
//!
//! The first three hold the same tar and have the same diff id. What is not spliced stands nowhere
//! in the store yet; to produce it anew for every read would take the whole pass, for a retry of an
//! upload too. So it is encoded once, streamed into the store, and the rope is that one file.

pub(super) mod encoder;
mod lazy;
mod pass;
mod splice;
mod whole;

use std::{fmt, thread};

use pass::Audience;

use super::{
    Item, LayerError, Rope,
    check::check_items,
    fingerprint,
    hashes::{Hashes, Threads},
};
use crate::{
    oci::{Descriptor, DiffId, MediaType},
    store::Store,
};

/// Version of the layer format; part of every layer key.
pub const FORMAT: u32 = 1;

/// How a layer is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `tar+gzip`, which everything reads; made without a compressor.
    #[default]
    Gzip,
    /// `tar+zstd`: smaller, and faster to unpack; Docker before 23 does not read it.
    Zstd,
    /// `tar`.
    Plain,
    /// `tar+gzip` as eStargz: files can be fetched one by one. Readers that stop after one gzip
    /// member see only its first bytes.
    Lazy,
}

impl Format {
    /// The type of layers in this format.
    #[must_use]
    pub const fn media_type(self) -> MediaType {
        match self {
            Self::Gzip | Self::Lazy => MediaType::ImageLayerGzip,
            Self::Zstd => MediaType::ImageLayerZstd,
            Self::Plain => MediaType::ImageLayer,
        }
    }
}

/// A layer that has been made.
#[derive(Clone, Debug)]
pub struct Laid {
    /// SHA-256 of the tar.
    pub diff_id: DiffId,
    /// Media type, digest and size of the blob, and what must be said of it in a manifest.
    pub descriptor: Descriptor,
    /// The blob's bytes.
    pub rope: Rope,
}

/// Sees what a layer is made of while it is made, in the order of its tar.
pub trait Witness {
    /// An item begins.
    fn item(&mut self, item: &Item);

    /// The next bytes of the file that began last. They are checked when the file is over: if they are not
    /// what they should be, no layer comes of it.
    fn contents(&mut self, bytes: &[u8]);

    /// The end of the tar: entries that belong to the format, if it has any, and zeros.
    fn end(&mut self, tar: &[u8]);
}

/// Lays `items` down; `advanced` hears of every piece of the tar, in bytes. The result does not depend
/// on `threads`. Memory: some 10 MiB, a few dozen MiB more for the encoders of `Zstd` and `Lazy`.
///
/// # Errors
/// When items are not sorted or not distinct, when a path may not stand in a layer, when contents
/// cannot be read or are not what their headers say, when the store cannot be written, and when this
/// build's compressor is not the one that the format is defined by.
pub fn lay(
    items: &[Item],
    format: Format,
    threads: Threads,
    store: &Store,
    advanced: &(dyn Fn(u64) + Sync),
) -> Result<Laid, LayerError> {
    lay_for(items, (format, threads), store, Audience { advanced, witness: None })
}

/// As [`lay`], and shows `witness` what it lays down.
///
/// # Errors
/// As for [`lay`].
pub fn lay_before(
    witness: &mut dyn Witness,
    items: &[Item],
    way: (Format, Threads),
    store: &Store,
    advanced: &(dyn Fn(u64) + Sync),
) -> Result<Laid, LayerError> {
    lay_for(items, way, store, Audience { advanced, witness: Some(witness) })
}

fn lay_for(
    items: &[Item],
    (format, threads): (Format, Threads),
    store: &Store,
    audience: Audience<'_>,
) -> Result<Laid, LayerError> {
    check_items(items)?;
    let encoder = match format {
        Format::Gzip => None,
        Format::Plain => Some(encoder::Encoder::plain(store)?),
        Format::Zstd => {
            fingerprint::zstd()?;
            Some(encoder::Encoder::zstd(store, pass::tar_size(items), threads.encoders())?)
        }
        Format::Lazy => {
            fingerprint::deflate()?;
            lazy::check_paths(items)?;
            None
        }
    };
    thread::scope(|scope| {
        let hashes = Hashes::new(threads, encoder, scope)?;
        match format {
            Format::Gzip => pass::run(items, splice::Splice::new(hashes), audience),
            Format::Zstd | Format::Plain => pass::run(items, whole::Whole::new(hashes, format), audience),
            Format::Lazy => {
                let landmark = lazy::landmark();
                let items = std::iter::once(&landmark).chain(items);
                pass::run(items, lazy::Lazy::new(hashes, store, threads.encoders())?, audience)
            }
        }
    })
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Plain => "none",
            Self::Lazy => "estargz",
        })
    }
}

#[cfg(test)]
mod tests;
