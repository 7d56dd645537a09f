//! One request to a registry: authorised, watched, tried again where that may help.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{
    Body, Method, Response, StatusCode,
    header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;
use url::Url;

use super::{
    Asked, RegistryError, Repository, authenticator::Asking, error::BLOB_UNKNOWN, gate::Lane, location::same_server,
    meter::Meter,
};
use crate::{
    http::{Authorization, pause, retry_after},
    image::{BlobSource, TransferError},
    oci::Digest,
};

/// Nothing that a registry says about an error is longer.
const LONGEST_COMPLAINT: u64 = 64 << 10;

/// A request.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) payload: Payload<'a>,
    /// What it is about, for errors.
    pub(super) subject: String,
    /// A repository of the same registry that must be readable too.
    pub(super) mount_from: Option<&'a str>,
}

/// The body of a request.
pub(super) enum Payload<'a> {
    Empty,
    Bytes(Bytes),
    Blob(Part<'a>),
}

/// A stretch of a blob.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) blob: &'a dyn BlobSource,
    pub(super) from: u64,
    pub(super) length: u64,
}

/// An attempt that failed.
pub(super) struct Setback {
    pub(super) error: RegistryError,
    /// How long the registry asks us to wait.
    pub(super) wait: Option<Duration>,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, url: Url, subject: &impl ToString) -> Self {
        let (headers, payload) = (HeaderMap::new(), Payload::Empty);
        Self { method, url, headers, payload, subject: subject.to_string(), mount_from: None }
    }

    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    pub(super) fn carrying(mut self, payload: Payload<'a>) -> Self {
        self.payload = payload;
        self
    }
}

impl From<RegistryError> for Setback {
    fn from(error: RegistryError) -> Self {
        Self { error, wait: None }
    }
}

impl Repository {
    /// Sends `call` until it is answered with one of the statuses in `accept`, or no further attempt
    /// would help.
    pub(super) async fn send(&self, call: &Call<'_>, accept: &[u16]) -> Result<Response, RegistryError> {
        let mut attempt = 1;
        loop {
            let permit = self.gates().enter(self.registry_name(), Lane::Request).await;
            let setback = match self.attempt(call, accept).await {
                Ok(response) => return Ok(response),
                Err(setback) => setback,
            };
            drop(permit);
            self.wait_after(setback, attempt).await?;
            attempt += 1;
        }
    }

    /// Waits before the next attempt, or gives up.
    pub(super) async fn wait_after(&self, setback: Setback, attempt: u32) -> Result<(), RegistryError> {
        let options = self.http().options();
        if attempt > options.retries || !setback.error.is_passing() {
            return Err(setback.error.after(attempt));
        }
        if setback.error.status() == Some(StatusCode::TOO_MANY_REQUESTS) {
            self.gates().narrow(self.registry_name());
        }
        tracing::debug!(attempt, error = %setback.error, "trying again");
        tokio::time::sleep(setback.wait.unwrap_or_else(|| pause(attempt, options.pause))).await;
        Ok(())
    }

    /// Sends `call` once, and once more when the registry wants to know who we are.
    pub(super) async fn attempt(&self, call: &Call<'_>, accept: &[u16]) -> Result<Response, Setback> {
        let response = self.authorised(call).await?;
        if accept.contains(&response.status().as_u16()) {
            return Ok(response);
        }
        Err(self.complaint(call, response).await)
    }

    async fn authorised(&self, call: &Call<'_>) -> Result<Response, RegistryError> {
        if !same_server(&call.url, self.root()) {
            return self.dispatch(call, None).await;
        }
        let scopes = self.scopes(call.mount_from);
        let asking =
            Asking { registry: self.registry_name(), repository: self.name(), root: self.root(), scopes: &scopes };
        let authenticator = self.authenticator();
        let sent_with = authenticator.authorization(asking).await?;
        let response = self.dispatch(call, sent_with.as_ref()).await?;
        // A 401 of a server we were redirected to is not the registry's, and learns nothing from us.
        if response.status() != StatusCode::UNAUTHORIZED || !same_server(response.url(), self.root()) {
            return Ok(response);
        }
        match authenticator.challenged(asking, response.headers(), sent_with.as_ref()).await? {
            Some(better) => self.dispatch(call, Some(&better)).await,
            None => Ok(response),
        }
    }

    async fn dispatch(
        &self,
        call: &Call<'_>,
        authorization: Option<&Authorization>,
    ) -> Result<Response, RegistryError> {
        if self.http().options().offline {
            return Err(RegistryError::Offline { repository: self.to_string() });
        }
        // Bytes count as they are: compressed on the way, they could be neither resumed nor measured.
        let mut request = self
            .http()
            .reqwest()
            .request(call.method.clone(), call.url.clone())
            .header(ACCEPT_ENCODING, "identity")
            .headers(call.headers.clone());
        if let Some(value) = authorization.and_then(Authorization::header_value) {
            request = request.header(AUTHORIZATION, value);
        }
        match &call.payload {
            Payload::Empty if matches!(call.method, Method::GET | Method::HEAD) => {}
            Payload::Empty => request = request.header(CONTENT_LENGTH, 0),
            Payload::Bytes(bytes) => request = request.body(bytes.clone()),
            Payload::Blob(part) => return self.upload(call, request, *part).await,
        }
        let limit = self.http().options().stall;
        match tokio::time::timeout(limit, request.send()).await {
            Err(_) => Err(self.stalled(call)),
            Ok(sent) => sent.map_err(|source| self.broken(call, source)),
        }
    }

    /// Streams bytes of a blob, watched: the network must take something all the time, however slowly.
    async fn upload(
        &self,
        call: &Call<'_>,
        request: reqwest::RequestBuilder,
        part: Part<'_>,
    ) -> Result<Response, RegistryError> {
        let descriptor = part.blob.descriptor();
        let meter = Meter::new(part.length);
        let bytes = part.blob.open(part.from).await.map_err(|source| RegistryError::Transfer { source })?;
        let bytes =
            if part.from + part.length == descriptor.size { meter.watch_to_end(bytes) } else { meter.watch(bytes) };
        let request = request
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, part.length)
            .body(Body::wrap_stream(bytes));
        let sent = tokio::select! {
            sent = request.send() => sent.map_err(|source| self.broken(call, source)),
            () = meter.stalled(self.http().options().stall) => Err(self.stalled(call)),
        };
        match meter.take_failure() {
            Some(source) => {
                Err(RegistryError::Transfer { source: TransferError::Read { digest: descriptor.digest, source } })
            }
            None => sent,
        }
    }

    /// Reads a whole body of at most `limit` bytes.
    pub(super) async fn read(&self, mut response: Response, subject: &str, limit: u64) -> Result<Bytes, RegistryError> {
        let mut body = BytesMut::new();
        let cut = |received: &BytesMut| RegistryError::Cut {
            repository: self.to_string(),
            subject: subject.to_owned(),
            received: received.len() as u64,
        };
        loop {
            let chunk = tokio::time::timeout(self.http().options().stall, response.chunk()).await;
            let Ok(Ok(chunk)) = chunk else { return Err(cut(&body)) };
            let Some(chunk) = chunk else { return Ok(body.freeze()) };
            if body.len() as u64 + chunk.len() as u64 > limit {
                let (repository, subject) = (self.to_string(), subject.to_owned());
                return Err(RegistryError::TooLarge { repository, subject, limit });
            }
            body.extend_from_slice(&chunk);
        }
    }

    async fn complaint(&self, call: &Call<'_>, response: Response) -> Setback {
        let status = response.status();
        let wait = retry_after(response.headers());
        let body = self.read(response, &call.subject, LONGEST_COMPLAINT).await.unwrap_or_default();
        let (code, message) = said(&body);
        let missing = if code.as_deref() == Some(BLOB_UNKNOWN) { digests_in(&body) } else { Vec::new() };
        let error = RegistryError::Status { asked: Box::new(self.asked(call)), status, code, message, missing };
        Setback { error, wait }
    }

    fn broken(&self, call: &Call<'_>, source: reqwest::Error) -> RegistryError {
        RegistryError::Transport { asked: Box::new(self.asked(call)), source: source.without_url() }
    }

    fn stalled(&self, call: &Call<'_>) -> RegistryError {
        RegistryError::Stalled { asked: Box::new(self.asked(call)), limit: self.http().options().stall }
    }

    fn asked(&self, call: &Call<'_>) -> Asked {
        let (method, subject) = (call.method.clone(), call.subject.clone());
        Asked { method, repository: self.to_string(), subject, attempts: 1 }
    }
}

/// The first error of the specification's error document, or the first line of whatever came.
fn said(body: &[u8]) -> (Option<String>, String) {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let field = |name: &str| value.pointer(&format!("/errors/0/{name}")).and_then(Value::as_str);
    match field("code") {
        Some(code) => (Some(line(code)), line(field("message").unwrap_or_default())),
        None => (None, line(&String::from_utf8_lossy(&body[..body.len().min(400)]))),
    }
}

/// Every digest that an answer names: registries tell in different members which blobs they miss.
fn digests_in(body: &[u8]) -> Vec<Digest> {
    let text = String::from_utf8_lossy(body);
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != ':');
    let mut digests: Vec<Digest> = words.filter_map(|word| word.parse().ok()).collect();
    digests.sort_unstable();
    digests.dedup();
    digests
}

fn line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().filter(|letter| !letter.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_blobs_are_named_in_any_member() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let body = format!(
            r#"{{"errors":[{{"code":"X","detail":{{"digest":"{two}"}}}},{{"message":"no {one}, {two}; sha256:1"}}]}}"#
        );
        let mut expect = vec![one, two];
        expect.sort_unstable();
        assert_eq!(digests_in(body.as_bytes()), expect);
    }

    #[test]
    fn complaints_of_any_shape_become_one_line() {
        let check = |body: &str, code: Option<&str>, message: &str| {
            assert_eq!(said(body.as_bytes()), (code.map(str::to_owned), message.to_owned()), "{body}");
        };
        check(r#"{"errors":[{"code":"DENIED","message":"no\u001b[31m\nreally"}]}"#, Some("DENIED"), "no[31m");
        check(r#"{"errors":[]}"#, None, r#"{"errors":[]}"#);
        check("<html>\nx", None, "<html>");
        check("", None, "");
    }
}
