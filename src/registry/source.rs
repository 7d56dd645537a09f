//! A reference as a source of images.

use futures_util::future::BoxFuture;

use super::{RegistryError, RemoteBlob, Repository};
use crate::{
    image::{Attachment, BlobSource, Manifest, Source, TransferError},
    oci::{Descriptor, Digest, Reference},
};

/// The images that a reference names.
#[derive(Clone)]
pub struct RegistrySource {
    repository: Repository,
    /// Where it is looked for before.
    mirrors: Vec<Repository>,
    tag: String,
    digest: Option<Digest>,
}

impl RegistrySource {
    pub(super) fn new(repository: Repository, mirrors: Vec<Repository>, reference: &Reference) -> Self {
        let tag = reference.tag().unwrap_or("latest").to_owned();
        Self { repository, mirrors, tag, digest: reference.digest().copied() }
    }

    /// What the reference stands for at this moment: its own digest, or what its tag points to.
    ///
    /// # Errors
    /// When the registry cannot be reached or knows no such tag.
    pub async fn resolve(&self) -> Result<Digest, RegistryError> {
        if let Some(digest) = self.digest {
            return Ok(digest);
        }
        for mirror in &self.mirrors {
            match mirror.resolve(&self.tag).await {
                Ok(found) => return Ok(found.digest),
                Err(error) => tracing::debug!(%mirror, %error, "the next place is tried"),
            }
        }
        Ok(self.repository.resolve(&self.tag).await?.digest)
    }

    /// The repository.
    #[must_use]
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }

    async fn read(&self, digest: &Digest) -> Result<Manifest, RegistryError> {
        for mirror in &self.mirrors {
            match mirror.manifest(digest).await {
                Ok(found) => return Ok(found),
                Err(error) => tracing::debug!(%mirror, %error, "the next place is tried"),
            }
        }
        self.repository.manifest(digest).await
    }
}

impl Source for RegistrySource {
    fn root(&self) -> BoxFuture<'_, Result<Manifest, TransferError>> {
        Box::pin(async move {
            let digest = self.resolve().await?;
            Ok(self.read(&digest).await?)
        })
    }

    fn manifest<'a>(&'a self, descriptor: &'a Descriptor) -> BoxFuture<'a, Result<Manifest, TransferError>> {
        Box::pin(async move { Ok(self.read(&descriptor.digest).await?) })
    }

    fn blob(&self, descriptor: &Descriptor) -> Box<dyn BlobSource> {
        Box::new(RemoteBlob::new(self.repository.clone(), self.mirrors.clone(), descriptor.clone()))
    }

    /// As the registry itself lists it: mirrors keep images, and need not know what is said of them.
    fn attached<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Vec<Attachment>, TransferError>> {
        Box::pin(async move { Ok(self.repository.attachments(subject, None).await?) })
    }
}
