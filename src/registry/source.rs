//! A reference as a source of images.

use futures_util::future::BoxFuture;

use super::{RegistryError, Repository};
use crate::{
    image::{BlobSource, Manifest, Source, TransferError},
    oci::{Descriptor, Digest, Reference},
};

/// The images that a reference names.
#[derive(Clone)]
pub struct RegistrySource {
    repository: Repository,
    tag: String,
    digest: Option<Digest>,
}

impl RegistrySource {
    pub(super) fn new(repository: Repository, reference: &Reference) -> Self {
        let tag = reference.tag().unwrap_or("latest").to_owned();
        Self { repository, tag, digest: reference.digest().copied() }
    }

    /// What the reference stands for at this moment: its own digest, or what its tag points to.
    ///
    /// # Errors
    /// When the registry cannot be reached or knows no such tag.
    pub async fn resolve(&self) -> Result<Digest, RegistryError> {
        match self.digest {
            Some(digest) => Ok(digest),
            None => Ok(self.repository.resolve(&self.tag).await?.digest),
        }
    }

    /// The repository.
    #[must_use]
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }
}

impl Source for RegistrySource {
    fn root(&self) -> BoxFuture<'_, Result<Manifest, TransferError>> {
        Box::pin(async move {
            let digest = self.resolve().await?;
            Ok(self.repository.manifest(&digest).await?)
        })
    }

    fn manifest<'a>(&'a self, descriptor: &'a Descriptor) -> BoxFuture<'a, Result<Manifest, TransferError>> {
        Box::pin(async move { Ok(self.repository.manifest(&descriptor.digest).await?) })
    }

    fn blob(&self, descriptor: &Descriptor) -> Box<dyn BlobSource> {
        Box::new(self.repository.blob(descriptor))
    }
}
