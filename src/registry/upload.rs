//! Blobs into a repository: found there, mounted from a neighbour, or sent in one streaming PUT.
//!
//! [Distribution specification, "Push"](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push).
//! Every failure is followed by the question whether the blob arrived after all, and then by a new
//! session: what an old one holds nobody knows.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::{
    Method, Response, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
};
use url::Url;

use super::{
    RegistryError, Repository,
    call::{Call, Payload, Setback},
    gate::Lane,
    location::{Refusal, follow, same_server},
};
use crate::{
    image::{BlobSource, Bytes, Moved, Origin, TransferError, is_kept_elsewhere},
    oci::{Descriptor, Hasher},
};

/// Redirects followed with one body.
const MOST_REDIRECTS: usize = 5;

/// How long the registry may take to forget a session we do not need.
const CANCEL_LIMIT: Duration = Duration::from_secs(5);

/// What a registry offers when an upload begins.
enum Begun {
    Mounted,
    Session(Url),
}

/// What [`put`] would do: a mount is only known to be possible.
pub(super) async fn foresee(repository: &Repository, blob: &dyn BlobSource) -> Result<Moved, RegistryError> {
    let descriptor = blob.descriptor();
    if is_kept_elsewhere(&descriptor.media_type) || repository.has_blob(descriptor).await? {
        return Ok(Moved::Existed);
    }
    let near = mountable(repository, blob).is_some();
    Ok(if near { Moved::Mounted } else { Moved::Sent(descriptor.size) })
}

pub(super) async fn put(repository: &Repository, blob: &dyn BlobSource) -> Result<Moved, RegistryError> {
    let descriptor = blob.descriptor();
    if is_kept_elsewhere(&descriptor.media_type) || repository.has_blob(descriptor).await? {
        return Ok(Moved::Existed);
    }
    let mut session = match mount(repository, blob).await? {
        Some(Begun::Mounted) => return Ok(Moved::Mounted),
        Some(Begun::Session(session)) => Some(session),
        None => None,
    };
    let _permit = repository.gates().enter(repository.registry_name(), Lane::Upload).await;
    let mut attempt = 1;
    let mut checked = false;
    loop {
        let session = match session.take() {
            Some(session) => session,
            None => begin(repository, descriptor).await?,
        };
        let setback = match send(repository, blob, &session).await {
            Ok(()) => return Ok(Moved::Sent(descriptor.size)),
            Err(setback) => setback,
        };
        cancel(repository, &session).await;
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
    url.query_pairs_mut().append_pair("mount", &digest).append_pair("from", &origin.repository);
    let mut call = Call::new(Method::POST, url, &digest);
    call.mount_from = Some(&origin.repository);
    match repository.send(&call, &[200, 201, 202, 204]).await {
        Ok(response) if response.status() == StatusCode::ACCEPTED => {
            Ok(next_address(repository, &response).ok().map(Begun::Session))
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
fn mountable<'a>(repository: &Repository, blob: &'a dyn BlobSource) -> Option<&'a Origin> {
    blob.origin()
        .filter(|origin| origin.registry == repository.registry_name() && origin.repository != repository.name())
}

async fn begin(repository: &Repository, descriptor: &Descriptor) -> Result<Url, RegistryError> {
    let call = Call::new(Method::POST, repository.url("blobs/uploads/")?, &descriptor.digest);
    let response = repository.send(&call, &[202]).await?;
    next_address(repository, &response)
}

/// Streams the blob into `session` and sees it stored.
async fn send(repository: &Repository, blob: &dyn BlobSource, session: &Url) -> Result<(), Setback> {
    let descriptor = blob.descriptor();
    let mut url = session.clone();
    url.query_pairs_mut().append_pair("digest", &descriptor.digest.to_string());
    for _ in 0..=MOST_REDIRECTS {
        let call = Call::new(Method::PUT, url.clone(), &descriptor.digest);
        let call = match descriptor.size {
            0 => call.with(CONTENT_TYPE, "application/octet-stream").carrying(Payload::Bytes(Bytes::new())),
            _ => call.carrying(Payload::Blob(blob)),
        };
        let response = repository.attempt(&call, &[200, 201, 202, 204, 307, 308]).await?;
        match response.status() {
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {
                url = next_address(repository, &response)?;
            }
            StatusCode::CREATED => return Ok(repository.check_digest(&response, &descriptor.digest)?),
            _ if repository.has_blob(descriptor).await? => return Ok(()),
            _ => return Err(lost(repository, descriptor).into()),
        }
    }
    Err(address(repository, Refusal::Missing).into())
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
