//! A reference as a place for images.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::BoxFuture;

use super::{Repository, lock};
use crate::{
    image::{BlobSource, Manifest, Moved, Sink, TransferError},
    oci::Digest,
};

/// A repository that images are pushed to, and the tags they get.
pub struct RegistrySink {
    repository: Repository,
    tags: Vec<String>,
    /// Locked while the blob is on its way; true once it is there.
    blobs: Mutex<BTreeMap<Digest, Arc<tokio::sync::Mutex<bool>>>>,
    /// The index was there before, and so were all blobs seen so far: manifests need not be sent.
    complete: AtomicBool,
}

/// Blobs that are looked for or sent at the same time. How many are sent is the gates' business.
const WIDTH: usize = 16;

impl RegistrySink {
    pub(super) fn new(repository: Repository, tags: Vec<String>) -> Self {
        Self { repository, tags, blobs: Mutex::default(), complete: AtomicBool::new(false) }
    }

    /// The repository.
    #[must_use]
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tags that [`Sink::publish`] moves.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    fn flight(&self, digest: Digest) -> Arc<tokio::sync::Mutex<bool>> {
        Arc::clone(lock(&self.blobs).entry(digest).or_default())
    }
}

impl Sink for RegistrySink {
    fn width(&self) -> usize {
        WIDTH
    }

    fn prepare<'a>(&'a self, root: &'a Manifest) -> BoxFuture<'a, Result<(), TransferError>> {
        Box::pin(async move {
            let there = self.repository.has_manifest(root.descriptor()).await?;
            self.complete.store(there, Ordering::Release);
            Ok(())
        })
    }

    fn put_blob<'a>(&'a self, blob: &'a dyn BlobSource) -> BoxFuture<'a, Result<Moved, TransferError>> {
        Box::pin(async move {
            let flight = self.flight(blob.descriptor().digest);
            let mut there = flight.lock().await;
            if *there {
                return Ok(Moved::Existed);
            }
            let moved = self.repository.put_blob(blob).await?;
            *there = true;
            if moved != Moved::Existed {
                self.complete.store(false, Ordering::Release);
            }
            Ok(moved)
        })
    }

    fn foresee<'a>(&'a self, blob: &'a dyn BlobSource) -> BoxFuture<'a, Result<Moved, TransferError>> {
        Box::pin(async move { Ok(self.repository.foresee_blob(blob).await?) })
    }

    fn put_blob_again<'a>(&'a self, blob: &'a dyn BlobSource) -> BoxFuture<'a, Result<Moved, TransferError>> {
        Box::pin(async move { Ok(self.repository.put_blob_again(blob).await?) })
    }

    fn put_manifest<'a>(&'a self, manifest: &'a Manifest) -> BoxFuture<'a, Result<(), TransferError>> {
        Box::pin(async move {
            if self.complete.load(Ordering::Acquire) {
                return Ok(());
            }
            let at = manifest.descriptor().digest.to_string();
            Ok(self.repository.put_manifest(manifest, &at).await?)
        })
    }

    fn publish<'a>(&'a self, root: &'a Manifest) -> BoxFuture<'a, Result<(), TransferError>> {
        Box::pin(async move {
            for tag in &self.tags {
                self.repository.put_manifest(root, tag).await?;
            }
            Ok(())
        })
    }
}
