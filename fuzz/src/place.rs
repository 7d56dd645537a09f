//! A store for a process, and the reading of what was laid down.

use std::{io::Read as _, sync::Arc};

use flate2::read::GzDecoder;
use wheelwright::{
    layer::Laid,
    oci::{DiffId, Digest},
    store::{Blob, Store},
};

pub(crate) struct Place {
    _folder: tempfile::TempDir,
    store: Store,
}

thread_local! {
    static PLACE: Place = Place::new();
}

impl Place {
    fn new() -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.expect("there is room for a folder");
        let store = Store::open(folder.path()).expect("the folder can be written");
        Self { _folder: folder, store }
    }
}

/// Hands `bytes` to `work` as a file of a store, and throws it away.
pub(crate) fn with_blob<T>(bytes: &[u8], work: impl FnOnce(&Store, &Blob) -> T) -> T {
    PLACE.with(|place| {
        let blob = place.store.put(bytes).expect("the store can be written");
        let result = work(&place.store, &blob);
        place.store.evict(blob.digest()).expect("the store can be written");
        result
    })
}

/// The files of a layer with their contents, as a decoder of a single gzip member reads them; that the
/// digests are right is checked on the way.
pub(crate) fn files(laid: Laid) -> Vec<(String, Vec<u8>)> {
    let mut blob = Vec::new();
    Arc::new(laid.rope).reader(0).read_to_end(&mut blob).expect("a laid layer can be read");
    assert_eq!(Digest::of(&blob), laid.descriptor.digest);
    let mut decoder = GzDecoder::new(&blob[..]);
    let mut tar = Vec::new();
    decoder.read_to_end(&mut tar).expect("a layer is a gzip");
    assert!(decoder.into_inner().is_empty(), "a layer is one member");
    assert_eq!(DiffId(Digest::of(&tar)), laid.diff_id);
    let mut archive = tar::Archive::new(&tar[..]);
    let entries = archive.entries().expect("a layer holds a tar");
    let mut files = Vec::new();
    for entry in entries {
        let mut entry = entry.expect("a layer's tar is whole");
        let path = String::from_utf8(entry.path_bytes().into_owned()).expect("paths are UTF-8");
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).expect("a layer's tar is whole");
        if entry.header().entry_type().is_file() {
            files.push((path, contents));
        } else {
            assert!(entry.header().entry_type().is_dir(), "{path}: neither file nor folder");
        }
    }
    files
}
