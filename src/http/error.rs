//! What goes wrong on the wire, with the secrets taken out of URLs.

use std::time::Duration;

use url::Url;

use super::retry::is_untrusted;
use crate::hint::{Advise, Hint};

/// A request that did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// No connection, or it broke, after every retry.
    #[error("cannot reach {url}")]
    Transport {
        /// Without credentials and query.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The server answered with an error status.
    #[error("{url} answered {status}{}", detail(.message))]
    Status {
        /// Without credentials and query.
        url: String,
        /// The status.
        status: reqwest::StatusCode,
        /// The beginning of the body, one line.
        message: String,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// More bytes came than the caller allows.
    #[error("{url} sends more than {limit} bytes")]
    TooLarge {
        /// Without credentials and query.
        url: String,
        /// In bytes.
        limit: u64,
    },
    /// The transfer ended early, after every attempt to resume it.
    #[error("{url} was cut after {received} of {expected} bytes")]
    Cut {
        /// Without credentials and query.
        url: String,
        /// Bytes received.
        received: u64,
        /// Bytes announced.
        expected: u64,
    },
    /// The bytes could not be kept.
    #[error("cannot keep what {url} sends")]
    Keep {
        /// Without credentials and query.
        url: String,
        /// Why.
        source: std::io::Error,
    },
    /// A request was needed although the client is offline.
    #[error("{url} is needed, but this run is offline")]
    Offline {
        /// Without credentials and query.
        url: String,
    },
    /// TLS could not be set up.
    #[error("cannot set up TLS")]
    Tls {
        /// Why.
        source: rustls::Error,
    },
    /// The client could not be made.
    #[error("cannot set up the HTTP client")]
    Setup {
        /// Why.
        source: reqwest::Error,
    },
}

impl HttpError {
    /// The status, when the server answered with one.
    #[must_use]
    pub const fn status(&self) -> Option<reqwest::StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// How long the server asked to be left alone.
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl Advise for HttpError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Offline { .. } => Some(Hint::new("run once without `--offline` to fill the store")),
            Self::Status { status, .. } if matches!(status.as_u16(), 401 | 403) => {
                Some(Hint::new("check the credentials for this host"))
            }
            Self::Status { status, .. } if status.as_u16() == 429 => {
                Some(Hint::new("try again later: the server limits the rate"))
            }
            Self::Setup { .. } => Some(Hint::new("check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY")),
            Self::Transport { source, .. } if source.is_redirect() => {
                Some(Hint::new("check the address: it leads around in a circle, or to where secrets would be seen"))
            }
            Self::Transport { source, .. } => Some(unreachable_hint(source)),
            Self::Cut { .. } => Some(Hint::new("run again, and see what stands between here and the server")),
            Self::Keep { .. } => Some(Hint::new("free some space, or name another store with `--store DIR`")),
            Self::Tls { .. } => Some(Hint::new("check the certificates that this machine trusts")),
            // Who asked knows what else there is.
            Self::Status { .. } | Self::TooLarge { .. } => None,
        }
    }
}

/// What to do about a server that cannot be reached.
pub(crate) fn unreachable_hint(error: &reqwest::Error) -> Hint {
    Hint::new(if is_untrusted(error) {
        "name the authority that signed the server's certificate with `--ca-file FILE` or in SSL_CERT_FILE"
    } else {
        "check the network, HTTPS_PROXY and NO_PROXY"
    })
}

/// `url` as it may be shown: without user, password, query and fragment.
#[must_use]
pub fn redacted(url: &Url) -> String {
    let mut shown = url.clone();
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    match shown.as_str().rsplit_once('@') {
        // `scheme:user:password@host`, with any slashes but two: no parser finds the password there.
        Some((_, rest)) if shown.host_str().is_none_or(str::is_empty) && shown.scheme() != "file" => {
            format!("{}:***@{rest}", shown.scheme())
        }
        _ => shown.to_string(),
    }
}

fn detail(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}
