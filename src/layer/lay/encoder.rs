//! Encoders of whole tars into the store. Their output depends on the tar alone: not on how it is cut
//! into pieces, and not on the number of threads.

use std::io::{self, Write as _};

use crate::{
    layer::LayerError,
    store::{Blob, Ingest, Store},
};

/// Takes a tar in, piece by piece, and leaves a blob in the store.
pub(in crate::layer) enum Encoder {
    Plain(Ingest),
    #[cfg(feature = "zstd")]
    Zstd(Box<zstd::Encoder<'static, Ingest>>),
}

impl Encoder {
    pub(super) fn plain(store: &Store) -> Result<Self, LayerError> {
        Ok(Self::Plain(store.ingest()?))
    }

    /// An encoder for a tar of `size` bytes, with `workers` threads of its own: one at least, because
    /// Zstandard cuts its input differently when it works in the caller's thread.
    #[cfg(feature = "zstd")]
    pub(super) fn zstd(store: &Store, size: u64, workers: u32) -> Result<Self, LayerError> {
        let ingest = store.ingest()?;
        let fail = |source| LayerError::Encode { source };
        let mut encoder = zstd::Encoder::new(ingest, ZSTD_LEVEL).map_err(fail)?;
        configure(&mut encoder, workers).map_err(fail)?;
        encoder.set_pledged_src_size(Some(size)).map_err(fail)?;
        Ok(Self::Zstd(Box::new(encoder)))
    }

    #[cfg(not(feature = "zstd"))]
    pub(super) fn zstd(_: &Store, _: u64, _: u32) -> Result<Self, LayerError> {
        Err(LayerError::NoZstd)
    }

    pub(in crate::layer) fn write(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        let written = match self {
            Self::Plain(ingest) => ingest.write_all(bytes),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.write_all(bytes),
        };
        written.map_err(|source: io::Error| LayerError::Encode { source })
    }

    pub(in crate::layer) fn finish(self) -> Result<Blob, LayerError> {
        let ingest = match self {
            Self::Plain(ingest) => ingest,
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.finish().map_err(|source| LayerError::Encode { source })?,
        };
        Ok(ingest.commit()?)
    }
}

/// The level of layers.
#[cfg(feature = "zstd")]
pub(in crate::layer) const ZSTD_LEVEL: i32 = 3;

/// Bytes that one worker compresses on its own, each with the end of the piece before it as history.
/// Part of the format: pieces of another size give other bytes.
#[cfg(feature = "zstd")]
const ZSTD_JOB: u32 = 4 << 20;

/// The whole window of history.
#[cfg(feature = "zstd")]
const ZSTD_OVERLAP: u32 = 9;

/// Everything that decides on bytes is said, not left to defaults, but for what the level stands for.
#[cfg(feature = "zstd")]
pub(in crate::layer) fn configure<W: io::Write>(
    encoder: &mut zstd::Encoder<'static, W>,
    workers: u32,
) -> io::Result<()> {
    use zstd::zstd_safe::CParameter;
    encoder.set_parameter(CParameter::NbWorkers(workers.max(1)))?;
    encoder.set_parameter(CParameter::JobSize(ZSTD_JOB))?;
    encoder.set_parameter(CParameter::OverlapSizeLog(ZSTD_OVERLAP))?;
    encoder.include_contentsize(true)?;
    encoder.include_checksum(true)?;
    encoder.long_distance_matching(false)
}

#[cfg(feature = "zstd")]
#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(data: &[u8], piece: usize, workers: u32) -> crate::oci::Digest {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut encoder = Encoder::zstd(&store, data.len() as u64, workers).unwrap();
        data.chunks(piece).for_each(|piece| encoder.write(piece).unwrap());
        let blob = encoder.finish().unwrap();
        assert!(zstd::decode_all(blob.open().unwrap()).unwrap() == data);
        *blob.digest()
    }

    /// Sizes around those at which Zstandard begins to cut its input, and cuts it.
    #[test]
    fn the_number_of_workers_does_not_matter() {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"abcdefgh     \n"[usize::from(state.to_be_bytes()[0] % 14)]
        };
        let data: Vec<u8> = (0..9_500_000).map(|_| next()).collect();
        let job = ZSTD_JOB as usize;
        for size in [0, 1, 1000, 512 << 10, (512 << 10) + 1, job - 1, job, job + 1, 2 * job, data.len()] {
            let one = encoded(&data[..size], 256 * 1024, 1);
            for (piece, workers) in [(256 * 1024, 2), (100_003, 4)] {
                assert_eq!(encoded(&data[..size], piece, workers), one, "{size} bytes, {workers} workers");
            }
        }
    }
}
