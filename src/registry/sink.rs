//! A reference as a place for images.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::{BoxFuture, try_join_all};

use super::{RegistryError, Repository, lock};
use crate::{
    image::{Artifact, Attachment, BlobSource, Manifest, Moved, Sink, TransferError},
    oci::{Descriptor, Digest},
};

/// A repository that images are pushed to, and the tags they get.
pub struct RegistrySink {
    repository: Repository,
    tags: Vec<String>,
    /// Locked while the blob is on its way; true once it is there.
    blobs: Mutex<BTreeMap<Digest, Arc<tokio::sync::Mutex<bool>>>>,
    /// The index was there before, and so were all blobs seen so far: manifests need not be sent.
    complete: AtomicBool,
    /// What the tags pointed to before.
    standing: Mutex<Standing>,
}

/// What is known to be in a repository because its tags lead there.
#[derive(Clone, Default)]
struct Standing {
    /// The tags point to what is to be published.
    same: bool,
    /// Blobs of what they point to.
    blobs: BTreeSet<Digest>,
}

/// Images of an index that are read to know their blobs.
const MOST_IMAGES: usize = 16;

/// Blobs that are looked for or sent at the same time. How many are sent is the gates' business.
const WIDTH: usize = 16;

impl RegistrySink {
    pub(super) fn new(repository: Repository, tags: Vec<String>) -> Self {
        let (blobs, standing) = (Mutex::default(), Mutex::default());
        Self { repository, tags, blobs, complete: AtomicBool::new(false), standing }
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

    /// Whether the repository is known to have a blob.
    fn has(&self, digest: &Digest) -> bool {
        let standing = self.standing();
        standing.same || standing.blobs.contains(digest)
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        lock(&self.standing)
    }

    /// Looks where the tags point to. A registry keeps what tagged manifests name, so that nothing of it need
    /// be asked for one by one; should it have lost a blob all the same, it refuses the manifests, and the
    /// blob is sent then.
    async fn look(&self, root: &Manifest) -> Result<Standing, RegistryError> {
        let mut standing = Standing { same: !self.tags.is_empty(), blobs: BTreeSet::new() };
        for tag in &self.tags {
            match self.repository.pointed_to(tag).await? {
                Some(digest) if digest == root.descriptor().digest => {}
                None => standing.same = false,
                Some(digest) => {
                    standing.same = false;
                    standing.blobs.extend(self.blobs_below(&digest).await?);
                }
            }
        }
        Ok(standing)
    }

    /// Whether the repository has everything that the index `root` lists: a registry can lose an image and keep the
    /// index.
    async fn has_images(&self, root: &Manifest) -> Result<bool, RegistryError> {
        let images = root.manifests().unwrap_or_default();
        let there = try_join_all(images.iter().map(|image| self.repository.has_manifest(image))).await?;
        Ok(there.into_iter().all(|there| there))
    }

    /// The blobs of an image, or of the images of an index.
    async fn blobs_below(&self, digest: &Digest) -> Result<BTreeSet<Digest>, RegistryError> {
        let root = self.repository.manifest(digest).await?;
        let mut blobs = blobs_of(&root);
        for image in root.manifests().unwrap_or_default().iter().take(MOST_IMAGES) {
            blobs.extend(blobs_of(&self.repository.manifest(&image.digest).await?));
        }
        Ok(blobs)
    }

    async fn attach_now(&self, artifact: &Artifact) -> Result<(), RegistryError> {
        for blob in &artifact.blobs {
            self.repository.put_blob(&**blob).await?;
        }
        self.repository.attach(&artifact.manifest).await.map(drop)
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
            let mut standing = self.look(root).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "what the tags point to is not known");
                Standing::default()
            });
            // Manifests that name blobs which were not asked for are sent in any case: the registry looks.
            let listed =
                standing.same || standing.blobs.is_empty() && self.repository.has_manifest(root.descriptor()).await?;
            let there = listed && self.has_images(root).await?;
            standing.same &= there;
            *self.standing() = standing;
            self.complete.store(there, Ordering::Release);
            Ok(())
        })
    }

    fn put_blob<'a>(&'a self, blob: &'a dyn BlobSource) -> BoxFuture<'a, Result<Moved, TransferError>> {
        Box::pin(async move {
            let digest = blob.descriptor().digest;
            if self.has(&digest) {
                return Ok(Moved::Existed);
            }
            let flight = self.flight(digest);
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

    fn put_manifest<'a>(&'a self, manifest: &'a Manifest) -> BoxFuture<'a, Result<Moved, TransferError>> {
        Box::pin(async move {
            if self.complete.load(Ordering::Acquire) {
                return Ok(Moved::Existed);
            }
            let Descriptor { digest, size, .. } = manifest.descriptor();
            self.repository.put_manifest(manifest, &digest.to_string()).await?;
            Ok(Moved::Sent(*size))
        })
    }

    fn attach<'a>(&'a self, artifact: &'a Artifact) -> BoxFuture<'a, Result<(), TransferError>> {
        Box::pin(async move {
            // What the tags lead to says nothing of what is attached to it.
            self.attach_now(artifact).await.map_err(|source| {
                let listed = Attachment::of(&artifact.manifest);
                let what = listed.predicate().or(listed.kind.as_deref()).unwrap_or("an artifact").to_owned();
                let subject = Artifact::subject_of(&artifact.manifest).map_or(listed.manifest.digest, |it| it.digest);
                TransferError::Attach { what, subject, source: Box::new(source.into()) }
            })
        })
    }

    fn publish<'a>(&'a self, root: &'a Manifest) -> BoxFuture<'a, Result<(), TransferError>> {
        Box::pin(async move {
            if self.standing().same {
                return Ok(());
            }
            for tag in &self.tags {
                self.repository.put_manifest(root, tag).await?;
            }
            Ok(())
        })
    }
}

fn blobs_of(manifest: &Manifest) -> BTreeSet<Digest> {
    let blobs = manifest.layers().unwrap_or_default().into_iter().chain(manifest.config().ok());
    blobs.map(|blob| blob.digest).collect()
}
