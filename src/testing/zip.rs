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
    /// Flags in the local header, where they are others.
    pub local_flags: Option<u16>,
    /// Method in the local header, where it is another one.
    pub local_method: Option<u16>,
    /// Size and stored size in a zip64 extra field of both headers, whose short fields then say so.
    pub zip64: Option<(u64, u64)>,
    /// The same in the local header alone, where it says something else.
    pub local_zip64: Option<(u64, u64)>,
    /// External attributes: Unix mode in the upper half.
    pub external: u32,
    /// Extra field of the central header.
    pub extra: Vec<u8>,
    /// Extra field of the local header.
    pub local_extra: Vec<u8>,
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
    /// Size of the directory in the end record, where it is to be a lie.
    pub directory_size: Option<u32>,
    /// Offset of the directory in the end record, where it is to be a lie.
    pub directory_offset: Option<u32>,
    /// Number of this disk in the end record.
    pub disk: u16,
    /// The end record and locator of zip64, where there are some.
    pub zip64: Option<Zip64End>,
}

/// The end record and locator of zip64; every field may lie.
#[derive(Clone, Debug, Default)]
pub struct Zip64End {
    /// Entry count.
    pub count: Option<u64>,
    /// Size of the directory.
    pub directory_size: Option<u64>,
    /// Offset of the directory.
    pub directory_offset: Option<u64>,
    /// Where the locator says that the record is.
    pub record_offset: Option<u64>,
    /// Disks in all, of the locator; one when none is given.
    pub disks: Option<u32>,
    /// Data at the end of the record that only some readers skip.
    pub extensible: Vec<u8>,
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
            local_flags: None,
            local_method: None,
            zip64: None,
            local_zip64: None,
            external: 0o100_644 << 16,
            extra: Vec::new(),
            local_extra: Vec::new(),
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

    /// The archive. Sizes are written in 32 bits, and in 64 where an entry or the end asks for it.
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
        self.write_end(&directory, &mut out);
        out.extend(&self.comment);
        out.extend(&self.suffix);
        out
    }

    fn write_end(&self, directory: &[u8], out: &mut Vec<u8>) {
        let (start, size, count) = (out.len() as u64, directory.len() as u64, self.entries.len());
        out.extend(directory);
        if let Some(end) = &self.zip64 {
            end.write(out, [count as u64, size, start]);
        }
        let count = self.count.unwrap_or_else(|| u16::try_from(count).unwrap_or(u16::MAX));
        out.extend(b"PK\x05\x06");
        out.extend(self.disk.to_le_bytes());
        out.extend([0, 0]);
        out.extend(count.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(self.directory_size.unwrap_or(low32(size)).to_le_bytes());
        out.extend(self.directory_offset.unwrap_or(low32(start)).to_le_bytes());
        out.extend(low16(self.comment.len()).to_le_bytes());
    }
}

impl Zip64End {
    fn write(&self, out: &mut Vec<u8>, [count, size, start]: [u64; 3]) {
        let at = out.len() as u64;
        out.extend(b"PK\x06\x06");
        out.extend((44 + self.extensible.len() as u64).to_le_bytes());
        out.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let count = self.count.unwrap_or(count);
        for number in [count, count, self.directory_size.unwrap_or(size), self.directory_offset.unwrap_or(start)] {
            out.extend(number.to_le_bytes());
        }
        out.extend(&self.extensible);
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend(self.record_offset.unwrap_or(at).to_le_bytes());
        out.extend(self.disks.unwrap_or(1).to_le_bytes());
    }
}

fn write_local(entry: &ZipEntry, out: &mut Vec<u8>) {
    let name = entry.local_name.as_ref().unwrap_or(&entry.name);
    let zip64 = entry.local_zip64.or(entry.zip64);
    let extra = [zip64_extra(zip64), entry.local_extra.clone()].concat();
    out.extend(b"PK\x03\x04\x14\0");
    out.extend(entry.local_flags.unwrap_or(entry.flags).to_le_bytes());
    out.extend(entry.local_method.unwrap_or(entry.method).to_le_bytes());
    write_sizes(entry.local_sizes.unwrap_or_else(|| short_sizes(entry, zip64)), out);
    out.extend(low16(name.len()).to_le_bytes());
    out.extend(low16(extra.len()).to_le_bytes());
    out.extend(name);
    out.extend(&extra);
    out.extend(&entry.stored);
    out.extend(&entry.trailer);
}

fn write_central(entry: &ZipEntry, offset: u32, out: &mut Vec<u8>) {
    let extra = [zip64_extra(entry.zip64), entry.extra.clone()].concat();
    out.extend(b"PK\x01\x02\x14\x03\x14\0");
    out.extend(entry.flags.to_le_bytes());
    out.extend(entry.method.to_le_bytes());
    write_sizes(short_sizes(entry, entry.zip64), out);
    out.extend(low16(entry.name.len()).to_le_bytes());
    out.extend(low16(extra.len()).to_le_bytes());
    out.extend([0; 6]);
    out.extend(entry.external.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out.extend(&entry.name);
    out.extend(&extra);
}

fn zip64_extra(sizes: Option<(u64, u64)>) -> Vec<u8> {
    let Some((size, compressed)) = sizes else { return Vec::new() };
    [&[1, 0, 16, 0][..], &size.to_le_bytes(), &compressed.to_le_bytes()].concat()
}

/// CRC-32, stored size and size as the short fields hold them.
fn short_sizes(entry: &ZipEntry, zip64: Option<(u64, u64)>) -> (u32, u32, u32) {
    match zip64 {
        Some(_) => (entry.crc32, u32::MAX, u32::MAX),
        None => (entry.crc32, low32(entry.compressed), low32(entry.size)),
    }
}

/// The time, 1980-01-01, and the sizes.
fn write_sizes((crc32, compressed, size): (u32, u32, u32), out: &mut Vec<u8>) {
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
