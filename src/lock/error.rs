//! Why a file is no lock.

use serde::Deserialize;

use super::Lock;
use crate::{
    hint::{Advise, Hint},
    oci::Platform,
};

/// Why a file is no lock that a build could trust.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Written by a later wheelwright.
    #[error("{file} has lock format {found}, and this version reads up to {}", Lock::VERSION)]
    Newer {
        /// The lock.
        file: String,
        /// Its format.
        found: i64,
    },
    /// Not TOML, or not the keys and types of a lock.
    #[error("{file}:{line}: {message}")]
    Broken {
        /// The lock.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What the parser says, in one line.
        message: String,
    },
    /// One platform, or one image of a platform, stands twice.
    #[error("{file} locks {what} for {platform} twice")]
    Twice {
        /// The lock.
        file: String,
        /// What stands twice, such as ``the wheels of `pytorch` ``.
        what: String,
        /// On which platform.
        platform: Platform,
    },
    /// An image for a platform of which nothing else is known.
    #[error("{file} locks wheels for {platform} and nothing below them")]
    NoPlatform {
        /// The lock.
        file: String,
        /// The platform of the image.
        platform: Platform,
    },
    /// The lock lacks an image that is asked for.
    #[error("the lock has no {} for {platform}", variant.as_ref().map_or_else(|| "image".to_owned(), |name| format!("variant `{name}`")))]
    NoImage {
        /// The variant.
        variant: Option<String>,
        /// The platform.
        platform: Platform,
    },
    /// A wheel whose file is called after another distribution or version than its line.
    #[error("{file} calls `{wheel}` {said}")]
    Misnamed {
        /// The lock.
        file: String,
        /// File name of the wheel.
        wheel: String,
        /// What the lock says it is, `flask 2.0`.
        said: String,
    },
    /// A file name or path that could lead somewhere else.
    #[error("{file} names {what} `{path}`")]
    Path {
        /// The lock.
        file: String,
        /// What it should be, such as `as a wheel`.
        what: &'static str,
        /// As it stands in the lock.
        path: String,
    },
}

impl LockError {
    pub(super) fn broken(file: &str, text: &str, source: &toml::de::Error) -> Self {
        let offset = source.span().map_or(0, |span| span.start);
        let before = text.get(..offset).unwrap_or(text);
        let message = source.message().lines().next().unwrap_or("this is not a lock").to_owned();
        Self::Broken { file: file.to_owned(), line: before.matches('\n').count() + 1, message }
    }
}

impl Advise for LockError {
    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::Newer { .. } => "update wheelwright, or choose everything anew with `wheelwright lock --upgrade`",
            Self::NoImage { .. } => "name a platform of the recipe with `--platform`",
            _ => "restore it from version control, or choose everything anew with `wheelwright lock --upgrade`",
        }))
    }
}

/// Says so when the format is a later one, before its keys can look like mistakes.
pub(super) fn refuse_newer(file: &str, text: &str) -> Result<(), LockError> {
    #[derive(Deserialize)]
    struct Format {
        version: i64,
    }
    // Whatever else is wrong with the text, reading it whole will say.
    let Ok(Format { version: found }) = toml::from_str(text) else { return Ok(()) };
    match found {
        1 => Ok(()),
        2.. => Err(LockError::Newer { file: file.to_owned(), found }),
        _ => {
            let (file, message) = (file.to_owned(), format!("there is no lock format {found}"));
            Err(LockError::Broken { file, line: 1, message })
        }
    }
}
