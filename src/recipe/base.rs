//! What an image is built on.

use std::fmt;

use super::problem::Fault;
use crate::{
    hint::Hint,
    oci::{Reference, ReferenceError, is_tag},
};

/// The image below everything, as the recipe names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// Nothing: `scratch`.
    Scratch,
    /// An image of a registry.
    Registry(Reference),
    /// An OCI image layout, `oci:DIR[:tag]`.
    Layout {
        /// The folder, relative to the recipe unless absolute.
        path: String,
        /// The `org.opencontainers.image.ref.name` to take; without it the layout must hold one image.
        tag: Option<String>,
    },
    /// A tar of an OCI image layout, `oci-archive:FILE[:tag]`.
    Archive {
        /// The file, relative to the recipe unless absolute.
        path: String,
        /// The `org.opencontainers.image.ref.name` to take; without it the archive must hold one image.
        tag: Option<String>,
    },
}

impl Base {
    /// Reads a base as recipes and the `--base` flag write it.
    ///
    /// # Errors
    /// When it is none of the four forms; the message says which was taken to be meant.
    pub fn parse(text: &str) -> Result<Self, BaseError> {
        let parsed = match text.split_once(':') {
            _ if text == "scratch" => Some(Self::Scratch),
            Some(("oci", rest)) => path_and_tag(rest).map(|(path, tag)| Self::Layout { path, tag }),
            Some(("oci-archive", rest)) => path_and_tag(rest).map(|(path, tag)| Self::Archive { path, tag }),
            Some((scheme @ ("docker-archive" | "containers-storage" | "docker-daemon" | "dir"), _)) => {
                return Err(BaseError::UnknownTransport { scheme: scheme.to_owned() });
            }
            _ => return Ok(Self::Registry(text.strip_prefix("docker://").unwrap_or(text).parse()?)),
        };
        parsed.ok_or_else(|| BaseError::Path { text: text.to_owned() })
    }
}

/// A string that names no base.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BaseError {
    /// Not a reference to an image in a registry either.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A form that other tools know.
    #[error("a base cannot be read from `{scheme}:`")]
    UnknownTransport {
        /// What stands before the colon.
        scheme: String,
    },
    /// No path, or a tag that is none.
    #[error("`{text}` names no file or no valid tag")]
    Path {
        /// The whole string.
        text: String,
    },
}

impl crate::hint::Advise for BaseError {
    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::Reference(_) => {
                "write `base` as `scratch`, `oci:DIR[:tag]`, `oci-archive:FILE[:tag]` or `HOST/NAME:TAG`"
            }
            Self::UnknownTransport { .. } => {
                "save the image as an OCI layout and write `oci:DIR` or `oci-archive:FILE`"
            }
            Self::Path { .. } => "write `oci:DIR[:tag]` or `oci-archive:FILE[:tag]`",
        }))
    }
}

impl fmt::Display for Base {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path, tag) = match self {
            Self::Scratch => return formatter.write_str("scratch"),
            Self::Registry(reference) => return reference.fmt(formatter),
            Self::Layout { path, tag } => ("oci", path, tag),
            Self::Archive { path, tag } => ("oci-archive", path, tag),
        };
        write!(formatter, "{scheme}:{path}")?;
        tag.as_ref().map_or(Ok(()), |tag| write!(formatter, ":{tag}"))
    }
}

/// [`Base::parse`] as the reader of recipes wants it.
pub(super) fn base(text: &str) -> Result<Base, Fault> {
    use crate::hint::Advise as _;
    Base::parse(text).map_err(|error| Fault::new(error.to_string()).labelled("not a base").hinted(error.hint()))
}

/// A colon after the last slash starts the tag.
fn path_and_tag(text: &str) -> Option<(String, Option<String>)> {
    let (path, tag) = match text.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (text, None),
    };
    let plausible = !path.is_empty() && tag.is_none_or(is_tag);
    plausible.then(|| (path.to_owned(), tag.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_read_back_as_they_were_written() {
        let check = |text: &str, expect: &str| assert_eq!(Base::parse(text).unwrap().to_string(), expect, "{text}");
        check("scratch", "scratch");
        check("oci:dist/base", "oci:dist/base");
        check("oci:dist/base:3.11", "oci:dist/base:3.11");
        check("oci:/c:/base", "oci:/c:/base");
        check("oci-archive:base.tar:v1", "oci-archive:base.tar:v1");
        check("python:3.11-slim", "docker.io/library/python:3.11-slim");
        check("docker://ghcr.io/o/i:1", "ghcr.io/o/i:1");
        check("127.0.0.1:5000/a:b", "127.0.0.1:5000/a:b");
    }

    #[test]
    fn other_forms_are_refused() {
        for text in ["", "oci:", "oci:dir:", "oci::tag", "oci:dir:a b", "docker-daemon:x", "docker.io/UPPER/case"] {
            assert!(Base::parse(text).is_err(), "{text}");
        }
    }
}
