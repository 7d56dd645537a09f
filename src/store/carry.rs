//! A store in one file, to be carried to another machine: a tar that depends on nothing but what is in
//! the store.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use super::{
    Bucket, SUM, Store, StoreError,
    entries::{Entry, Kind},
    verify::{PIECE, whole},
};
use crate::{
    fs::{AtomicFile, Guarded, sweep_beside},
    oci::{Digest, Hasher},
};

/// The time of every file in the tar: 1980-01-01, in seconds since 1970.
const TIME: u64 = 315_532_800;

/// Bytes of a note, at most.
const LARGEST_NOTE: u64 = 1 << 30;

/// Bytes of headers and of the name of one entry.
const HEADER_LIMIT: u64 = 1 << 20;

/// What was written to an archive, or read from one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Store {
    /// Writes everything to the tar `to`, sorted, with the same bytes for the same contents. Torn notes are left
    /// out. Blocks.
    ///
    /// # Errors
    /// When a blob is not what its digest says, and when something cannot be read or written.
    pub fn export(&self, to: &Path) -> Result<Carried, StoreError> {
        let fail = |source| StoreError::WriteArchive { archive: to.to_owned(), source };
        // A run that was ended leaves a tar that nobody will finish.
        sweep_beside(to);
        let mut tar = tar::Builder::new(AtomicFile::create(to).map_err(fail)?);
        let mut carried = Carried::default();
        for entry in self.entries()? {
            let Some(contents) = Contents::of(&entry)? else { continue };
            carried.files += 1;
            carried.bytes += contents.append(&mut tar, &entry).map_err(fail)??;
        }
        tar.into_inner().and_then(AtomicFile::commit).map_err(fail)?;
        Ok(carried)
    }

    /// Takes in what [`Store::export`] wrote, each file only if its digest or checksum is right. Blocks.
    ///
    /// # Errors
    /// When there is anything else in it, or something wrong; what came before that stays.
    pub fn import(&self, from: &Path) -> Result<Carried, StoreError> {
        let fail = |source| StoreError::ReadArchive { archive: from.to_owned(), source };
        let allowed = Cell::new(HEADER_LIMIT);
        let mut tar = tar::Archive::new(Guarded::new(File::open(from).map_err(fail)?, &allowed));
        let mut carried = Carried::default();
        for entry in tar.entries().map_err(fail)? {
            let mut entry = entry.map_err(fail)?;
            allowed.set(entry.size().saturating_add(HEADER_LIMIT));
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let foreign = |problem| StoreError::Foreign { archive: from.to_owned(), entry: name.clone(), problem };
            let kind = kind_of(&name).filter(|_| entry.header().entry_type().is_file());
            match kind.ok_or_else(|| foreign("is no file of a store"))? {
                (Kind::Blob(digest), _) => {
                    let mut ingest = self.ingest()?;
                    pour(&mut entry, from, &mut ingest, self.root())?;
                    carried.bytes += ingest.size();
                    ingest.commit_as(&name, &digest, None)?;
                }
                (Kind::Note(bucket), key) => {
                    let note = whole(&mut (&mut entry).take(LARGEST_NOTE)).map_err(fail)?;
                    let note = note.ok_or_else(|| foreign("is damaged"))?;
                    carried.bytes += (SUM + note.len()) as u64;
                    self.keep(bucket, key, &note)?;
                }
            }
            carried.files += 1;
        }
        Ok(carried)
    }
}

/// What is in a file of the store at the moment when it is written to an archive: a note may be kept anew meanwhile.
enum Contents {
    /// So many bytes that shall have this digest.
    Blob(File, u64, Digest),
    Note(Vec<u8>),
}

impl Contents {
    /// Nothing where the file has gone since it was listed, or is a torn note.
    fn of(entry: &Entry) -> Result<Option<Self>, StoreError> {
        let fail = |source| StoreError::io("read", &entry.path, source);
        let mut file = match File::open(&entry.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(fail)?,
        };
        match entry.kind {
            Kind::Blob(digest) => {
                let size = file.metadata().map_err(fail)?.len();
                Ok(Some(Self::Blob(file, size, digest)))
            }
            Kind::Note(_) => Ok(whole(&mut file).map_err(fail)?.map(Self::Note)),
        }
    }

    /// Appends them, and says how many bytes they are; inside, what is wrong with a blob.
    fn append(self, tar: &mut tar::Builder<AtomicFile>, entry: &Entry) -> io::Result<Result<u64, StoreError>> {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_mtime(TIME);
        let name = format!("v1/{}", entry.name);
        match self {
            Self::Note(note) => {
                let sum = crc32fast::hash(&note).to_be_bytes();
                let size = (SUM + note.len()) as u64;
                header.set_size(size);
                tar.append_data(&mut header, name, (&sum[..]).chain(&note[..]))?;
                Ok(Ok(size))
            }
            Self::Blob(file, size, digest) => {
                header.set_size(size);
                let mut reader = Hashing { file, hasher: Hasher::new() };
                tar.append_data(&mut header, name, (&mut reader).take(size))?;
                // Where less came than was announced, this is not the digest either.
                let found = reader.hasher.finish();
                Ok(if found == digest { Ok(size) } else { Err(mismatch(entry, digest, found)) })
            }
        }
    }
}

fn mismatch(entry: &Entry, expected: Digest, found: Digest) -> StoreError {
    let subject = entry.path.display().to_string();
    StoreError::Mismatch { subject, expected: expected.to_string(), found: found.to_string() }
}

/// Copies all of `from`, which lies in `archive`, into a file of the store at `root`.
fn pour(from: &mut impl Read, archive: &Path, to: &mut impl Write, root: &Path) -> Result<(), StoreError> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                to.write_all(&piece[..count]).map_err(|source| StoreError::io("write", root, source))?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(StoreError::ReadArchive { archive: archive.to_owned(), source }),
        }
    }
}

/// What a path in an archive names, with its last part.
fn kind_of(name: &str) -> Option<(Kind, &str)> {
    let parts: Vec<&str> = name.strip_prefix("v1/")?.split('/').collect();
    match parts[..] {
        ["blobs", "sha256", start, hex] if hex.starts_with(start) && start.len() == 2 => {
            let digest: Digest = format!("sha256:{hex}").parse().ok()?;
            Some((Kind::Blob(digest), hex))
        }
        [folder, key] if !key.is_empty() && !key.starts_with('.') => {
            let bucket = Bucket::ALL.into_iter().find(|bucket| bucket.folder() == folder)?;
            Some((Kind::Note(bucket), key))
        }
        _ => None,
    }
}

/// Hashes what is read through it.
struct Hashing {
    file: File,
    hasher: Hasher,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        fs::{temporary_file, write_atomic},
        hint::Advise as _,
    };

    #[test]
    fn a_store_is_carried_in_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let fill = |name: &str, turned: bool| {
            let store = Store::open(place(name)).unwrap();
            let mut texts = ["one", "two", "three"];
            if turned {
                texts.reverse();
            }
            for text in texts {
                store.put(text.as_bytes()).unwrap();
                store.keep(Bucket::Checks, &text.repeat(70), text.as_bytes()).unwrap();
            }
            store
        };
        let (one, other) = (fill("one", false), fill("other", true));
        let left = temporary_file(folder.path()).unwrap().into_temp_path().keep().unwrap();
        let carried = one.export(&place("one.tar")).unwrap();
        assert!(!left.exists());
        other.export(&place("other.tar")).unwrap();
        assert_eq!(fs::read(place("one.tar")).unwrap(), fs::read(place("other.tar")).unwrap());
        let third = Store::open(place("third")).unwrap();
        assert_eq!(third.import(&place("one.tar")).unwrap(), carried);
        third.export(&place("third.tar")).unwrap();
        assert_eq!(fs::read(place("one.tar")).unwrap(), fs::read(place("third.tar")).unwrap());
        assert_eq!((carried.files, third.verify().unwrap().files), (6, 6));
    }

    #[test]
    fn what_is_damaged_is_neither_written_nor_taken() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let blob = store.put(b"wheel").unwrap();
        let tar = folder.path().join("store.tar");
        store.export(&tar).unwrap();
        let mut bytes = fs::read(&tar).unwrap();
        assert_eq!(&bytes[512..517], b"wheel");
        bytes[512] ^= 1;
        write_atomic(&tar, &bytes).unwrap();
        let other = Store::open(folder.path().join("other")).unwrap();
        assert!(matches!(other.import(&tar), Err(StoreError::Mismatch { .. })));
        write_atomic(blob.path(), b"wheeL").unwrap();
        assert!(matches!(store.export(&tar), Err(StoreError::Mismatch { .. })));
        assert_eq!(fs::read(&tar).unwrap(), bytes, "the old archive is as it was");
    }

    #[test]
    fn notes_are_written_as_they_are_then() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let keep = |key: &str, note: &[u8]| store.keep(Bucket::Checks, key, note).unwrap();
        for key in ["longer", "shorter", "gone", "torn"] {
            keep(key, b"note");
        }
        let entries = store.entries().unwrap();
        keep("longer", &[b'x'; 2000]);
        keep("shorter", b"");
        store.forget(Bucket::Checks, "gone").unwrap();
        write_atomic(&folder.path().join("store/v1/checks/torn"), b"\0\0\0\0no").unwrap();
        let tar = folder.path().join("store.tar");
        let mut builder = tar::Builder::new(AtomicFile::create(&tar).unwrap());
        let mut sizes = Vec::new();
        for entry in &entries {
            let Some(contents) = Contents::of(entry).unwrap() else { continue };
            sizes.push(contents.append(&mut builder, entry).unwrap().unwrap());
        }
        builder.into_inner().unwrap().commit().unwrap();
        assert_eq!(sizes, [2004, 4]);
        let other = Store::open(folder.path().join("other")).unwrap();
        assert_eq!(other.import(&tar).unwrap(), Carried { files: 2, bytes: 2008 });
        assert_eq!(other.note(Bucket::Checks, "longer").unwrap(), [b'x'; 2000]);
    }

    #[test]
    fn errors_name_the_side_that_failed() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let check = |error: StoreError, words: &str, hint: &str| {
            assert!(error.to_string().starts_with(words), "{error}");
            assert!(error.hint().unwrap().to_string().contains(hint), "{error}: {:?}", error.hint());
        };
        let missing = folder.path().join("missing.tar");
        let read = format!("cannot read `{}`", missing.display());
        check(store.import(&missing).unwrap_err(), &read, "`wheelwright cache export` wrote");
        let nowhere = missing.join("x.tar");
        write_atomic(&missing, b"").unwrap();
        let written = format!("cannot write `{}`", nowhere.display());
        check(store.export(&nowhere).unwrap_err(), &written, "where you may write");
        let pour = |from: &mut dyn Read, to: &mut dyn Write| {
            let (mut from, mut to) = (from, to);
            pour(&mut from, &missing, &mut to, store.root()).unwrap_err()
        };
        check(pour(&mut Broken, &mut Vec::new()), &read, "`wheelwright cache export` wrote");
        check(pour(&mut &b"wheel"[..], &mut Broken), "cannot write `", "free some space");
    }

    #[test]
    fn paths_that_no_store_has_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let hex = Digest::of(b"").hex();
        for name in [
            "etc/passwd",
            "v1/blobs/sha256/00/short",
            &format!("v1/blobs/sha256/00/{hex}"),
            "v1/locks/a",
            "v1/layers/.hidden",
            "v1/layers/a/b",
            "v2/layers/a",
        ] {
            let mut tar = tar::Builder::new(Vec::new());
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            tar.append_data(&mut header, name, io::empty()).unwrap();
            let path = folder.path().join("x.tar");
            write_atomic(&path, &tar.into_inner().unwrap()).unwrap();
            let error = store.import(&path).unwrap_err();
            assert!(matches!(error, StoreError::Foreign { .. }), "{name}: {error}");
        }
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(1 << 40);
        header.set_cksum();
        let path = folder.path().join("endless.tar");
        write_atomic(&path, header.as_bytes()).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(1 << 30).unwrap();
        let error = store.import(&path).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("too large"), "{error}: {cause}");
    }
}
