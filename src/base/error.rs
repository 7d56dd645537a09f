//! Why a base image cannot be understood.

use std::io;

use crate::{
    hint::{Advise, Hint},
    image::{ManifestError, TransferError},
    oci::{Digest, Platform},
    python::PackageName,
    store::StoreError,
};

/// Why a base image cannot be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaseError {
    /// A part of the image did not come.
    #[error("cannot read the base image")]
    Transfer {
        /// Why.
        #[from]
        source: TransferError,
    },
    /// A manifest is malformed.
    #[error("the base image has a broken manifest")]
    Manifest {
        /// Why.
        #[from]
        source: ManifestError,
    },
    /// The image is not made for the platform.
    #[error("the base image is not made for {platform}, only for {}", .available.join(", "))]
    NoPlatform {
        /// What was asked for.
        platform: Platform,
        /// What there is.
        available: Vec<String>,
    },
    /// The config is not JSON or lacks something.
    #[error("the base image's config {digest} is malformed: {problem}")]
    Config {
        /// Of the config.
        digest: Digest,
        /// What is wrong.
        problem: String,
    },
    /// A layer that may not be passed on.
    #[error("layer {digest} of the base image has the type `{media_type}`, which may not be distributed")]
    NonDistributable {
        /// Of the layer.
        digest: Digest,
        /// Its type.
        media_type: String,
    },
    /// A layer that is no tar.
    #[error("layer {digest} of the base image has the type `{media_type}`, which is no file system")]
    LayerType {
        /// Of the layer.
        digest: Digest,
        /// Its type.
        media_type: String,
    },
    /// The bytes of a layer are no tar, or not the promised one.
    #[error("cannot read layer {digest} of the base image")]
    Layer {
        /// Of the compressed layer.
        digest: Digest,
        /// Why.
        source: LayerError,
    },
    /// What was found could not be kept.
    #[error("cannot keep what is known of the base image")]
    Keep {
        /// Why.
        #[from]
        source: StoreError,
    },
    /// No directory of `PATH` has a `python3`.
    #[error("the image has no `python3` on its PATH `{path}`")]
    NoPython {
        /// The search path.
        path: String,
    },
    /// There is a `python3`, but no standard library belongs to it.
    #[error("`{interpreter}` is no interpreter whose standard library can be found")]
    NoLibrary {
        /// Where `python3` leads to.
        interpreter: String,
    },
    /// Several standard libraries may belong to an interpreter.
    #[error("`{interpreter}` may be any of {}", .candidates.join(", "))]
    SeveralPythons {
        /// Where `python3` leads to.
        interpreter: String,
        /// The directories of their standard libraries.
        candidates: Vec<String>,
    },
    /// Nothing says which patch release an interpreter is.
    #[error("nothing in the image tells the exact version of `{interpreter}`")]
    NoVersion {
        /// Where `python3` leads to.
        interpreter: String,
    },
    /// What is to be replaced is not there.
    #[error("the base has no {name} that could be replaced")]
    NotInstalled {
        /// Distribution.
        name: PackageName,
    },
    /// A distribution is the business of dpkg.
    #[error("{name} {version} belongs to Debian's packages, in {place}")]
    OfDebian {
        /// Distribution.
        name: PackageName,
        /// Its version.
        version: String,
        /// Where its metadata stand.
        place: String,
    },
    /// A distribution has no RECORD, and no conda package brought it.
    #[error("nothing lists the files of {name} {version}, in {place}")]
    NoRecord {
        /// Distribution.
        name: PackageName,
        /// Its version.
        version: String,
        /// Where its metadata stand.
        place: String,
    },
}

/// What is wrong with the bytes of a layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// They do not decompress or are no tar.
    #[error("it is no readable tar")]
    Read {
        /// Why.
        #[from]
        source: io::Error,
    },
    /// The tar is another one than the config says.
    #[error("its tar has the diff id {found} in place of {expected}")]
    DiffId {
        /// As the config says.
        expected: Digest,
        /// As it is.
        found: Digest,
    },
    /// A path leads out of the image or is absurd.
    #[error("it holds the path `{path}`")]
    Path {
        /// The path, shortened.
        path: String,
    },
    /// Its files say more about themselves than those of any image.
    #[error("its metadata takes more than {limit} bytes")]
    TooMuchText {
        /// How many are kept.
        limit: usize,
    },
    /// Its paths are longer, or lead deeper, than those of any image.
    #[error("its paths take more than {limit} bytes")]
    TooManyNames {
        /// How many are kept.
        limit: usize,
    },
    /// There are more entries than an image could need.
    #[error("it has more than {limit} entries")]
    TooManyEntries {
        /// How many are read.
        limit: usize,
    },
}

impl Advise for BaseError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Transfer { source } => source.hint(),
            Self::Keep { source } => source.hint(),
            Self::NoPlatform { platform, available } => Some(Hint::new(format!(
                "name in `platforms` what the base is made for, {}, or take another `base` for {platform}",
                available.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ))),
            Self::Manifest { .. } | Self::Config { .. } | Self::LayerType { .. } | Self::Layer { .. } => {
                Some(Hint::new("take another `base`, or have this one pushed anew"))
            }
            Self::NonDistributable { .. } => Some(Hint::new("choose another `base`, without foreign layers")),
            Self::NoPython { .. } => {
                Some(Hint::new("choose a `base` that brings Python, or add `python3` to the Debian packages"))
            }
            Self::NoLibrary { .. } | Self::NoVersion { .. } => {
                Some(Hint::new("put a CPython first on the base image's PATH; wrappers and shims are not followed"))
            }
            Self::SeveralPythons { .. } => {
                Some(Hint::new("choose a `base` whose `python3` links to a name with a version, such as `python3.11`"))
            }
            Self::OfDebian { .. } | Self::NotInstalled { .. } | Self::NoRecord { .. } => Some(Hint::new(
                "give the wheels an environment of their own with `wheels.into`, or require the version that the base has",
            )),
        }
    }
}
