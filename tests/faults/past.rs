//! What became of a store before the run.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

use wheelwright::{
    fs::write_atomic,
    store::{Bucket, Store},
};

use super::{chance::Chance, scenario::Past};
use crate::cli::workshop::files;

/// 2036, in seconds since 1970.
const LATER: u64 = 2_082_758_400;

/// Fills the empty folder `store` with what is in `from`, and does to it what `past` says.
pub(super) fn fill(store: &Path, from: &Path, past: Past, seed: u64) {
    let mut chance = Chance::of(seed, "past");
    for path in files(from) {
        let to = store.join(path.strip_prefix(from).unwrap());
        if to.components().any(|part| ["locks", "ingest"].iter().any(|name| part.as_os_str() == *name)) {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&path, &to).unwrap();
        let struck = !to.ends_with("store.lock") && !to.ends_with("CACHEDIR.TAG") && chance.one_in(4);
        match past {
            Past::Damaged if struck => change(&to, |bytes| {
                let place = usize::try_from(chance.between(0, bytes.len() as u64)).unwrap();
                bytes[place] ^= 1 << chance.between(0, 8);
            }),
            // Some of the bytes never came to the disk: they are missing, or zeros.
            Past::Torn if struck => change(&to, |bytes| {
                let left = usize::try_from(chance.between(0, bytes.len() as u64)).unwrap();
                if chance.one_in(2) { bytes.truncate(left) } else { bytes[left..].fill(0) }
            }),
            Past::Later => {
                let later = SystemTime::UNIX_EPOCH + Duration::from_secs(LATER);
                File::open(&to).unwrap().set_modified(later).unwrap();
            }
            _ => {}
        }
    }
    if past == Past::OtherVersion {
        other_version(store, &mut chance);
    }
}

/// What another version left: notes that say something else under the same keys, whole by their checksum;
/// families of notes, and a whole store, that this version does not know.
fn other_version(store: &Path, chance: &mut Chance) {
    let notes: Vec<_> = Bucket::ALL
        .iter()
        .flat_map(|bucket| {
            let folder = store.join("v1").join(format!("{bucket:?}").to_lowercase());
            files(&folder).into_iter().map(|path| (*bucket, path.file_name().unwrap().to_str().unwrap().to_owned()))
        })
        .collect();
    let opened = Store::open(store).unwrap();
    for (bucket, key) in notes {
        let note: &[u8] = chance.pick(&[
            b"",
            b"{}",
            b"[]",
            b"null",
            b"{\"format\":99,\"new\":true}\n",
            b"\xff\xfe\0\x01",
            b"2\n",
            b"\n\n\n",
        ]);
        if !chance.one_in(3) {
            opened.keep(bucket, &key, note).unwrap();
        }
    }
    for path in ["v2/store.lock", "v2/blobs/sha256/ab/cd", "v1/novelties/2-key", "v1/blobs/blake3/ab/cd"] {
        write_atomic(&store.join(path), b"of a version to come").unwrap();
    }
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    if !bytes.is_empty() {
        change(&mut bytes);
    }
    let mode = fs::metadata(path).unwrap().permissions().mode();
    write_atomic(path, &bytes).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}
