//! Digests of layers of a set of fixture wheels, in every format. A change of one of them is a change of
//! the layer format, and of its version.

use super::{
    Format, Item, Paths, Threads, lay, merge,
    wheel::{Destination, RecordCheck, install},
};
use crate::{
    lock::{Facts, Interpreter, LockedWheel, Scheme, WheelSource},
    store::Store,
    testing::Wheel,
};

fn wheels() -> [Wheel; 2] {
    let large: Vec<u8> =
        (0..6_000_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0] >> 4).collect();
    [
        Wheel::new("demo", "1.0")
            .requires("large")
            .file("demo/__init__.py", b"import large\n")
            .file("demo/empty.py", b"")
            .executable("demo/run.sh", b"#!/bin/sh\nexec true\n")
            .stored("demo/stored.bin", &large[..70_000])
            .console_script("demo", "demo:main"),
        Wheel::new("large", "2.0").tag("cp311-cp311-manylinux_2_17_x86_64").file("large/lib.so", &large),
    ]
}

fn items(store: &Store) -> Vec<Item> {
    let path = |path: &str| path.to_owned();
    let scheme = Scheme {
        purelib: path("/usr/lib/python3/site"),
        platlib: path("/usr/lib/python3/site"),
        scripts: path("/usr/bin"),
        data: path("/usr"),
        headers: path("/usr/include"),
    };
    let version = "3.11.2".parse().unwrap();
    let interpreter = Interpreter { path: path("/usr/bin/python3"), version, free_threaded: false, scheme };
    let paths = Paths::new(&Facts::default());
    let installed = wheels().map(|wheel| {
        let blob = store.put(&wheel.build()).unwrap();
        let file = wheel.file_name();
        let locked = LockedWheel {
            uploaded: None,
            own_hash: false,
            name: file.split('-').next().unwrap().to_owned(),
            version: path("1.0"),
            file,
            sha256: *blob.digest(),
            size: blob.size(),
            source: WheelSource::Index(path("default")),
            why: Vec::new(),
        };
        install(&locked, &blob, Destination { interpreter: &interpreter, paths: &paths }, RecordCheck::Skip).unwrap()
    });
    let mut items = merge(installed.into()).unwrap();
    paths.add_parents(&mut items);
    items
}

#[test]
fn every_format_is_frozen() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let items = items(&store);
    let frozen = |format: Format| {
        let laid = lay(&items, format, Threads::Two, &store, &|_| {}).unwrap();
        format!("{format} {} {}", laid.descriptor.digest.hex(), laid.diff_id.0.hex())
    };
    let expect = [
        "none ed3d19e71e129d09ecaa6a4b1a0f545ba950a7251dcc0fff3548baddd46d94dd ed3d19e71e129d09ecaa6a4b1a0f545ba950a7251dcc0fff3548baddd46d94dd",
        "gzip 986084dd3d604d6b001c5070feed5193a18bc99bd5b43342593df777b0aa876b ed3d19e71e129d09ecaa6a4b1a0f545ba950a7251dcc0fff3548baddd46d94dd",
        "estargz 3627f4e7f0a0049a25422516f5dd397a745247a18fb21a3535491d0975042aed 20c6d1590a0332388d298ff3ad3e31b8ff0f002606770a8a070e1b7630e9fefe",
    ];
    assert_eq!([Format::Plain, Format::Gzip, Format::Lazy].map(frozen), expect);
    #[cfg(feature = "zstd")]
    assert_eq!(
        frozen(Format::Zstd),
        "zstd 28ebd221f554d58f07f103316c897b822a314e048538b9d255111262e93f63f0 ed3d19e71e129d09ecaa6a4b1a0f545ba950a7251dcc0fff3548baddd46d94dd"
    );
}
