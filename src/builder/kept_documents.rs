//! Manifests and configs of bases, which have digests, out of the store: a build over a base that is known
//! asks its registry nothing.

use futures_util::future::BoxFuture;

use crate::{
    image::{Attachment, BlobSource, ByteStream, Bytes, Manifest, Memory, Origin, Source, TransferError, read_whole},
    layout::DOCUMENT_LIMIT,
    oci::{Descriptor, Digest, MediaType},
    store::Store,
};

/// A source of which manifests and configs are kept.
pub(super) struct KeptDocuments {
    inner: Box<dyn Source>,
    store: Store,
    root: Digest,
}

impl KeptDocuments {
    /// Over `inner`, whose root has the digest `root`.
    pub(super) const fn new(inner: Box<dyn Source>, store: Store, root: Digest) -> Self {
        Self { inner, store, root }
    }

    fn kept(&self, digest: &Digest) -> Option<Manifest> {
        Manifest::parse(kept(&self.store, digest)?, None).ok()
    }

    /// A store that cannot be written is no reason to stop: what is kept here can be had again.
    fn keep(&self, manifest: &Manifest) {
        let _ = self.store.put(manifest.bytes());
    }
}

/// The document with `digest`, if it is there and whole.
fn kept(store: &Store, digest: &Digest) -> Option<Bytes> {
    let bytes = store.blob(digest).filter(|blob| blob.size() <= DOCUMENT_LIMIT)?.read().ok()?;
    if Digest::of(&bytes) == *digest {
        return Some(bytes.into());
    }
    let _ = store.evict(digest);
    None
}

impl Source for KeptDocuments {
    fn root(&self) -> BoxFuture<'_, Result<Manifest, TransferError>> {
        Box::pin(async move {
            if let Some(manifest) = self.kept(&self.root) {
                return Ok(manifest);
            }
            let manifest = self.inner.root().await?;
            self.keep(&manifest);
            Ok(manifest)
        })
    }

    fn manifest<'a>(&'a self, descriptor: &'a Descriptor) -> BoxFuture<'a, Result<Manifest, TransferError>> {
        Box::pin(async move {
            if let Some(manifest) = self.kept(&descriptor.digest) {
                return Ok(manifest);
            }
            let manifest = self.inner.manifest(descriptor).await?;
            self.keep(&manifest);
            Ok(manifest)
        })
    }

    fn attached<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Vec<Attachment>, TransferError>> {
        self.inner.attached(subject)
    }

    fn blob(&self, descriptor: &Descriptor) -> Box<dyn BlobSource> {
        let inner = self.inner.blob(descriptor);
        let name = descriptor.media_type.to_string();
        let is_config =
            descriptor.media_type == MediaType::ImageConfig || name == "application/vnd.docker.container.image.v1+json";
        if is_config { Box::new(KeptBlob { inner, store: self.store.clone() }) } else { inner }
    }
}

/// A small blob that is kept.
struct KeptBlob {
    inner: Box<dyn BlobSource>,
    store: Store,
}

impl BlobSource for KeptBlob {
    fn descriptor(&self) -> &Descriptor {
        self.inner.descriptor()
    }

    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        Box::pin(async move {
            let descriptor = self.descriptor();
            let bytes = if let Some(bytes) = kept(&self.store, &descriptor.digest) {
                bytes
            } else {
                let bytes = read_whole(&*self.inner, DOCUMENT_LIMIT).await?;
                let _ = self.store.put(&bytes);
                bytes
            };
            Memory::new(descriptor.media_type.clone(), bytes).open(from).await
        })
    }

    fn origin(&self) -> Option<&Origin> {
        self.inner.origin()
    }
}
