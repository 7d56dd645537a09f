//! The entries of a `data.tar`, with long names put together and everything bounded.

use std::{
    collections::BTreeMap,
    io::{self, Read},
};

use tar::EntryType;

/// Most bytes of a name or of extended headers.
const EXTENSION_LIMIT: u64 = 1 << 20;

/// The one extended attribute that packages have.
const CAPABILITY: &[u8] = b"SCHILY.xattr.security.capability";

/// One entry, before its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// As spelled, `./usr/bin/x`.
    pub(super) path: String,
    pub(super) kind: HeaderKind,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) mtime: u64,
    /// Bytes of contents that follow.
    pub(super) size: u64,
    /// Extended attributes by their names.
    pub(super) xattrs: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HeaderKind {
    Directory,
    File,
    Symlink(String),
    Hardlink(String),
    /// A device, a pipe, or an invention.
    Foreign,
}

/// What extension headers say of the entry after them.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    xattrs: BTreeMap<String, Vec<u8>>,
}

/// Calls `visit` with each entry of `tar` and its contents.
pub(super) fn for_each<E: From<io::Error>>(
    tar: impl Read,
    mut visit: impl FnMut(Header, &mut dyn Read) -> Result<(), E>,
) -> Result<(), E> {
    let mut archive = tar::Archive::new(tar);
    let mut extensions = Extensions::default();
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        match entry.header().entry_type() {
            EntryType::XGlobalHeader => {}
            EntryType::XHeader => extensions.read_pax(&read_extension(&mut entry)?)?,
            EntryType::GNULongName => extensions.path = Some(read_extension(&mut entry)?),
            EntryType::GNULongLink => extensions.link = Some(read_extension(&mut entry)?),
            kind => {
                let header = header(entry.header(), kind, std::mem::take(&mut extensions))?;
                visit(header, &mut entry)?;
            }
        }
    }
    Ok(())
}

impl Extensions {
    fn read_pax(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (key, value, rest) = pax_record(bytes)
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a malformed extended header"))?;
            bytes = rest;
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                CAPABILITY => {
                    self.xattrs.insert("security.capability".to_owned(), value.to_vec());
                }
                b"mtime" | b"atime" | b"ctime" | b"uname" | b"gname" | b"comment" => {}
                // Sizes and owners that ustar cannot hold, other attributes, sparse files.
                _ => {
                    return Err(io::Error::new(
                        io::ErrorKind::Unsupported,
                        "an extended header of a kind that no package has",
                    ));
                }
            }
        }
        Ok(())
    }
}

/// `LENGTH key=value\n`, where LENGTH counts all of it, and what follows. A value may hold any bytes.
fn pax_record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = bytes.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..blank]).ok()?.parse().ok()?;
    let record = bytes.get(blank + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &bytes[length..]))
}

fn header(header: &tar::Header, kind: EntryType, extensions: Extensions) -> io::Result<Header> {
    let path = text(extensions.path.unwrap_or_else(|| header.path_bytes().into_owned()))?;
    let link = extensions.link.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
    let link = || text(link.unwrap_or_default());
    Ok(Header {
        path,
        kind: match kind {
            EntryType::Directory => HeaderKind::Directory,
            EntryType::Regular | EntryType::Continuous => HeaderKind::File,
            EntryType::Symlink => HeaderKind::Symlink(link()?),
            EntryType::Link => HeaderKind::Hardlink(link()?),
            _ => HeaderKind::Foreign,
        },
        mode: header.mode()? & 0o7777,
        uid: header.uid()?,
        gid: header.gid()?,
        mtime: header.mtime()?,
        size: header.entry_size()?,
        xattrs: extensions.xattrs,
    })
}

fn read_extension(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let count = entry.take(EXTENSION_LIMIT).read_to_end(&mut bytes)?;
    if count as u64 == EXTENSION_LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a name of more than a megabyte"));
    }
    Ok(bytes)
}

fn text(mut bytes: Vec<u8>) -> io::Result<String> {
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a name that is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_hold_any_bytes() {
        let mut extensions = Extensions::default();
        extensions.read_pax(b"10 path=a\n41 SCHILY.xattr.security.capability=\n=\x00\xff\n").unwrap();
        assert_eq!(extensions.path.unwrap(), b"a");
        assert_eq!(extensions.xattrs["security.capability"], b"\n=\x00\xff");
        for malformed in [&b"8 path=a\n"[..], b"99 path=a\n", b"0 path=a\n", b"path=a\n", b"7 path\n", b"\n"] {
            assert!(Extensions::default().read_pax(malformed).is_err());
        }
        let foreign = Extensions::default().read_pax(b"11 size=99\n").unwrap_err();
        assert_eq!(foreign.to_string(), "an extended header of a kind that no package has");
    }
}
