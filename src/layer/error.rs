//! Why a layer cannot be made.

use std::io;

use crate::{
    compiler::CompilerError,
    hint::{Advise, Hint},
    oci::Digest,
    store::StoreError,
    zip::{Refusal, ZipError},
};

/// A layer that cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// A wheel was refused by the strict reader.
    #[error("{wheel} is refused")]
    Wheel {
        /// File name.
        wheel: String,
        /// Entry, offset and reason.
        source: ZipError,
    },
    /// A file of a wheel is malformed.
    #[error("{wheel}: `{file}` is malformed: {reason}")]
    Metadata {
        /// File name of the wheel.
        wheel: String,
        /// The file in it.
        file: String,
        /// One line.
        reason: String,
    },
    /// Contents are not what their headers said when they were inflated.
    #[error("`{path}`: {refusal}")]
    Contents {
        /// Path in the layer.
        path: String,
        /// What is wrong.
        refusal: Refusal,
    },
    /// Two inputs want the same path, with different things there.
    #[error("`/{path}` comes from both {first} and {second}, with different {differs}")]
    Clash {
        /// Path in the image.
        path: String,
        /// One of the inputs.
        first: String,
        /// The other.
        second: String,
        /// What is different: `contents`, `modes`.
        differs: &'static str,
    },
    /// The same of two files of the user's.
    #[error("`/{path}` comes from both `{first}` and `{second}`, with different {differs}")]
    OwnClash {
        /// Path in the image.
        path: String,
        /// One of them, as the recipe names it.
        first: String,
        /// The other.
        second: String,
        /// What is different: `contents`, `modes`.
        differs: &'static str,
    },
    /// A file of the user's would take the place of a directory.
    #[error("`{from}` cannot go to `{to}`: the image has a directory there")]
    OnDirectory {
        /// As the recipe names it.
        from: String,
        /// Where the recipe wants it.
        to: String,
    },
    /// A path that no layer may hold.
    #[error("`{path}` cannot stand in a layer: {reason}")]
    Path {
        /// The path.
        path: String,
        /// Why not.
        reason: &'static str,
    },
    /// A file or folder of the user's cannot be read.
    #[error("cannot read `{path}`")]
    Local {
        /// As the recipe names it.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file of the store cannot be read.
    #[error("cannot read {digest} from the store")]
    Read {
        /// Which.
        digest: Digest,
        /// Why.
        source: io::Error,
    },
    /// A layer cannot be encoded into the store.
    #[error("cannot encode the layer into the store")]
    Encode {
        /// Why.
        source: io::Error,
    },
    /// A compressor gives other bytes than the layer format is defined by.
    #[error("this build's {compressor} compresses differently from the one that the layer format is defined by")]
    Fingerprint {
        /// Which compressor.
        compressor: &'static str,
    },
    /// Zstandard was left out of this build.
    #[error("this build cannot write Zstandard")]
    NoZstd,
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing can be compiled.
    #[error(transparent)]
    Compiler(#[from] CompilerError),
    /// The system has no thread for this layer.
    #[error("cannot start another thread")]
    NoThread {
        /// Why.
        source: io::Error,
    },
    /// A thread of this layer died.
    #[error("a worker thread was lost")]
    Thread,
}

impl LayerError {
    /// What is to be said where the inputs are files of the user's: the recipe alone decides about those.
    pub(crate) fn among_own(self) -> Self {
        match self {
            Self::Clash { path, first, second, differs } => Self::OwnClash { path, first, second, differs },
            other => other,
        }
    }
}

impl Advise for LayerError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Wheel { source, .. } => source.hint(),
            Self::Contents { .. } => {
                Some(Hint::new("take another version of this package: its file is damaged or hostile"))
            }
            Self::Clash { first, second, .. } if first == second => {
                Some(Hint::new("take another version of this package: it has two files for one path"))
            }
            Self::Clash { .. } => Some(Hint::new("leave one of the two out with `wheels.exclude`")),
            Self::OwnClash { .. } => {
                Some(Hint::new("give one of the two `[[scripts]]` another `to`, or name the files that you mean"))
            }
            Self::OnDirectory { from, to } => {
                let name = from.rsplit('/').next().unwrap_or(from);
                Some(Hint::new(format!("write `to = \"{}/{name}\"`", to.trim_end_matches('/'))))
            }
            Self::Local { source, .. } => Some(Hint::new(match source.kind() {
                io::ErrorKind::NotFound => "paths in a recipe are relative to the recipe's folder",
                io::ErrorKind::InvalidData => "build again once nothing writes to it any more",
                _ => "see that it is what the recipe means, and that you may read it",
            })),
            Self::Read { .. } => Some(Hint::new("build again: what the store lost is fetched anew")),
            Self::Store(error) => error.hint(),
            Self::Compiler(error) => error.hint(),
            Self::Encode { source } if source.kind() == io::ErrorKind::StorageFull => {
                Some(Hint::new("free some space, or name another store with `--store DIR`"))
            }
            Self::Fingerprint { .. } => Some(Hint::new(
                "build wheelwright with `--locked`, or use a released binary: with this one digests would not be reproducible",
            )),
            Self::Path { .. } => {
                Some(Hint::new("give the file another place or name, or leave its package out with `wheels.exclude`"))
            }
            Self::Encode { .. } => Some(Hint::new("name a folder you may write with `--store DIR`")),
            Self::NoThread { .. } => Some(Hint::new("allow more, `ulimit -u`, `ulimit -v`, or build with `--jobs 1`")),
            Self::Thread => Some(Hint::new("build again with `--jobs 1`; if it happens then too, please report it")),
            Self::NoZstd => Some(Hint::new("set `layers.compression = \"gzip\"`, or build with the feature `zstd`")),
            Self::Metadata { .. } => Some(Hint::new("take another version of this wheel, or build it anew")),
        }
    }
}
