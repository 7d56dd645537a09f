//! The order in which an image arrives anywhere: blobs, configs, manifests, index, and the name last.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{BlobSource, Index, Moved, Sink, TransferError};
use crate::oci::Digest;

/// Blobs in flight at the same time.
const PARALLEL_BLOBS: usize = 4;

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
    let blobs = stream::iter(distinct_blobs(index))
        .map(async |blob| Ok::<_, TransferError>((blob.descriptor().digest, sink.put_blob(blob).await?)))
        .buffered(PARALLEL_BLOBS)
        .try_collect()
        .await?;
    for image in &index.images {
        sink.put_manifest(&image.manifest).await?;
    }
    sink.put_manifest(&index.manifest).await?;
    sink.publish(&index.manifest).await?;
    Ok(Delivery { blobs })
}

fn distinct_blobs(index: &Index) -> Vec<&dyn BlobSource> {
    let mut seen = std::collections::BTreeSet::new();

    let mut blobs: Vec<&dyn BlobSource> = Vec::new();
    for image in &index.images {
        let layers = image.layers.iter().map(|layer| &*layer.blob);
        for blob in layers.chain(std::iter::once(&image.config as &dyn BlobSource)) {
            if seen.insert(blob.descriptor().digest) {
                blobs.push(blob);
            }
        }
    }
    blobs
}
