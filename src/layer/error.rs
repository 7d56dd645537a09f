//! Why a layer cannot be made.

use std::io;

use crate::{
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
    #[error("`/{path}` comes from both {first} and {second}, with different contents")]
    Clash {
        /// Path in the image.
        path: String,
        /// One of the inputs.
        first: String,
        /// The other.
        second: String,
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
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread of this layer died.
    #[error("a worker thread was lost")]
    Thread,
}

impl Advise for LayerError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Wheel { source, .. } => source.hint(),
            Self::Contents { .. } => {
                Some(Hint::new("take another version of this package: its file is damaged or hostile"))
            }
            Self::Clash { .. } => Some(Hint::new("leave one of the two out with `wheels.exclude`")),
            Self::Local { .. } => Some(Hint::new("paths in a recipe are relative to the recipe's folder")),
            Self::Read { .. } => Some(Hint::new("build again: what the store lost is fetched anew")),
            Self::Store(error) => error.hint(),
            _ => None,
        }
    }
}
