//! Layers of whose files there is a table, eStargz, zstd:chunked and SOCI: the table is read, and of the
//! files those few that tell something, by ranges.
//!
//! Nothing is believed that is not checked: the table against the digest in the manifest, each piece of
//! a file against the table. Where anything of this does not hold, or the registry gives no ranges, the
//! layer is read whole, as any other. That table and tar tell the same cannot be seen without reading
//! all of the layer; whoever made the manifest answers for it, as for the rest of the image.

mod estargz;
mod pieces;
mod soci;
mod table;
mod zstd_chunked;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, atomic::AtomicUsize},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use self::{
    pieces::{Codec, read_run},
    table::{File, Table},
};
use super::entries::LayerEntries;
use crate::{
    image::{BlobSource, Bytes, Layer, TransferError, consume},
    oci::Digest,
};

/// Bytes of a table, as it is stored.
const STORED_LIMIT: u64 = 64 << 20;
/// Bytes of a table.
const TABLE_LIMIT: u64 = 128 << 20;
/// Wanted files that lie so close to each other come with one request.
const GAP: u64 = 128 << 10;
/// Bytes of one request, unless a single file has more.
const RUN: u64 = 32 << 20;
/// Requests at the same time.
const PARALLEL: usize = 4;

/// Why a table is not used. The layer is read whole then.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    /// Something did not come.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// Something came that cannot be read.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
    /// The table breaks its format.
    #[error("its table is malformed: {problem}")]
    Malformed { problem: String },
    /// Bytes are not what the manifest or the table says.
    #[error("{subject} has another digest than {expected}")]
    Digest { subject: String, expected: Digest },
    /// More than half of the layer would have to be fetched.
    #[error("nearly all of it is wanted")]
    NotWorthIt,
}

/// A table, before it is read: where it lies, and its digest in the manifest.
pub(super) enum Index {
    Estargz(estargz::Place),
    ZstdChunked(zstd_chunked::Place),
    /// A blob of its own.
    Soci(Arc<dyn BlobSource>),
}

impl Index {
    /// The table that the annotations of `layer` speak of, or the one among `tables`, if there is any.
    pub(super) fn of(layer: &Layer, tables: &BTreeMap<Digest, Arc<dyn BlobSource>>) -> Option<Self> {
        let descriptor = layer.blob.descriptor();
        let lazy = || zstd_chunked::Place::find(descriptor).map(Self::ZstdChunked);
        let beside = || tables.get(&descriptor.digest).cloned().map(Self::Soci);
        estargz::Place::find(descriptor).map(Self::Estargz).or_else(lazy).or_else(beside)
    }

    /// The digest of the table: with that of the layer it names all that [`Index::read`] gives.
    pub(super) fn digest(&self) -> &Digest {
        match self {
            Self::Estargz(place) => &place.digest,
            Self::ZstdChunked(place) => &place.digest,
            Self::Soci(table) => &table.descriptor().digest,
        }
    }

    /// The entries of the layer, and the evidence of those files that say what a base is.
    pub(super) async fn read(&self, blob: &dyn BlobSource) -> Result<LayerEntries, IndexError> {
        let (table, codec) = match self {
            Self::Estargz(place) => (place.read(blob).await?, Codec::Gzip),
            Self::ZstdChunked(place) => (place.read(blob).await?, Codec::Zstd),
            Self::Soci(table) => soci::read(&**table, blob.descriptor().size).await?,
        };
        let Table { mut entries, files, .. } = table;
        let runs = runs(files);
        let wanted: u64 = runs.iter().map(|run| run.end - run.start).sum();
        if wanted > blob.descriptor().size / 2 {
            return Err(IndexError::NotWorthIt);
        }
        let told = Arc::new(AtomicUsize::new(0));
        let found = stream::iter(runs).map(|run| fetch(blob, run, codec.clone(), Arc::clone(&told)));
        let found = found.buffered(PARALLEL);
        let found: Vec<_> = found.try_collect().await?;
        for (path, (evidence, elf)) in found.into_iter().flatten() {
            if let Some(recorded) = entries.entries.get_mut(&path) {
                (recorded.evidence, recorded.elf) = (evidence, elf);
            }
        }
        Ok(entries)
    }
}

/// Files that come with one request, in the order in which they lie in the blob.
pub(super) struct Run {
    start: u64,
    end: u64,
    files: Vec<File>,
}

/// The files of `run`, and what they tell; `told` is what those of all runs do together.
async fn fetch(
    blob: &dyn BlobSource,
    run: Run,
    codec: Codec,
    told: Arc<AtomicUsize>,
) -> Result<Vec<pieces::Read>, IndexError> {
    let stream = blob.open_range(run.start, run.end - run.start).await?;
    consume(stream, move |reader| read_run(reader, &run, &codec, &told)).await
}

/// Files near to each other together.
fn runs(mut files: Vec<File>) -> Vec<Run> {
    files.sort_by_key(|file| (file.start(), file.skip(), file.end()));
    let mut runs: Vec<Run> = Vec::new();
    for file in files {
        let (start, end) = (file.start(), file.end());
        match runs.last_mut() {
            Some(run) if start <= run.end.saturating_add(GAP) && end.saturating_sub(run.start) <= RUN => {
                run.end = run.end.max(end);
                run.files.push(file);
            }
            _ => runs.push(Run { start, end, files: vec![file] }),
        }
    }
    runs
}

/// A stretch of a blob, which is small.
async fn part(blob: &dyn BlobSource, from: u64, length: u64) -> Result<Bytes, IndexError> {
    if length > STORED_LIMIT {
        return Err(IndexError::Malformed { problem: format!("it takes {length} bytes") });
    }
    let mut stream = blob.open_range(from, length).await?;
    let mut whole = bytes::BytesMut::new();
    while let Some(piece) = stream.next().await {
        whole.extend_from_slice(&piece?);
    }
    if whole.len() as u64 == length {
        Ok(whole.freeze())
    } else {
        Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }
}

fn check(subject: &str, bytes: &[u8], expected: &Digest) -> Result<(), IndexError> {
    if Digest::of(bytes) == *expected {
        Ok(())
    } else {
        Err(IndexError::Digest { subject: subject.to_owned(), expected: *expected })
    }
}

#[cfg(test)]
mod tests;
