//! The order in which an image arrives anywhere: blobs, configs, manifests, index, and the name last.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{BlobSource, Image, Index, Moved, Sink, TransferError};
use crate::oci::Digest;

/// What it took to deliver an index.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// Each distinct blob in the order of the index, with what was done for it.
    pub blobs: Vec<(Digest, Moved)>,
}

impl Delivery {
    /// What was done for the blob with `digest`.
    #[must_use]
    pub fn moved(&self, digest: &Digest) -> Option<Moved> {
        self.blobs.iter().find(|(found, _)| found == digest).map(|(_, moved)| *moved)
    }

    /// Bytes of blobs that were sent or written.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.blobs.iter().map(|(_, moved)| if let Moved::Sent(bytes) = moved { *bytes } else { 0 }).sum()
    }
}

/// Puts `index` into `sink`: every distinct blob once, then the manifests, the index, and its name.
///
/// # Errors
/// The first failure; the sink's name then still points to what it did before.
pub async fn deliver(index: &Index, sink: &dyn Sink) -> Result<Delivery, TransferError> {
    sink.prepare(&index.manifest).await?;
    let blobs = stream::iter(distinct_blobs(index))
        .map(async |blob| Ok::<_, TransferError>((blob.descriptor().digest, sink.put_blob(blob).await?)))
        .buffered(sink.width().max(1))
        .try_collect()
        .await?;
    for image in &index.images {
        put_manifest(image, sink).await?;
    }
    sink.put_manifest(&index.manifest).await?;
    sink.publish(&index.manifest).await?;
    Ok(Delivery { blobs })
}

/// Puts an image's manifest; a sink that now misses blobs gets those once more, and then the manifest.
async fn put_manifest(image: &Image, sink: &dyn Sink) -> Result<(), TransferError> {
    let Err(error) = sink.put_manifest(&image.manifest).await else { return Ok(()) };
    let Some(lost) = error.lost_blobs() else { return Err(error) };
    for blob in blobs(image) {
        if lost.is_empty() || lost.contains(&blob.descriptor().digest) {
            sink.put_blob_again(blob).await?;
        }
    }
    sink.put_manifest(&image.manifest).await
}

fn distinct_blobs(index: &Index) -> Vec<&dyn BlobSource> {
    let mut seen = std::collections::BTreeSet::new();
    let all = index.images.iter().flat_map(blobs);
    all.filter(|blob| seen.insert(blob.descriptor().digest)).collect()
}

fn blobs(image: &Image) -> impl Iterator<Item = &dyn BlobSource> {
    let layers = image.layers.iter().map(|layer| &*layer.blob as &dyn BlobSource);
    layers.chain(std::iter::once(&image.config as &dyn BlobSource))
}
