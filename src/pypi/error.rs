//! What goes wrong between an index and the store.

use std::{io, path::PathBuf};

use crate::{
    hint::{Advise, Hint},
    http::HttpError,
    python::{PackageName, PythonError},
    store::StoreError,
};

/// An index, or a wheel of one, that could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// An index could not be asked for a project.
    #[error("cannot ask index `{index}` for {package}")]
    Ask {
        /// Name of the index.
        index: String,
        /// The project.
        package: PackageName,
        /// Why.
        source: HttpError,
    },
    /// An index answered with something that is no index page.
    #[error("index `{index}` has no usable page for {package}")]
    Page {
        /// Name of the index.
        index: String,
        /// The project.
        package: PackageName,
        /// What is wrong with it.
        source: PythonError,
    },
    /// A folder of wheels could not be read.
    #[error("cannot read `{}`", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A wheel could not be fetched.
    #[error("cannot fetch {file}")]
    Fetch {
        /// File name.
        file: String,
        /// Why.
        source: HttpError,
    },
    /// A wheel has no METADATA that could be found.
    #[error("{file}: {reason}")]
    Broken {
        /// File name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A wheel's METADATA cannot be used.
    #[error("{file} has unusable metadata")]
    Metadata {
        /// File name.
        file: String,
        /// What is wrong with it.
        source: PythonError,
    },
    /// The METADATA beside a wheel is not the one that the index promised.
    #[error("the metadata beside {file} does not have the SHA-256 that the index gives")]
    MetadataDigest {
        /// File name.
        file: String,
    },
    /// The program that keeps passwords cannot be run.
    #[error("cannot run `{program}`")]
    Keyring {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The program that keeps passwords waits for something.
    #[error("`{program}` gave no answer within {seconds} s")]
    KeyringSilent {
        /// The program.
        program: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The METADATA that an index told of is not the one in the wheel.
    #[error("{file} requires other things than index `{index}` said it does")]
    MetadataDiffers {
        /// Name of the index; empty where the recipe names the wheel.
        index: String,
        /// File name.
        file: String,
    },
    /// An index gives a wheel another size than its server does.
    #[error("{file} has {found} bytes, its index says {promised}")]
    Size {
        /// File name.
        file: String,
        /// Bytes that the index gives.
        promised: u64,
        /// Bytes that the server has.
        found: u64,
    },
    /// The index that a lock names does not list the file any more.
    #[error("index `{index}` does not list {file}")]
    NotListed {
        /// Name of the index.
        index: String,
        /// File name.
        file: String,
    },
    /// A lock names an index that this run does not know.
    #[error("there is no index called `{index}`")]
    UnknownIndex {
        /// Name of the index.
        index: String,
    },
    /// A URL that is neither `http(s)` nor `file`, or is no URL.
    #[error("`{url}` cannot be fetched")]
    Url {
        /// As given.
        url: String,
    },
    /// The settings of another tool could not be read.
    #[error("cannot understand {file}: {reason}")]
    Config {
        /// `pip.conf` or `uv.toml`.
        file: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The store could not be used, or a file is not what was promised.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Advise for IndexError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Ask { source, .. } | Self::Fetch { source, .. } => source
                .hint()
                .or_else(|| Some(Hint::new("try again later, or name an index that has it in `wheels.index`"))),
            Self::NotListed { .. } => Some(Hint::new("run `wheelwright lock --upgrade` to choose another file")),
            Self::MetadataDigest { .. } | Self::Size { .. } => {
                Some(Hint::new("tell the keeper of the index, or take another one (`wheels.index`)"))
            }
            Self::MetadataDiffers { .. } => Some(Hint::new(
                "run `wheelwright lock --upgrade`: it reads the wheel itself, which is in the store now",
            )),
            Self::Keyring { .. } | Self::KeyringSilent { .. } => {
                Some(Hint::new("unlock the key ring, or unset PIP_KEYRING_PROVIDER and UV_KEYRING_PROVIDER"))
            }
            Self::UnknownIndex { index } => {
                Some(Hint::new(format!("name it in the recipe: `wheels.index`, `{index}`")))
            }
            Self::Page { .. } => Some(Hint::new("check the URL of the index: it must end at the simple API")),
            Self::Store(source) => source.hint(),
            Self::Folder { .. } => {
                Some(Hint::new("check the path in `wheels.index`, and that you may read the folder"))
            }
            Self::Broken { .. } | Self::Metadata { .. } => Some(Hint::new(
                "take another version of this package (`wheels.constraints`), or tell the keeper of the index",
            )),
            Self::Url { .. } => Some(Hint::new("write it as `https://HOST/PATH`")),
            Self::Config { .. } => Some(Hint::new("correct it, or name the indexes in the recipe: `wheels.index`")),
        }
    }
}
