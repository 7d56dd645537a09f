//! What does not fit.

use crate::{
    base::Unmet,
    hint::{Advise, Hint},
    python::{Libc, PackageName, PythonVersion},
};

/// One thing for which an image cannot simply be put on another base. Its `Display` is one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misfit {
    /// There is no interpreter any more.
    #[error("it has no `python3`, and the image uses {path}")]
    NoPython {
        /// The one that there was.
        path: String,
    },
    /// Another minor version, or with or without the lock.
    #[error("it has Python {new}, and the image is made for {old}")]
    Python {
        /// The one that there was.
        old: PythonVersion,
        /// The one that there is.
        new: PythonVersion,
    },
    /// Extension modules are called otherwise.
    #[error("its Python is built as {new}, and the image is made for {old}")]
    Abi {
        /// `cpython-311-x86_64-linux-gnu`.
        old: String,
        /// The same of the new one.
        new: String,
    },
    /// The interpreter, or a folder of it, is somewhere else.
    #[error("{what} is {new}, and the image is made for {old}")]
    Place {
        /// Which.
        what: &'static str,
        /// Where it was.
        old: String,
        /// Where it is.
        new: String,
    },
    /// Another C library, or an older one.
    #[error("it has {}, and the image is made for {old}", .new.map_or_else(|| "no C library".to_owned(), |new| new.to_string()))]
    Libc {
        /// The one that there was.
        old: Libc,
        /// The one that there is.
        new: Option<Libc>,
    },
    /// Debian packages on another release.
    #[error("it is {new}, and the image has packages for {old}")]
    System {
        /// The one that there was.
        old: String,
        /// The one that there is.
        new: String,
    },
    /// A path leads somewhere else.
    #[error("/{path} leads to /{new}, and the image is made for /{old}")]
    Link {
        /// The path.
        path: String,
        /// Where it led.
        old: String,
        /// Where it leads.
        new: String,
    },
    /// Something stands where the image has a directory.
    #[error("/{path} is no directory, and the image has files in it")]
    NotDirectory {
        /// The path.
        path: String,
    },
    /// A directory has other attributes than the image gives it.
    #[error("/{path} has mode {theirs}, and the image gives it {ours}")]
    Attributes {
        /// The path.
        path: String,
        /// Mode, user and group in the base.
        theirs: String,
        /// The same in the image.
        ours: String,
    },
    /// A file of the image takes the place of another one than it was made for.
    #[error("the image replaces /{path}, which is another file there")]
    Overwritten {
        /// The path.
        path: String,
    },
    /// The image hides something else than it was made for.
    #[error("the image removes /{path}, which holds something else there")]
    Hidden {
        /// The path.
        path: String,
    },
    /// The same distribution in base and image.
    #[error("it brings {name} {theirs} in {place}, {} the image's {ours}", if *.shadows { "which comes before" } else { "beside" })]
    Distribution {
        /// Which.
        name: PackageName,
        /// The image's version.
        ours: String,
        /// The base's version.
        theirs: String,
        /// The folder.
        place: String,
        /// Whether the base's is imported.
        shadows: bool,
    },
    /// A requirement that was met.
    #[error("{0}")]
    Unmet(Unmet),
}

impl Advise for Misfit {
    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::NoPython { .. } | Self::Python { .. } | Self::Abi { .. } | Self::Place { .. } => {
                "take a base with the same Python in the same place, or build the image anew on this one"
            }
            Self::Libc { .. } => "take a base with this C library or a newer one, or build the image anew on this one",
            Self::System { .. } => "take a base of the same release, or build the image anew on this one",
            Self::Link { .. } | Self::NotDirectory { .. } | Self::Attributes { .. } => {
                "take a base with the same folders and links, or build the image anew on this one"
            }
            Self::Overwritten { .. } | Self::Hidden { .. } | Self::Distribution { .. } | Self::Unmet(_) => {
                "build the image anew on this base: its layers depend on what is in it"
            }
        }))
    }
}
