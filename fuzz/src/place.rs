//! A store for a process, and the reading of what was laid down.

use std::{
    cell::RefCell,
    future::Future,
    io::{Read as _, Write as _},
    path::Path,
    sync::Arc,
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
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
    static RUNTIME: RefCell<tokio::runtime::Runtime> = RefCell::new(
        tokio::runtime::Builder::new_current_thread().max_blocking_threads(4).build().expect("there is room for a thread"),
    );
}

impl Place {
    fn new() -> Self {
        let folder = folder();
        let store = Store::open(folder.path()).expect("the folder can be written");
        Self { _folder: folder, store }
    }
}

/// A folder of our own, in memory where there is one.
pub(crate) fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("there is room for a folder")
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

/// Hands a store that knows nothing to `work`, and throws it away.
pub(crate) fn with_store<T>(work: impl FnOnce(&Store) -> T) -> T {
    let folder = folder();
    work(&Store::open(folder.path()).expect("the folder can be written"))
}

/// Hands `bytes` to `work` as a file.
pub(crate) fn with_file<T>(bytes: &[u8], work: impl FnOnce(&Path) -> T) -> T {
    let folder = folder();
    let mut file = tempfile::NamedTempFile::new_in(folder.path()).expect("the folder can be written");
    file.write_all(bytes).expect("the file can be written");
    work(file.path())
}

/// Waits for `work`.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.borrow().block_on(work))
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("a vector takes everything")
}

/// A tar of these files; those whose contents begin with `->` are symbolic links.
pub(crate) fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, contents) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(0);
        let done = if let Some(target) = contents.strip_prefix(b"->") {
            header.set_entry_type(tar::EntryType::Symlink);
            tar.append_link(&mut header, path, String::from_utf8_lossy(target).as_ref())
        } else {
            header.set_entry_type(if path.ends_with('/') {
                tar::EntryType::Directory
            } else {
                tar::EntryType::Regular
            });
            header.set_size(contents.len() as u64);
            tar.append_data(&mut header, path, *contents)
        };
        done.expect("a vector takes everything");
    }
    tar.into_inner().expect("a vector takes everything")
}

/// Reads in pieces of `step` bytes at most.
pub(crate) struct Steps<R>(pub(crate) R, pub(crate) usize);

impl<R: std::io::Read> std::io::Read for Steps<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(self.1);
        self.0.read(&mut buffer[..length])
    }
}

/// Seeds that are text.
pub(crate) fn texts(seeds: &[(&'static str, &str)]) -> Vec<(&'static str, Vec<u8>)> {
    seeds.iter().map(|(name, text)| (*name, text.as_bytes().to_vec())).collect()
}

/// The first line, which says what the rest is.
pub(crate) fn headed(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
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
