//! Where eStargz keeps its table: in the last entry of the tar, in a gzip member of its own, which an
//! empty member at the end points to.
//!
//! [eStargz](https://github.com/containerd/stargz-snapshotter/blob/main/docs/estargz.md).

use std::io::{self, Read as _};

use flate2::bufread::MultiGzDecoder;

use super::{IndexError, TABLE_LIMIT, Table, check, part};
use crate::{
    image::BlobSource,
    oci::{Descriptor, Digest},
};

const ANNOTATION: &str = "containerd.io/snapshot/stargz/toc.digest";
const NAME: &[u8] = b"stargz.index.json";
/// Bytes of the empty member at the end.
const FOOTER: u64 = 51;

/// The table of an eStargz layer.
pub(in crate::base) struct Place {
    pub(super) digest: Digest,
    size: u64,
}

impl Place {
    pub(super) fn find(descriptor: &Descriptor) -> Option<Self> {
        let digest = descriptor.annotations.get(ANNOTATION)?.parse().ok()?;
        (descriptor.size > FOOTER).then_some(Self { digest, size: descriptor.size })
    }

    pub(super) async fn read(&self, blob: &dyn BlobSource) -> Result<Table, IndexError> {
        let end = self.size - FOOTER;
        let start = offset(&part(blob, end, FOOTER).await?).filter(|start| *start < end);
        let start = start.ok_or_else(|| IndexError::Malformed { problem: "the footer points nowhere".to_owned() })?;
        let stored = part(blob, start, end - start).await?;
        let json = unpack(&stored)?;
        check("its table", &json, &self.digest)?;
        Table::parse(&json, start)
    }
}

/// What the footer's extra field says: `SG`, 22 bytes, 16 hex digits, `STARGZ`.
fn offset(footer: &[u8]) -> Option<u64> {
    let rest = footer.strip_prefix(&[0x1f, 0x8b, 8, 4])?.get(8..)?;
    let digits = rest.strip_prefix(b"SG\x16\0")?.get(..22)?.strip_suffix(b"STARGZ")?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn unpack(stored: &[u8]) -> Result<Vec<u8>, IndexError> {
    // Room for the headers and the padding of the tar around the table.
    let tar = MultiGzDecoder::new(stored).take(TABLE_LIMIT + (1 << 20));
    let mut archive = tar::Archive::new(tar);
    let mut entry = archive.entries()?.next().ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))??;
    if *entry.path_bytes() != *NAME || entry.size() > TABLE_LIMIT {
        return Err(IndexError::Malformed { problem: "it is not where the footer says".to_owned() });
    }
    let mut json = Vec::new();
    entry.read_to_end(&mut json)?;
    Ok(json)
}
