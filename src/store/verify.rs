//! Every file of the store held against its digest or checksum.

use std::{
    fs::File,
    io::{self, Read},
};

use rayon::prelude::*;

use super::{
    Blob, SUM, Store, StoreError,
    entries::{Entry, Kind},
    remove,
};

/// Bytes of a file read at a time.
pub(super) const PIECE: usize = 64 << 10;

/// What came of looking at everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Files that were looked at.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those that were wrong, and are removed now.
    pub damaged: Vec<String>,
}

impl Store {
    /// Reads every blob and note, and removes what is not what it should be. Blocks.
    ///
    /// # Errors
    /// When a file cannot be read or removed.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        let entries = self.entries()?;
        let judged: Vec<bool> = entries.par_iter().map(judge).collect::<Result<_, _>>()?;
        let wrong = entries.iter().zip(judged).filter(|(_, well)| !well);
        Ok(Verified {
            files: entries.len() as u64,
            bytes: entries.iter().map(|entry| entry.size).sum(),
            damaged: wrong.map(|(entry, _)| entry.name.clone()).collect(),
        })
    }
}

/// Whether a file is as it should be; if not, it is gone now. One that has gone in the meantime is well.
fn judge(entry: &Entry) -> Result<bool, StoreError> {
    let gone_is_well = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Ok(true),
        _ => Err(StoreError::io("read", &entry.path, error)),
    };
    match entry.kind {
        Kind::Blob(digest) => {
            let blob = Blob::new(digest, entry.size, entry.path.clone());
            blob.remove_if_damaged().map(|damaged| !damaged).or_else(gone_is_well)
        }
        Kind::Note(_) => match File::open(&entry.path).and_then(|mut note| is_whole(&mut note)) {
            Err(error) => gone_is_well(error),
            Ok(true) => Ok(true),
            Ok(false) => remove(&entry.path).map(|()| false),
        },
    }
}

/// What stands behind the checksum of a note; nothing when that is missing or wrong.
pub(super) fn whole(note: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let Some(sum) = checksum(note)? else { return Ok(None) };
    let mut rest = Vec::new();
    note.read_to_end(&mut rest)?;
    Ok((crc32fast::hash(&rest) == sum).then_some(rest))
}

/// Whether [`whole`] has something to give, found without holding it.
pub(super) fn is_whole(note: &mut impl Read) -> io::Result<bool> {
    let Some(sum) = checksum(note)? else { return Ok(false) };
    let (mut hasher, mut piece) = (crc32fast::Hasher::new(), vec![0; PIECE]);
    loop {
        match note.read(&mut piece) {
            Ok(0) => return Ok(hasher.finalize() == sum),
            Ok(count) => hasher.update(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The checksum at the beginning of a note; nothing where it is cut.
fn checksum(note: &mut impl Read) -> io::Result<Option<u32>> {
    let mut sum = [0; SUM];
    match note.read_exact(&mut sum) {
        Ok(()) => Ok(Some(u32::from_be_bytes(sum))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fs::write_atomic, store::Bucket};

    #[test]
    fn damage_is_found_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (good, bad) = (store.put(b"good").unwrap(), store.put(b"bad").unwrap());
        store.keep(Bucket::Splices, "good", b"note").unwrap();
        store.keep(Bucket::Splices, "bad", b"note").unwrap();
        assert_eq!(store.verify().unwrap(), Verified { files: 4, bytes: 23, damaged: Vec::new() });
        write_atomic(bad.path(), b"baD").unwrap();
        write_atomic(&folder.path().join("v1/splices/bad"), b"\0\0\0\0note").unwrap();
        let hex = bad.digest().hex();
        let damaged = vec![format!("blobs/sha256/{}/{hex}", &hex[..2]), "splices/bad".to_owned()];
        assert_eq!(store.verify().unwrap().damaged, damaged);
        assert_eq!(store.verify().unwrap().files, 2);
        assert!(store.blob(good.digest()).is_some() && store.note(Bucket::Splices, "good").is_some());
    }
}
