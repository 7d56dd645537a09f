//! A zip writer that can lie: every field of every header may be set to something else than the truth.

use std::io::Write as _;

use flate2::{Compression, write::DeflateEncoder};

/// One entry, with the fields that both headers will carry.
#[derive(Clone, Debug)]
pub struct ZipEntry {
    /// Name in the central directory.
    pub name: Vec<u8>,
    /// Name in the local header, where it is another one.
    pub local_name: Option<Vec<u8>>,
    /// The stored bytes.
    pub stored: Vec<u8>,
    /// 0 or 8, or anything.
    pub method: u16,
    /// General purpose flags.
    pub flags: u16,
    /// CRC-32 in both headers.
    pub crc32: u32,
    /// Size of the contents in both headers.
    pub size: u64,
    /// Size of the stored bytes in both headers.
    pub compressed: u64,
    /// CRC-32, stored size and size in the local header, where they are others.
    pub local_sizes: Option<(u32, u32, u32)>,
    /// External attributes: Unix mode in the upper half.
    pub external: u32,
    /// Extra field of the central header.
    pub extra: Vec<u8>,
    /// Bytes right after the stored bytes: a data descriptor, or junk.
    pub trailer: Vec<u8>,
    /// Offset of the local header, where it is to be a lie.
    pub offset: Option<u32>,
}

/// Writes entries, a central directory and an end record.
#[derive(Clone, Debug, Default)]
pub struct ZipWriter {
    /// Bytes before the first entry.
    pub prefix: Vec<u8>,
    /// The entries.
    pub entries: Vec<ZipEntry>,
    /// Bytes between the last entry and the directory.
    pub gap: Vec<u8>,
    /// The archive's comment.
    pub comment: Vec<u8>,
    /// Bytes after the end.
    pub suffix: Vec<u8>,
    /// Entry count in the end record, where it is to be a lie.
    pub count: Option<u16>,
}

impl ZipEntry {
    /// A deflated regular file of mode 0644.
    #[must_use]
    pub fn deflated(name: &str, contents: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
        // Writing to memory cannot fail.
        let stored = encoder.write_all(contents).and_then(|()| encoder.finish()).unwrap_or_default();
        Self { stored: stored.clone(), compressed: stored.len() as u64, method: 8, ..Self::stored(name, contents) }
    }

    /// A stored regular file of mode 0644.
    #[must_use]
    pub fn stored(name: &str, contents: &[u8]) -> Self {
        Self {
            name: name.as_bytes().to_vec(),
            local_name: None,
            stored: contents.to_vec(),
            method: 0,
            flags: if name.is_ascii() { 0 } else { 0x0800 },
            crc32: crc32fast::hash(contents),
            size: contents.len() as u64,
            compressed: contents.len() as u64,
            local_sizes: None,
            external: 0o100_644 << 16,
            extra: Vec::new(),
            trailer: Vec::new(),
            offset: None,
        }
    }

    /// With these Unix mode bits, file type included.
    #[must_use]
    pub const fn mode(mut self, mode: u32) -> Self {
        self.external = mode << 16;
        self
    }
}

impl ZipWriter {
    /// With one more entry.
    #[must_use]
    pub fn entry(mut self, entry: ZipEntry) -> Self {
        self.entries.push(entry);
        self
    }

    /// The archive. Sizes are written in 32 bits.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut out = self.prefix.clone();
        let mut directory = Vec::new();
        for entry in &self.entries {
            let offset = low32(out.len() as u64);
            write_local(entry, &mut out);
            write_central(entry, entry.offset.unwrap_or(offset), &mut directory);
        }
        out.extend(&self.gap);
        let start = low32(out.len() as u64);
        out.extend(&directory);
        out.extend(b"PK\x05\x06\0\0\0\0");
        let count = self.count.unwrap_or_else(|| u16::try_from(self.entries.len()).unwrap_or(u16::MAX));
        out.extend(count.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(low32(directory.len() as u64).to_le_bytes());
        out.extend(start.to_le_bytes());
        out.extend(low16(self.comment.len()).to_le_bytes());
        out.extend(&self.comment);
        out.extend(&self.suffix);
        out
    }
}

fn write_local(entry: &ZipEntry, out: &mut Vec<u8>) {
    let name = entry.local_name.as_ref().unwrap_or(&entry.name);
    let sizes = entry.local_sizes.unwrap_or((entry.crc32, low32(entry.compressed), low32(entry.size)));
    out.extend(b"PK\x03\x04\x14\0");
    write_common(entry, sizes, out);
    out.extend(low16(name.len()).to_le_bytes());
    out.extend([0, 0]);
    out.extend(name);
    out.extend(&entry.stored);
    out.extend(&entry.trailer);
}

fn write_central(entry: &ZipEntry, offset: u32, out: &mut Vec<u8>) {
    out.extend(b"PK\x01\x02\x14\x03\x14\0");
    write_common(entry, (entry.crc32, low32(entry.compressed), low32(entry.size)), out);
    out.extend(low16(entry.name.len()).to_le_bytes());
    out.extend(low16(entry.extra.len()).to_le_bytes());
    out.extend([0; 6]);
    out.extend(entry.external.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out.extend(&entry.name);
    out.extend(&entry.extra);
}

fn write_common(entry: &ZipEntry, (crc32, compressed, size): (u32, u32, u32), out: &mut Vec<u8>) {
    out.extend(entry.flags.to_le_bytes());
    out.extend(entry.method.to_le_bytes());
    out.extend([0, 0, 0x21, 0]);
    out.extend(crc32.to_le_bytes());
    out.extend(compressed.to_le_bytes());
    out.extend(size.to_le_bytes());
}

fn low32(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn low16(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}
