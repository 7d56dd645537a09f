//! The table that SOCI makes of a layer, a *ztoc*: a list of the tar's entries, and of *spans*, stretches of the
//! gzip stream of some megabytes, each with its digest and with what a decoder must know to begin there.
//!
//! [The table](https://github.com/awslabs/soci-snapshotter/blob/main/ztoc/fbs/ztoc.fbs),
//! [its spans](https://github.com/awslabs/soci-snapshotter/blob/main/ztoc/compression/gzip_zinfo.h).

mod flatbuffer;
mod spans;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use flatbuffer::{Broken, Root};
pub(super) use spans::Spans;

use super::{
    IndexError, STORED_LIMIT, Table, check,
    pieces::Codec,
    table::{Described, ENTRY_LIMIT, File, malformed},
};
use crate::image::{BlobSource, Bytes};

/// The only version there is.
const VERSION: &[u8] = b"0.9";
/// As the type of compression.
const GZIP: u8 = 1;

/// What the table in the blob `table` says of a layer whose blob has `size` bytes.
pub(super) async fn read(table: &dyn BlobSource, size: u64) -> Result<(Table, Codec), IndexError> {
    let descriptor = table.descriptor();
    if descriptor.size > STORED_LIMIT {
        return Err(malformed(format!("it takes {} bytes", descriptor.size)));
    }
    let bytes = super::part(table, 0, descriptor.size).await?;
    check("its table", &bytes, &descriptor.digest)?;
    parse(&bytes, size)
}

fn parse(bytes: &Bytes, size: u64) -> Result<(Table, Codec), IndexError> {
    let root = Root::read(bytes)?;
    let version = root.bytes(0)?;
    if version != VERSION {
        return Err(malformed(format!("version {}", String::from_utf8_lossy(version))));
    }
    let (stored, unpacked) = (root.unsigned(2)?, root.unsigned(3)?);
    if stored != size {
        return Err(malformed(format!("it is about a blob of {stored} bytes, and this one has {size}")));
    }
    let compression = root.table(5)?.ok_or(Broken)?;
    if compression.byte(0)?.unwrap_or(GZIP) != GZIP {
        return Err(malformed("it is about a layer that is not gzip"));
    }
    let spans = Spans::parse(bytes, &compression, (stored, unpacked))?;
    let mut table = Table::default();
    list(&mut table, &root, &spans, bytes.len())?;
    Ok((table, Codec::Spans(Arc::new(spans))))
}

/// Adds every entry, and of the files that tell something where they lie.
fn list(table: &mut Table, root: &flatbuffer::Table<'_>, spans: &Spans, size: usize) -> Result<(), IndexError> {
    let entries = root.table(4)?.ok_or(Broken)?.vector(0)?;
    if entries.len() > ENTRY_LIMIT {
        return Err(malformed(format!("{} entries", entries.len())));
    }
    // Names may lie over each other, but no honest writer does that: all of them together fit into the table.
    let mut left = size;
    let mut position = 0;
    for entry in entries.tables() {
        let entry = entry?;
        let (name, kind, link) = (entry.bytes(0)?, entry.bytes(1)?, entry.bytes(4)?);
        left = left.checked_sub(name.len() + link.len()).ok_or(Broken)?;
        let (offset, size) = (entry.unsigned(2)?, entry.unsigned(3)?);
        let described = Described {
            name,
            kind: std::str::from_utf8(kind).map_err(|_| Broken)?,
            link,
            mode: u32::try_from(entry.unsigned(5)? & 0o7777).map_err(|_| Broken)?,
            uid: entry.short(6)?.into(),
            gid: entry.short(7)?.into(),
            size,
        };
        let path = table.enter(&described)?;
        if described.kind != "reg" {
            continue;
        }
        if offset < position {
            return Err(malformed("its files lie over each other"));
        }
        position = offset.saturating_add(size);
        if let Some(path) = path {
            let pieces =
                spans.pieces(offset, size).ok_or_else(|| malformed(format!("`{path}` lies behind the end")))?;
            table.files.push(File { path, size, digest: None, pieces });
        }
    }
    Ok(())
}

impl From<Broken> for IndexError {
    fn from(_: Broken) -> Self {
        malformed("something in it points out of it")
    }
}
