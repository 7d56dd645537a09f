//! One wheel from its bytes to what a container engine would unpack.

use std::{collections::BTreeMap, io::Read as _, path::Path, sync::Arc};

use flate2::read::GzDecoder;
use wheelwright::{
    layer::{
        Format, Item, Laid, LayerError, Paths, Threads, lay, merge,
        wheel::{Destination, RecordCheck, install},
    },
    lock::{Directory, Facts, Interpreter, LockedWheel, Scheme, WheelSource},
    oci::{DiffId, Digest},
    store::Store,
    zip::{Refusal, ZipError},
};

/// The file name of every wheel here.
pub(super) const FILE: &str = "demo-1.0-py3-none-any.whl";

/// Where its root goes.
pub(super) const SITE: &str = "usr/lib/site/";

/// What was unpacked: path → mode and contents.
pub(super) type Tree = BTreeMap<String, (u32, Vec<u8>)>;

/// A store of its own for one wheel.
pub(super) struct World {
    folder: tempfile::TempDir,
    store: Store,
}

impl World {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Self { folder, store }
    }

    /// What the wheel puts on disk, parent directories included.
    pub(super) fn items(&self, wheel: &[u8], check: RecordCheck) -> Result<Vec<Item>, LayerError> {
        let blob = self.store.put(wheel).unwrap();
        let locked = LockedWheel {
            uploaded: None,
            own_hash: false,
            name: "demo".to_owned(),
            version: "1.0".to_owned(),
            file: FILE.to_owned(),
            sha256: *blob.digest(),
            size: blob.size(),
            source: WheelSource::Index("default".to_owned()),
            why: vec!["recipe".to_owned()],
        };
        let paths = Paths::new(&base());
        let destination = Destination { interpreter: &interpreter(), paths: &paths };
        let mut items = merge(vec![install(&locked, &blob, destination, check)?])?;
        paths.add_parents(&mut items);
        Ok(items)
    }

    pub(super) fn lay(&self, wheel: &[u8], check: RecordCheck, threads: Threads) -> Result<Laid, LayerError> {
        lay(&self.items(wheel, check)?, Format::Gzip, threads, &self.store, &|_| {})
    }

    /// The names of all files in the store.
    pub(super) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(self.folder.path(), &mut found);
        found.sort();
        found
    }
}

/// The wheel laid down, and read by a decoder that knows nothing of us.
pub(super) fn unpacked(wheel: &[u8], check: RecordCheck) -> Result<Tree, LayerError> {
    let world = World::new();
    Ok(read(&world.lay(wheel, check, Threads::One)?))
}

pub(super) fn bytes(laid: &Laid) -> Vec<u8> {
    let mut bytes = Vec::new();
    Arc::new(laid.rope.clone()).reader(0).read_to_end(&mut bytes).unwrap();
    assert_eq!(Digest::of(&bytes), laid.descriptor.digest);
    bytes
}

fn read(laid: &Laid) -> Tree {
    let mut tar = Vec::new();
    GzDecoder::new(&bytes(laid)[..]).read_to_end(&mut tar).unwrap();
    assert_eq!(DiffId(Digest::of(&tar)), laid.diff_id);
    let mut tree = Tree::new();
    for entry in tar::Archive::new(&tar[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let kind = entry.header().entry_type();
        assert!(kind.is_file() || kind.is_dir(), "{path}: a wheel brings files and folders only");
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).unwrap();
        let mode = entry.header().mode().unwrap();
        assert!(tree.insert(path.clone(), (mode, contents)).is_none(), "{path}: stands twice");
    }
    tree
}

/// What was refused, wherever on the way it was.
pub(super) fn refusal(error: &LayerError) -> Option<Refusal> {
    match error {
        LayerError::Wheel { source, .. } => ZipError::refusal(source),
        LayerError::Contents { refusal, .. } => Some(*refusal),
        _ => None,
    }
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    for entry in wheelwright::fs::sorted_entries(folder).unwrap() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path.to_string_lossy().into_owned());
        }
    }
}

fn base() -> Facts {
    let directory = |path: &str| Directory { path: path.to_owned(), mode: 0o755, uid: 0, gid: 0 };
    Facts { directories: ["/usr", "/usr/lib", "/usr/bin", "/usr/lib/site"].map(directory).to_vec(), ..Facts::default() }
}

fn interpreter() -> Interpreter {
    Interpreter {
        path: "/usr/bin/python3".to_owned(),
        version: "3.11.2".parse().unwrap(),
        free_threaded: false,
        scheme: Scheme {
            purelib: "/usr/lib/site".to_owned(),
            platlib: "/usr/lib/site".to_owned(),
            scripts: "/usr/bin".to_owned(),
            data: "/usr".to_owned(),
            headers: "/usr/include".to_owned(),
        },
    }
}
