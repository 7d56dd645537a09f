//! Answers and refusals in the form of the distribution specification.

use std::{fmt, io};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde_json::{Value, json};

pub(super) type Reply = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// Why a request is not granted.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The client is told so.
    Refused { status: StatusCode, code: &'static str, message: String, headers: Vec<(HeaderName, String)> },
    /// The disk failed: 500.
    Disk(io::Error),
    /// The request did not arrive whole: there is nobody to tell.
    Cut,
}

impl Trouble {
    pub(super) fn refused(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        Self::Refused { status, code, message: message.into(), headers: Vec::new() }
    }

    pub(super) fn method() -> Self {
        Self::refused(405, "UNSUPPORTED", "the operation is unsupported")
    }

    pub(super) fn into_reply(self) -> Reply {
        let (status, code, message, headers) = match self {
            Self::Refused { status, code, message, headers } => (status, code, message, headers),
            Self::Disk(error) => {
                tracing::warn!(%error, "the disk failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", "the registry's disk failed".to_owned(), Vec::new())
            }
            Self::Cut => (StatusCode::BAD_REQUEST, "UNKNOWN", "the request was cut".to_owned(), Vec::new()),
        };
        let mut reply = json(&json!({ "errors": [{ "code": code, "message": message }] }));
        *reply.status_mut() = status;
        headers.into_iter().fold(reply, |reply, (name, value)| with(reply, name, &value))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the request was not granted")
    }
}

impl std::error::Error for Trouble {}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// An answer with nothing in it.
pub(super) fn empty(status: StatusCode) -> Reply {
    bytes(status, Bytes::new())
}

/// 200 with a document.
pub(super) fn json(value: &Value) -> Reply {
    with(bytes(StatusCode::OK, value.to_string().into()), CONTENT_TYPE, "application/json")
}

/// An answer with `body`, whose length is stated even where a HEAD request suppresses it.
pub(super) fn bytes(status: StatusCode, body: Bytes) -> Reply {
    let length = body.len().to_string();
    let mut reply = Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
    *reply.status_mut() = status;
    if status == StatusCode::NO_CONTENT { reply } else { with(reply, CONTENT_LENGTH, &length) }
}

/// With one more header; a value that no header may have is left out.
pub(super) fn with(mut reply: Reply, name: HeaderName, value: &str) -> Reply {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
    reply
}

/// `Docker-Content-Digest`.
pub(super) const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
