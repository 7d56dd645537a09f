//! The table `[layers]`: how contents are cut into layers and compressed.

use toml::Spanned;

use super::{demand::pattern, later, problem::Fault, reader::Reader, wheels::not_one_of};
use crate::python::NamePattern;

/// The table `[layers]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// Distributions that each get a layer of their own.
    pub own: Vec<Spanned<NamePattern>>,
    /// How layers are stored.
    pub compression: Compression,
}

/// How layers are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Gzip, which everything reads.
    #[default]
    Gzip,
}

impl Layers {
    pub(super) fn read(table: Reader<'_>) -> Self {
        let layers = Self {
            own: table.parsed_list("own", pattern),
            compression: table.parsed("compression", compression).map(Spanned::into_inner).unwrap_or_default(),
        };
        table.finish();
        layers
    }
}

fn compression(text: &str) -> Result<Compression, Fault> {
    const KEY: &str = "layers.compression";
    match (text, later::find_value(KEY, text)) {
        ("gzip", _) => Ok(Compression::Gzip),
        (_, Some(later)) => Err(later),
        _ => Err(not_one_of(KEY, text, &["gzip", "zstd", "none"])),
    }
}
