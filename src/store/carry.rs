//! A store in one file, to be carried to another machine: a tar that depends on nothing but what is in
//! the store.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{
    Bucket, Ingest, SUM, Store, StoreError,
    entries::{Entry, Kind},
    verify::whole,
};
use crate::{
    fs::AtomicFile,
    oci::{Digest, Hasher},
};

/// The time of every file in the tar: 1980-01-01, in seconds since 1970.
const TIME: u64 = 315_532_800;

/// Bytes of a note, at most.
const LARGEST_NOTE: u64 = 1 << 30;

/// What was written to an archive, or read from one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Store {
    /// Writes everything to the tar `to`, sorted, with the same bytes for the same contents. Blocks.
    ///
    /// # Errors
    /// When a blob is not what its digest says, and when something cannot be read or written.
    pub fn export(&self, to: &Path) -> Result<Carried, StoreError> {
        let fail = |source| StoreError::io("write", to, source);
        let mut tar = tar::Builder::new(AtomicFile::create(to).map_err(fail)?);
        let mut carried = Carried::default();
        for entry in self.entries()? {
            let Ok(file) = File::open(&entry.path) else { continue };
            append(&mut tar, &entry, file).map_err(fail)??;
            carried.files += 1;
            carried.bytes += entry.size;
        }
        tar.into_inner().and_then(AtomicFile::commit).map_err(fail)?;
        Ok(carried)
    }

    /// Takes in what [`Store::export`] wrote, each file only if its digest or checksum is right. Blocks.
    ///
    /// # Errors
    /// When there is anything else in it, or something wrong; what came before that stays.
    pub fn import(&self, from: &Path) -> Result<Carried, StoreError> {
        let fail = |source| StoreError::io("read", from, source);
        let mut tar = tar::Archive::new(File::open(from).map_err(fail)?);
        let mut carried = Carried::default();
        for entry in tar.entries().map_err(fail)? {
            let mut entry = entry.map_err(fail)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let foreign = |problem| StoreError::Foreign { archive: from.to_owned(), entry: name.clone(), problem };
            let kind = kind_of(&name).filter(|_| entry.header().entry_type().is_file());
            match kind.ok_or_else(|| foreign("is no file of a store"))? {
                (Kind::Blob(digest), _) => {
                    let mut ingest: Ingest = self.ingest()?;
                    io::copy(&mut entry, &mut ingest).map_err(fail)?;
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

/// Appends a file; inside, what is wrong with the file.
fn append(tar: &mut tar::Builder<AtomicFile>, entry: &Entry, file: File) -> io::Result<Result<(), StoreError>> {
    let mut header = tar::Header::new_gnu();
    header.set_size(entry.size);
    header.set_mode(0o644);
    header.set_mtime(TIME);
    let mut reader = Hashing { file, hasher: Hasher::new() };
    // A file that has become shorter since it was listed makes an error here: files of a store never do.
    tar.append_data(&mut header, format!("v1/{}", entry.name), (&mut reader).take(entry.size))?;
    let found = reader.hasher.finish();
    Ok(match entry.kind {
        Kind::Blob(digest) if digest != found => Err(StoreError::Mismatch {
            subject: entry.path.display().to_string(),
            expected: digest.to_string(),
            found: found.to_string(),
        }),
        _ => Ok(()),
    })
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
    use crate::fs::write_atomic;

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
        let carried = one.export(&place("one.tar")).unwrap();
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
    }
}
