//! Image references, `registry/repository:tag@digest`.

use std::{fmt, str::FromStr};

use super::Digest;

/// The name of an image in a registry, with Docker's defaults filled in: `python:3.11` is
/// `docker.io/library/python:3.11`.
///
/// [Distribution specification, "Pull"](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pull).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A string that names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an image reference: {reason}")]
pub struct ReferenceError {
    text: String,
    reason: String,
}

impl Reference {
    /// Host, and port if given: `docker.io`, `127.0.0.1:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Path of the repository in its registry: `library/python`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` where neither tag nor digest was written.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest that pins this reference, if one was written.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same repository at `digest`.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), tag: None, ..self.clone() }
    }

    /// The same repository at `tag`.
    ///
    /// # Errors
    /// When `tag` breaks the grammar of tags.
    pub fn tagged(&self, tag: &str) -> Result<Self, ReferenceError> {
        format!("{}/{}:{tag}", self.registry, self.repository).parse()
    }
}

/// Whether `text` can be a component of a repository's name: runs of lower-case letters and digits
/// between single separators, which are `.`, `_`, `__` or dashes.
///
/// [Distribution specification, "Pull"](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests).
#[must_use]
pub fn is_component(text: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let separator = |run: &str| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|byte| byte == b'-');
    text.starts_with(plain) && text.ends_with(plain) && text.split(plain).all(separator)
}

/// Whether `text` can be a tag. Same section.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let fail = |reason: String| ReferenceError { text: text.to_owned(), reason };
        let parsed: oci_spec::distribution::Reference = text.parse().map_err(|error| fail(format!("{error}")))?;
        let digest = parsed.digest().map(str::parse).transpose().map_err(|error| fail(format!("{error}")))?;
        Ok(Self {
            registry: parsed.registry().to_owned(),
            repository: parsed.repository().to_owned(),
            tag: parsed.tag().map(str::to_owned),
            digest,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_get_their_defaults() {
        let check = |text: &str, expect: &str| {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), expect, "{text}");
        };
        let digest = Digest::of(b"");
        check("python", "docker.io/library/python:latest");
        check("pytorch/pytorch:2.4", "docker.io/pytorch/pytorch:2.4");
        check("127.0.0.1:5000/a/b:c", "127.0.0.1:5000/a/b:c");
        check(&format!("ghcr.io/o/i@{digest}"), &format!("ghcr.io/o/i@{digest}"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "docker.io/UPPER/case", "a b", "host/../x", "x@sha256:12"] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
