//! Why a registry did not do what it was asked.

use std::{fmt, time::Duration};

use reqwest::{Method, StatusCode};

use super::{CredentialError, Refusal};
use crate::{
    hint::{Advise, Hint},
    http::{HttpError, is_untrusted, unreachable_hint},
    image::{ManifestError, TransferError},
    oci::{Digest, ReferenceError},
};

/// The code of a registry that misses a blob which a manifest names.
pub(super) const BLOB_UNKNOWN: &str = "MANIFEST_BLOB_UNKNOWN";

/// A request, as errors tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// Registry and repository.
    pub repository: String,
    /// A digest, a tag, or what else it was about.
    pub subject: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// A registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The registry answered with an error status.
    #[error("{asked} answered {status}{}{}", said(.code.as_deref(), .message), tried(.asked.attempts))]
    Status {
        /// What was asked.
        asked: Box<Asked>,
        /// The status.
        status: StatusCode,
        /// The registry's own code, such as `MANIFEST_UNKNOWN`.
        code: Option<String>,
        /// What the registry said, one line.
        message: String,
        /// Blobs that it says it misses.
        missing: Vec<Digest>,
    },
    /// No connection, or it broke.
    #[error("{asked} did not get through{}", tried(.asked.attempts))]
    Transport {
        /// What was asked.
        asked: Box<Asked>,
        /// Why.
        source: reqwest::Error,
    },
    /// The connection stood, but nothing moved.
    #[error("{asked} moved nothing for {} s{}", limit.as_secs(), tried(.asked.attempts))]
    Stalled {
        /// What was asked.
        asked: Box<Asked>,
        /// How long we waited.
        limit: Duration,
    },
    /// The transfer of a blob or manifest ended early, after every attempt to resume it.
    #[error("{repository}: {subject} was cut after {received} bytes")]
    Cut {
        /// Registry and repository.
        repository: String,
        /// A digest or a tag.
        subject: String,
        /// Bytes received.
        received: u64,
    },
    /// A part of a blob was asked for, and the registry gives nothing but the whole.
    #[error("{repository} gives no parts of blobs")]
    NoRanges {
        /// Registry and repository.
        repository: String,
    },
    /// The registry is needed, but this run is offline.
    #[error("{repository} is needed, but this run is offline")]
    Offline {
        /// Registry and repository.
        repository: String,
    },
    /// What came, or what the registry says it stored, is not what it should be.
    #[error("{repository}: {expected} was expected, {found} came")]
    Mismatch {
        /// Registry and repository.
        repository: String,
        /// Digest, size or media type.
        expected: String,
        /// What came instead.
        found: String,
    },
    /// A document is larger than any manifest or token may be.
    #[error("{repository}: {subject} is larger than {limit} bytes")]
    TooLarge {
        /// Registry and repository.
        repository: String,
        /// A digest, a tag, or what else it was about.
        subject: String,
        /// In bytes.
        limit: u64,
    },
    /// The registry sends us somewhere we do not go.
    #[error("{repository}: the registry's address for {subject} is not followed")]
    Address {
        /// Registry and repository.
        repository: String,
        /// An upload, a token, the rest of a list.
        subject: &'static str,
        /// Why not.
        source: Refusal,
    },
    /// What came in place of the list of tags is none.
    #[error("{repository}: the list of tags is malformed")]
    NoTags {
        /// Registry and repository.
        repository: String,
    },
    /// The token server refused, or could not be reached.
    #[error("no token for {repository}")]
    Token {
        /// Registry and repository.
        repository: String,
        /// Why.
        source: HttpError,
    },
    /// The token server's answer holds no token.
    #[error("the token server of {repository} answered without a token")]
    NoToken {
        /// Registry and repository.
        repository: String,
    },
    /// The credentials for the registry could not be had.
    #[error("no credentials for {repository}")]
    Credentials {
        /// Registry and repository.
        repository: String,
        /// Why.
        source: CredentialError,
    },
    /// The registry's name makes no URL.
    #[error("`{registry}` is not a host name")]
    Name {
        /// As written.
        registry: String,
    },
    /// A tag breaks the grammar of tags.
    #[error("`{tag}` is not a tag")]
    Tag {
        /// As written.
        tag: String,
        /// Why.
        source: ReferenceError,
    },
    /// A manifest cannot be read.
    #[error("{repository}: the manifest cannot be used")]
    Manifest {
        /// Registry and repository.
        repository: String,
        /// Why.
        source: ManifestError,
    },
    /// What shall be attached to an image does not say to which.
    #[error("{repository}: {subject} names no subject")]
    NoSubject {
        /// Registry and repository.
        repository: String,
        /// The digest of the artifact's manifest.
        subject: Digest,
    },
    /// Something else lies under the tag that shall list an image's referrers.
    #[error("{repository}: `{tag}` is no list of what is attached to an image, and stays as it is")]
    Taken {
        /// Registry and repository.
        repository: String,
        /// The tag.
        tag: String,
    },
    /// Others kept changing the tag that lists an image's referrers.
    #[error("{repository}: `{tag}` lost what was added to it, again and again")]
    Contended {
        /// Registry and repository.
        repository: String,
        /// The tag.
        tag: String,
    },
    /// The other side of the transfer failed.
    #[error("the image cannot be moved")]
    Transfer {
        /// Why.
        source: TransferError,
    },
}

impl RegistryError {
    /// The status, when the registry answered with one.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The registry's own error code.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Status { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// Whether another attempt could end better.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Status { status, code, .. } => is_passing(*status, code.as_deref()),
            Self::Transport { source, .. } => !source.is_builder() && !source.is_redirect() && !is_untrusted(source),
            Self::Stalled { .. } | Self::Cut { .. } => true,
            _ => false,
        }
    }

    pub(super) fn after(mut self, tries: u32) -> Self {
        if let Self::Status { asked, .. } | Self::Transport { asked, .. } | Self::Stalled { asked, .. } = &mut self {
            asked.attempts = tries;
        }
        self
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} {}", self.repository, self.method, self.subject)
    }
}

impl From<RegistryError> for TransferError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Transfer { source } => source,
            RegistryError::Status { code: Some(ref code), ref missing, .. } if code == BLOB_UNKNOWN => {
                let missing = missing.clone();
                Self::lost(error, missing)
            }
            other => Self::room(other),
        }
    }
}

impl Advise for RegistryError {
    fn hint(&self) -> Option<Hint> {
        let sentence = match self {
            Self::Status { asked, status, code, .. } => return status_hint(&asked.method, *status, code.as_deref()),
            Self::Token { source, .. } => match source.status().map(|status| status.as_u16()) {
                Some(401 | 403) => "log in to the registry with your container tool, or check the password",
                _ => return source.hint(),
            },
            Self::Credentials { source, .. } => return source.hint(),
            Self::Transfer { source } => return source.hint(),
            Self::Manifest { source, .. } => return source.hint(),
            Self::Transport { source, .. } => return Some(unreachable_hint(source)),
            Self::Offline { .. } => "run once without `--offline` to fill the store",
            Self::Stalled { .. } | Self::Cut { .. } => "run again, and see what stands between here and the registry",
            Self::Mismatch { .. } => "leave out `--registry-mirror`, or push the image anew from where it was made",
            Self::TooLarge { .. } | Self::NoToken { .. } | Self::NoTags { .. } => {
                "check the address: this is not how a registry answers"
            }
            Self::Address { .. } => "let the registry name itself as it is reached, in its own settings",
            Self::Name { .. } => "write it as `HOST[:PORT]/REPOSITORY:TAG`",
            Self::Tag { .. } => "use letters, digits, `_`, `.` and `-`, at most 128 of them",
            Self::Taken { .. } => "remove that tag, or attach nothing, with `--attest none`",
            Self::Contended { .. } => "try again when nobody else attaches to this image",
            Self::NoRanges { .. } => "take the image from another registry: this one gives blobs only whole",
            Self::NoSubject { .. } => "give the manifest a `subject` before it is attached",
        };
        Some(Hint::new(sentence))
    }
}

fn status_hint(method: &Method, status: StatusCode, code: Option<&str>) -> Option<Hint> {
    let writes = !matches!(*method, Method::GET | Method::HEAD);
    Some(Hint::new(match (status.as_u16(), code) {
        (_, Some(BLOB_UNKNOWN)) => "push again: the registry lost a blob it said it had",
        (401 | 403, _) if writes => "log in to the registry as somebody who may push to this repository",
        (401 | 403, _) => "log in to the registry with your container tool, or check the image's name",
        (404, _) if writes => "create the repository first: this registry does not do so on a push",
        (404, _) => "check the image's name and tag",
        (413, _) => "raise the body limit of the proxy in front of the registry, or name one with `--upload-chunks`",
        (429, _) => "try again later, or log in: the registry limits the rate",
        _ => return None,
    }))
}

fn is_passing(status: StatusCode, code: Option<&str>) -> bool {
    match status.as_u16() {
        408 | 429 | 499 | 500 | 502 | 503 | 504 | 522 => true,
        401 | 403 | 413 => false,
        404 => code == Some("BLOB_UPLOAD_UNKNOWN"),
        _ => matches!(code, Some("BLOB_UPLOAD_INVALID" | "TOOMANYREQUESTS" | "UNKNOWN" | "UNAVAILABLE")),
    }
}

fn said(code: Option<&str>, message: &str) -> String {
    match (code, message) {
        (None, "") => String::new(),
        (Some(code), "") => format!(" ({code})"),
        (None, message) => format!(" ({message})"),
        (Some(code), message) => format!(" ({code}: {message})"),
    }
}

fn tried(attempts: u32) -> String {
    if attempts > 1 { format!(" after {attempts} attempts") } else { String::new() }
}
