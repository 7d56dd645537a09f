//! Where zstd:chunked keeps its table: in a skippable frame, whose place and digest stand in the
//! manifest.
//!
//! [zstd:chunked](https://github.com/containers/storage/blob/main/docs/containers-storage-zstd-chunked.md).

use super::{IndexError, TABLE_LIMIT, Table, check, part, pieces::Codec};
use crate::{
    image::BlobSource,
    oci::{Descriptor, Digest},
};

const CHECKSUM: &str = "io.github.containers.zstd-chunked.manifest-checksum";
/// `OFFSET:STORED SIZE:SIZE:TYPE`.
const POSITION: &str = "io.github.containers.zstd-chunked.manifest-position";
/// The only type of table there is.
const TYPE: u64 = 1;

/// The table of a zstd:chunked layer.
pub(in crate::base) struct Place {
    /// Of the table as it is stored.
    pub(super) digest: Digest,
    start: u64,
    stored: u64,
    size: u64,
}

impl Place {
    pub(super) fn find(descriptor: &Descriptor) -> Option<Self> {
        let digest = descriptor.annotations.get(CHECKSUM)?.parse().ok()?;
        let numbers: Option<Vec<u64>> =
            descriptor.annotations.get(POSITION)?.split(':').map(|number| number.parse().ok()).collect();
        let [start, stored, size, TYPE] = numbers?[..] else { return None };
        let fits = start.checked_add(stored).is_some_and(|end| end <= descriptor.size);
        (fits && stored > 0 && size <= TABLE_LIMIT).then_some(Self { digest, start, stored, size })
    }

    pub(super) async fn read(&self, blob: &dyn BlobSource) -> Result<Table, IndexError> {
        let stored = part(blob, self.start, self.stored).await?;
        check("its table", &stored, &self.digest)?;
        Table::parse(&Codec::Zstd.decode(&stored, self.size)?, self.start)
    }
}
