//! The table `[layers]`: how contents are cut into layers and compressed.

use std::fmt;

use toml::{Spanned, de::DeValue};

use super::{
    demand::pattern,
    problem::{Fault, Problem, ProblemKind},
    reader::Reader,
    wheels::not_one_of,
};
use crate::{hint::Hint, python::NamePattern};

/// The table `[layers]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// Distributions that each get a layer of their own, besides the largest, which have one anyhow.
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
    /// Gzip whose files can be fetched one by one, eStargz: `lazy = true`.
    Lazy,
    /// Zstandard.
    Zstd,
    /// Not at all.
    None,
}

impl Layers {
    pub(super) fn read(table: Reader<'_>) -> Self {
        let layers = Self { own: table.parsed_list("own", pattern), compression: stored(&table) };
        table.finish();
        layers
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gzip => "gzip",
            Self::Lazy => "estargz",
            Self::Zstd => "zstd",
            Self::None => "none",
        })
    }
}

/// What `compression` and `lazy` say together.
fn stored(table: &Reader<'_>) -> Compression {
    let compression = table.parsed("compression", compression).map(Spanned::into_inner).unwrap_or_default();
    let Some(value) = table.value("lazy") else { return compression };
    match (value.get_ref(), compression) {
        (DeValue::Boolean(false), _) => compression,
        (DeValue::Boolean(true), Compression::Gzip) => Compression::Lazy,
        (DeValue::Boolean(true), _) => {
            let message = format!("`layers.lazy` does not go with `layers.compression = \"{compression}\"`");
            let problem = Problem::new(ProblemKind::Invalid, value.span(), message).labelled("only gzip can be lazy");
            table.add(problem.hinted(Hint::new("remove `compression`, or `lazy`")));
            compression
        }
        _ => {
            table.wrong_type(&table.subject("lazy"), "`true` or `false`", value);
            compression
        }
    }
}

fn compression(text: &str) -> Result<Compression, Fault> {
    match text {
        "gzip" => Ok(Compression::Gzip),
        "zstd" => Ok(Compression::Zstd),
        "none" => Ok(Compression::None),
        _ => Err(not_one_of("layers.compression", text, &["gzip", "zstd", "none"])),
    }
}
