//! Blobs into a repository: found there, mounted from a neighbour, or sent in one streaming PUT.
//!
//! [Distribution specification, "Push"](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push).
//! Every failure is followed by the question whether the blob arrived after all, and then by a new
//! session: what an old one holds nobody knows. Sessions that are given up are cancelled.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::{
    Method, Response, StatusCode,
    header::{CONTENT_RANGE, CONTENT_TYPE, HeaderName, LOCATION},
};
use url::Url;

use super::{
    Registry, RegistryError, Repository,
    call::{Call, Part, Payload, Setback},
    gate::Lane,
    location::{Refusal, follow, same_server},
    lock,
};
use crate::{
    image::{BlobSource, Bytes, Moved, TransferError, is_kept_elsewhere},
    oci::{Descriptor, Hasher},
};

/// Redirects followed with one body.
const MOST_REDIRECTS: usize = 5;

/// How long the registry may take to forget a session we do not need.
const CANCEL_LIMIT: Duration = Duration::from_secs(5);

/// Says of how many bytes a chunk must consist at least.
const SMALLEST_CHUNK: HeaderName = HeaderName::from_static("oci-chunk-min-length");

/// What a registry offers when an upload begins.
enum Begun {
    Mounted,
    Session(Box<Session>),
}

/// An upload that has begun. Dropped before it has ended, it is left to [`super::Registry::tidy`].
struct Session {
    repository: Repository,
    /// Where the next bytes go; nothing when the upload has ended.
    url: Option<Url>,
    /// Bytes of which a chunk must consist at least.
    smallest: u64,
}

/// An upload that nobody goes on with.
pub(super) struct Abandoned {
    host: String,
    name: String,
    url: Url,
}

/// What [`put`] would do: a mount is only known to be possible.
pub(super) async fn foresee(repository: &Repository, blob: &dyn BlobSource) -> Result<Moved, RegistryError> {
    let descriptor = blob.descriptor();
    if is_there(repository, blob).await? {
        return Ok(Moved::Existed);
    }
    let near = mountable(repository, blob).is_some();
    Ok(if near { Moved::Mounted } else { Moved::Sent(descriptor.size) })
}

pub(super) async fn put(repository: &Repository, blob: &dyn BlobSource) -> Result<Moved, RegistryError> {
    let moved = find_or_send(repository, blob).await?;
    let key = (repository.registry_name().to_owned(), blob.descriptor().digest);
    lock(&repository.registry().shared.placed).entry(key).or_insert_with(|| repository.name().to_owned());
    Ok(moved)
}

async fn find_or_send(repository: &Repository, blob: &dyn BlobSource) -> Result<Moved, RegistryError> {
    if is_there(repository, blob).await? {
        return Ok(Moved::Existed);
    }
    match mount(repository, blob).await? {
        Some(Begun::Mounted) => Ok(Moved::Mounted),
        Some(Begun::Session(session)) => transmit(repository, blob, Some(*session)).await,
        None => transmit(repository, blob, None).await,
    }
}

/// Whether the blob need not be sent. One that comes out of the repository itself is in it.
async fn is_there(repository: &Repository, blob: &dyn BlobSource) -> Result<bool, RegistryError> {
    let own = blob
        .origin()
        .is_some_and(|origin| origin.registry == repository.registry_name() && origin.repository == repository.name());
    let descriptor = blob.descriptor();
    Ok(own || is_kept_elsewhere(&descriptor.media_type) || repository.has_blob(descriptor).await?)
}

/// Sends a blob without asking whether it is there.
pub(super) async fn put_again(repository: &Repository, blob: &dyn BlobSource) -> Result<Moved, RegistryError> {
    if is_kept_elsewhere(&blob.descriptor().media_type) {
        return Ok(Moved::Existed);
    }
    transmit(repository, blob, None).await
}

async fn transmit(
    repository: &Repository,
    blob: &dyn BlobSource,
    mut session: Option<Session>,
) -> Result<Moved, RegistryError> {
    let descriptor = blob.descriptor();
    let _permit = repository.gates().enter(repository.registry_name(), Lane::Upload).await;
    let mut attempt = 1;
    let mut checked = false;
    loop {
        let mut session = match session.take() {
            Some(session) => session,
            None => begin(repository, descriptor).await?,
        };
        let setback = match send(blob, &mut session).await {
            Ok(()) => return Ok(Moved::Sent(descriptor.size)),
            Err(setback) => setback,
        };
        session.cancel().await;
        if setback.error.code() == Some("DIGEST_INVALID") && !checked {
            // Either our bytes are bad, or they became so on the way.
            verify(blob).await.map_err(|source| RegistryError::Transfer { source })?;
            checked = true;
        } else {
            repository.wait_after(setback, attempt).await?;
        }
        attempt += 1;
        if repository.has_blob(descriptor).await? {
            return Ok(Moved::Sent(descriptor.size));
        }
    }
}

/// Asks for the blob of another repository in the same registry. A registry that does not mount
/// opens a session instead, or says something else, which is no reason to stop.
async fn mount(repository: &Repository, blob: &dyn BlobSource) -> Result<Option<Begun>, RegistryError> {
    let descriptor = blob.descriptor();
    let Some(origin) = mountable(repository, blob) else { return Ok(None) };
    let mut url = repository.url("blobs/uploads/")?;
    let digest = descriptor.digest.to_string();
    url.query_pairs_mut().append_pair("mount", &digest).append_pair("from", &origin);
    let mut call = Call::new(Method::POST, url, &digest);
    call.mount_from = Some(&origin);
    match repository.send(&call, &[200, 201, 202, 204]).await {
        Ok(response) if response.status() == StatusCode::ACCEPTED => {
            Ok(Session::of(repository, &response).ok().map(Box::new).map(Begun::Session))
        }
        Ok(_) if repository.has_blob(descriptor).await? => Ok(Some(Begun::Mounted)),
        Ok(_) => Ok(None),
        Err(error) if error.status().is_some() || matches!(error, RegistryError::Token { .. }) => {
            tracing::debug!(%error, "not mounted");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The repository of the same registry from which the blob could be mounted.
/// The repository of the same registry from which a blob can be mounted: that out of which it comes, or one
/// in which this run has put it.
fn mountable(repository: &Repository, blob: &dyn BlobSource) -> Option<String> {
    let host = repository.registry_name();
    let placed = || {
        let key = (host.to_owned(), blob.descriptor().digest);
        lock(&repository.registry().shared.placed).get(&key).cloned()
    };
    let origin = blob.origin().filter(|origin| origin.registry == host).map(|origin| origin.repository.clone());
    origin.or_else(placed).filter(|near| near != repository.name())
}

async fn begin(repository: &Repository, descriptor: &Descriptor) -> Result<Session, RegistryError> {
    let call = Call::new(Method::POST, repository.url("blobs/uploads/")?, &descriptor.digest);
    let response = repository.send(&call, &[202]).await?;
    Session::of(repository, &response)
}

/// Streams the blob into `session`, in one request or in chunks, and sees it stored.
async fn send(blob: &dyn BlobSource, session: &mut Session) -> Result<(), Setback> {
    let repository = session.repository.clone();
    let descriptor = blob.descriptor();
    let mut from = 0;
    if let Some(chunk) = repository.chunk() {
        let length = chunk.max(session.smallest).max(1);
        while descriptor.size - from > length {
            session.append(Part { blob, from, length }).await?;
            from += length;
        }
    }
    let part = Part { blob, from, length: descriptor.size - from };
    let response = session.finish(part).await?;
    if response.status() != StatusCode::CREATED && !repository.has_blob(descriptor).await? {
        return Err(lost(&repository, descriptor).into());
    }
    repository.check_digest(&response, &descriptor.digest)?;
    session.url = None;
    Ok(())
}

impl Session {
    fn of(repository: &Repository, response: &Response) -> Result<Self, RegistryError> {
        let smallest = response.headers().get(SMALLEST_CHUNK).and_then(|value| value.to_str().ok());
        let smallest = smallest.and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(Self { repository: repository.clone(), url: Some(next_address(repository, response)?), smallest })
    }

    /// Sends a chunk. How much the registry says it has is not asked: some always say the same, and
    /// in the end the digest tells.
    async fn append(&mut self, part: Part<'_>) -> Result<(), Setback> {
        let response = self.transfer(&Method::PATCH, self.url.clone(), part).await?;
        if response.headers().contains_key(LOCATION) {
            self.url = Some(next_address(&self.repository, &response)?);
        }
        Ok(())
    }

    /// Sends the last bytes, and the digest of all.
    async fn finish(&self, part: Part<'_>) -> Result<Response, Setback> {
        let mut url = self.url.clone();
        if let Some(url) = &mut url {
            url.query_pairs_mut().append_pair("digest", &part.blob.descriptor().digest.to_string());
        }
        self.transfer(&Method::PUT, url, part).await
    }

    /// Sends bytes, again from their first wherever the registry redirects them.
    async fn transfer(&self, method: &Method, mut url: Option<Url>, part: Part<'_>) -> Result<Response, Setback> {
        let descriptor = part.blob.descriptor();
        for _ in 0..=MOST_REDIRECTS {
            let Some(at) = url.take() else { break };
            let mut call = Call::new(method.clone(), at, &descriptor.digest);
            if part.length < descriptor.size {
                call = call.with(CONTENT_RANGE, &format!("{}-{}", part.from, part.from + part.length - 1));
            }
            call = match part.length {
                0 => call.with(CONTENT_TYPE, "application/octet-stream").carrying(Payload::Bytes(Bytes::new())),
                _ => call.carrying(Payload::Blob(part)),
            };
            let response = self.repository.attempt(&call, &[200, 201, 202, 204, 307, 308]).await?;
            if !matches!(response.status().as_u16(), 307 | 308) {
                return Ok(response);
            }
            url = Some(next_address(&self.repository, &response)?);
        }
        Err(address(&self.repository, Refusal::Missing).into())
    }

    async fn cancel(mut self) {
        if let Some(url) = &self.url {
            cancel(&self.repository, url).await;
        }
        self.url = None;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(url) = self.url.take() else { return };
        let (host, name) = (self.repository.registry_name().to_owned(), self.repository.name().to_owned());
        lock(&self.repository.registry().shared.abandoned).push(Abandoned { host, name, url });
    }
}

impl Abandoned {
    pub(super) async fn cancel(self, registry: Registry) {
        if let Ok(repository) = Repository::new(registry, (&self.host, &self.name), "pull,push") {
            cancel(&repository, &self.url).await;
        }
    }
}

/// The registry says it stored the blob, and then that it has none.
fn lost(repository: &Repository, descriptor: &Descriptor) -> RegistryError {
    RegistryError::Cut { repository: repository.to_string(), subject: descriptor.digest.to_string(), received: 0 }
}

fn next_address(repository: &Repository, response: &Response) -> Result<Url, RegistryError> {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    follow(response.url(), location).map_err(|refusal| address(repository, refusal))
}

fn address(repository: &Repository, source: Refusal) -> RegistryError {
    RegistryError::Address { repository: repository.to_string(), subject: "an upload", source }
}

/// Politeness only: sessions expire by themselves.
async fn cancel(repository: &Repository, session: &Url) {
    if same_server(session, repository.root()) {
        let call = Call::new(Method::DELETE, session.clone(), &"an upload");
        let _ = tokio::time::timeout(CANCEL_LIMIT, repository.attempt(&call, &[204])).await;
    }
}

/// Reads the blob once more and compares.
async fn verify(blob: &dyn BlobSource) -> Result<(), TransferError> {
    let descriptor = blob.descriptor();
    let mut bytes = blob.open(0).await?;
    let mut hasher = Hasher::new();
    while let Some(piece) = bytes.next().await {
        hasher.update(&piece.map_err(|source| TransferError::Read { digest: descriptor.digest, source })?);
    }
    let found = hasher.finish();
    if found == descriptor.digest {
        return Ok(());
    }
    Err(TransferError::Corrupt { digest: descriptor.digest, found: found.to_string() })
}
