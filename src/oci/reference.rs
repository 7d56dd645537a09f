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

    /// Docker's reading: the first component is a host if it has a dot, a port or is `localhost`; else the
    /// image is one of Docker Hub's. Neither tag nor digest means `latest`.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let fail = |reason: String| ReferenceError { text: text.to_owned(), reason };
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse().map_err(|error| fail(format!("{error}")))?)),
            None => (text, None),
        };
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last..].find(':') {
            Some(colon) => (&name[..last + colon], Some(&name[last + colon + 1..])),
            None => (name, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if is_host(host) => (host, path.to_owned()),
            Some(_) => (DOCKER_HUB, name.to_owned()),
            None => (DOCKER_HUB, format!("library/{name}")),
        };
        if !is_authority(registry) {
            return Err(fail(format!("`{registry}` is not the name of a host")));
        }
        if let Some(component) = path.split('/').find(|component| !is_component(component)) {
            return Err(fail(unnameable(component)));
        }
        if registry.len() + 1 + path.len() > LONGEST_NAME {
            return Err(fail(format!("its name is longer than {LONGEST_NAME} characters")));
        }
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(fail(format!("`{tag}` is not a tag")));
        }
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| "latest".to_owned()));
        let registry = if registry == "index.docker.io" { DOCKER_HUB } else { registry };
        Ok(Self { registry: registry.to_owned(), repository: path, tag, digest })
    }
}

/// Where images without a host come from.
const DOCKER_HUB: &str = "docker.io";

/// Of host and repository together: what registries agree on.
const LONGEST_NAME: usize = 255;

/// Whether the first component of a name is a host, not a part of a repository of Docker Hub.
fn is_host(text: &str) -> bool {
    text == "localhost" || text.contains(['.', ':']) || text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Whether `text` is a host name or address, with a port if there is one.
fn is_authority(text: &str) -> bool {
    let label = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let named =
        address.map_or_else(|| host.split('.').all(label), |address| address.parse::<std::net::Ipv6Addr>().is_ok());
    named && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn unnameable(component: &str) -> String {
    match component {
        "" => "a part of its name is empty".to_owned(),
        other if is_component(&other.to_ascii_lowercase()) => format!("`{other}` must be in lower case"),
        other => format!("`{other}` cannot be part of a repository's name"),
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
        check("python:3.11", "docker.io/library/python:3.11");
        check("docker.io/library/python", "docker.io/library/python:latest");
        check("index.docker.io/library/python", "docker.io/library/python:latest");
        check("pytorch/pytorch:2.4", "docker.io/pytorch/pytorch:2.4");
        check("127.0.0.1:5000/a/b:c", "127.0.0.1:5000/a/b:c");
        check("localhost/a", "localhost/a:latest");
        check("[::1]:5000/a", "[::1]:5000/a:latest");
        check("Host/a", "Host/a:latest");
        check("h.example/a_b/c__d/e---f.g:V_1.0-x", "h.example/a_b/c__d/e---f.g:V_1.0-x");
        check(&format!("ghcr.io/o/i@{digest}"), &format!("ghcr.io/o/i@{digest}"));
        check(&format!("ghcr.io/o/i:t@{digest}"), &format!("ghcr.io/o/i:t@{digest}"));
    }

    #[test]
    fn nonsense_is_refused() {
        let check = |text: &str, reason: &str| {
            let error = text.parse::<Reference>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not an image reference: {reason}"));
        };
        check("", "a part of its name is empty");
        check("h.example/", "a part of its name is empty");
        check("h.example//a", "a part of its name is empty");
        check("docker.io/UPPER/case", "`UPPER` must be in lower case");
        check("UPPER", "`UPPER` must be in lower case");
        check("a b", "`a b` cannot be part of a repository's name");
        check("host/../x", "`..` cannot be part of a repository's name");
        check("h.example/a___b", "`a___b` cannot be part of a repository's name");
        check("-h.example/a", "`-h.example` is not the name of a host");
        check("h.example:/a", "`h.example:` is not the name of a host");
        check("h.example:x/a", "`h.example:x` is not the name of a host");
        check("[::1/a", "`[::1` is not the name of a host");
        check("a:", "`` is not a tag");
        check("a:.x", "`.x` is not a tag");
        check(&format!("a:{}", "x".repeat(129)), &format!("`{}` is not a tag", "x".repeat(129)));
        check(&format!("h.example/{}", "x".repeat(250)), "its name is longer than 255 characters");
        assert!("x@sha256:12".parse::<Reference>().is_err());
        assert!("x@".parse::<Reference>().is_err());
    }
}
