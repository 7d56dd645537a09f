//! Where zstd:chunked keeps its table: in a skippable frame, whose place and digest stand in the
//! manifest.
//!
//! [zstd:chunked](https://github.com/containers/storage/blob/main/docs/containers-storage-zstd-chunked.md).

use super::{IndexError, TABLE_LIMIT, Table, check, part, pieces::Codec};
use crate::{
    image::BlobSource,
    oci::{Descriptor, Digest},
};

/// What the annotations begin with: today's writers, and those before.
const PREFIXES: [&str; 2] = ["io.github.containers.zstd-chunked", "io.containers.zstd-chunked"];
const CHECKSUM: &str = "manifest-checksum";
/// `OFFSET:STORED SIZE:SIZE:TYPE`.
const POSITION: &str = "manifest-position";
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
        let annotation = |prefix: &str, name: &str| descriptor.annotations.get(&format!("{prefix}.{name}"));
        let mut both = PREFIXES.iter().map(|prefix| annotation(prefix, CHECKSUM).zip(annotation(prefix, POSITION)));
        let (checksum, position) = both.find_map(|both| both)?;
        let digest = checksum.parse().ok()?;
        let numbers: Option<Vec<u64>> = position.split(':').map(|number| number.parse().ok()).collect();
        let [start, stored, size, TYPE] = numbers?[..] else { return None };
        let fits = start.checked_add(stored).is_some_and(|end| end <= descriptor.size);
        (fits && stored > 0 && size <= TABLE_LIMIT).then_some(Self { digest, start, stored, size })
    }

    pub(super) async fn read(&self, blob: &dyn BlobSource) -> Result<Table, IndexError> {
        let stored = part(blob, self.start, self.stored).await?;
        check("its table", &stored, &self.digest)?;
        Table::parse(&Codec::Zstd.decode(&stored, self.start, self.size)?, self.start)
    }
}
