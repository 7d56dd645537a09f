//! Images out of an archive: its headers are read once, then stretches of it.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use futures_util::future::BoxFuture;

use super::ArchiveError;
use crate::{
    fs::Guarded,
    image::{BlobSource, ByteStream, ManifestError, TransferError},
    layout::{Contents, DOCUMENT_LIMIT, FileBlob, INDEX, Listed, MARKER, Place},
    oci::{Descriptor, Digest},
};

/// Entries of an archive: an image has 127 layers at most, an archive may hold many.
const ENTRY_LIMIT: usize = 100_000;

/// Bytes of headers and long names of one entry: more than any writer needs.
const HEADER_LIMIT: u64 = 8 << 20;

/// A tar that holds a layout.
#[derive(Debug)]
pub struct Tar {
    path: PathBuf,
    /// Where each blob begins.
    blobs: BTreeMap<Digest, u64>,
}

/// An image in an archive.
pub type ArchiveSource = Listed<Tar>;

/// A blob that the archive does not hold.
struct Missing(Descriptor);

/// What the headers say.
#[derive(Default)]
struct Headers {
    blobs: BTreeMap<Digest, u64>,
    marked: bool,
    index: Option<Vec<u8>>,
}

impl ArchiveSource {
    /// The image called `name` in the archive at `path`, or the only one there.
    ///
    /// # Errors
    /// When the file is no archive, or nothing or more than one thing fits.
    pub fn open(path: impl Into<PathBuf>, name: Option<&str>) -> Result<Self, ArchiveError> {
        let path = path.into();
        let headers = read_headers(&path)?;
        let missing = |member| ArchiveError::NotAnArchive { path: path.clone(), member };
        let index = headers.index.ok_or_else(|| missing(INDEX))?;
        if !headers.marked {
            return Err(missing(MARKER));
        }
        let unusable = |source| ArchiveError::Contents { path: path.clone(), source };
        let contents = Contents::parse(&index).map_err(unusable)?;
        let tar = Tar { path: path.clone(), blobs: headers.blobs };
        Self::choose(tar, &contents, name).map_err(unusable)
    }
}

impl Place for Tar {
    fn blob(&self, descriptor: &Descriptor) -> Box<dyn BlobSource> {
        match self.blobs.get(&descriptor.digest) {
            Some(start) => Box::new(FileBlob::within(descriptor.clone(), self.path.clone(), *start)),
            None => Box::new(Missing(descriptor.clone())),
        }
    }

    fn broken(&self, source: ManifestError) -> TransferError {
        ArchiveError::Manifest { path: self.path.clone(), source }.into()
    }
}

impl BlobSource for Missing {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    fn open(&self, _: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        let source = io::Error::new(io::ErrorKind::NotFound, "the archive does not hold it");
        Box::pin(async move { Err(TransferError::Read { digest: self.0.digest, source }) })
    }
}

fn read_headers(path: &Path) -> Result<Headers, ArchiveError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::Other => ArchiveError::NotATar { path: path.to_owned() },
        _ => ArchiveError::Read { path: path.to_owned(), source },
    };
    if path.is_dir() {
        return Err(ArchiveError::Folder { path: path.to_owned() });
    }
    // Contents are passed over without being read, but for the list.
    let allowed = Cell::new(HEADER_LIMIT);
    let mut archive = tar::Archive::new(Guarded::new(File::open(path).map_err(unreadable)?, &allowed));
    let mut headers = Headers::default();
    for (count, entry) in archive.entries_with_seek().map_err(unreadable)?.enumerate() {
        if count == ENTRY_LIMIT {
            return Err(ArchiveError::TooManyEntries { path: path.to_owned(), limit: ENTRY_LIMIT });
        }
        allowed.set(HEADER_LIMIT + DOCUMENT_LIMIT);
        headers.add(&mut entry.map_err(unreadable)?).map_err(unreadable)?;
    }
    Ok(headers)
}

impl Headers {
    /// Notes what is part of a layout. Of entries with the same path the last counts, as everywhere.
    fn add<R: io::Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> io::Result<()> {
        if !entry.header().entry_type().is_file() {
            return Ok(());
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match path.strip_prefix("./").unwrap_or(&path) {
            MARKER => self.marked = true,
            INDEX => {
                let mut bytes = Vec::new();
                entry.take(DOCUMENT_LIMIT).read_to_end(&mut bytes)?;
                self.index = Some(bytes);
            }
            other => {
                let digest = other.strip_prefix("blobs/sha256/").map(Digest::from_hex);
                self.blobs.extend(digest.and_then(Result::ok).map(|digest| (digest, entry.raw_file_position())));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hint::Advise as _;

    #[test]
    fn what_is_no_tar_is_not_quoted() {
        let temporary = tempfile::tempdir().unwrap();
        let check = |contents: &[u8]| {
            let path = temporary.path().join("x.tar");
            crate::fs::write_atomic(&path, contents).unwrap();
            let error = ArchiveSource::open(&path, None).unwrap_err();
            let expect = format!("`{}` is no tar file, or a damaged one", path.display());
            assert_eq!((error.to_string(), std::error::Error::source(&error).is_none()), (expect, true));
            assert!(error.hint().unwrap().to_string().starts_with("decompress"));
        };
        check("password = hunter2\n".repeat(100).as_bytes());
        check(b"short");
        let error = ArchiveSource::open(temporary.path(), None).unwrap_err();
        assert!(error.to_string().ends_with("is a folder, and no archive"), "{error}");
        assert!(error.hint().unwrap().to_string().starts_with("name a layout as `oci:/"));
    }

    #[test]
    fn other_tars_are_named_for_what_they_lack() {
        let temporary = tempfile::tempdir().unwrap();
        let check = |members: &[&str], expect: &str| {
            let mut builder = tar::Builder::new(Vec::new());
            for member in members {
                let mut header = tar::Header::new_ustar();
                header.set_size(2);
                builder.append_data(&mut header, member, &b"{}"[..]).unwrap();
            }
            let path = temporary.path().join("x.tar");
            crate::fs::write_atomic(&path, &builder.into_inner().unwrap()).unwrap();
            let text = ArchiveSource::open(&path, None).unwrap_err().to_string();
            assert!(text.contains(expect), "{text}");
        };
        check(&["manifest.json"], "has no `index.json`");
        check(&["./index.json"], "has no `oci-layout`");
        check(&["oci-layout", "index.json"], "cannot use `index.json`");
        let path = temporary.path().join("x.gz");
        crate::fs::write_atomic(&path, &[0x1f; 1024]).unwrap();
        assert!(matches!(ArchiveSource::open(&path, None), Err(ArchiveError::NotATar { .. })));
    }

    #[test]
    fn endless_names_are_refused_before_they_are_read() {
        let temporary = tempfile::tempdir().unwrap();
        for kind in [tar::EntryType::GNULongName, tar::EntryType::XHeader] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(1 << 40);
            header.set_cksum();
            let path = temporary.path().join("x.tar");
            crate::fs::write_atomic(&path, header.as_bytes()).unwrap();
            // What is a hole in the file takes no room on the disk.
            File::options().write(true).open(&path).unwrap().set_len(1 << 30).unwrap();
            let error = ArchiveSource::open(&path, None).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("too large"), "{kind:?}: {error}: {cause}");
        }
    }
}
