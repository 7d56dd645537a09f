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
    fn read_pax(&mut self, bytes: &[u8]) -> io::Result<()> {
        for extension in tar::PaxExtensions::new(bytes) {
            let extension = extension?;
            match extension.key_bytes() {
                b"path" => self.path = Some(extension.value_bytes().to_vec()),
                b"linkpath" => self.link = Some(extension.value_bytes().to_vec()),
                CAPABILITY => {
                    self.xattrs.insert("security.capability".to_owned(), extension.value_bytes().to_vec());
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
