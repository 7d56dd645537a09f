//! Any bytes as a wheel: refused, or laid down as just what its entries say.

use std::collections::BTreeMap;

use wheelwright::{
    layer::{
        Body, Format, Node, Paths, Threads, lay, merge,
        wheel::{Destination, RecordCheck, install},
    },
    lock::{Facts, Interpreter, LockedWheel, Scheme, WheelSource},
    oci::Digest,
    testing::{Wheel, Zip64End, ZipEntry, ZipWriter},
    zip::{Limits, read_directory, read_entry},
};

use crate::place::{files, with_blob};

const SITE: &str = "usr/lib/site/";

/// Wheels that unpack to more are only read, not laid down: it would take too long.
const MOST: u64 = 1 << 20;

/// Reads `bytes` as a wheel, installs it, lays it down, and reads it back.
pub(crate) fn wheel(bytes: &[u8]) {
    let Ok(entries) = read_directory(bytes, bytes.len() as u64, &Limits::default()) else { return };
    let mut contents = BTreeMap::new();
    let mut total = 0;
    for entry in &entries {
        total += entry.size;
        assert!(entry.data_offset + entry.compressed <= bytes.len() as u64);
        assert!(!entry.name.starts_with('/') && !entry.name.split('/').any(|part| part == ".."));
        if let Ok(read) = read_entry(bytes, entry, MOST) {
            assert_eq!(read.len() as u64, entry.size);
            contents.insert(format!("{SITE}{}", entry.name), read);
        }
    }
    if total <= MOST {
        lay_down(bytes, &contents);
    }
}

fn lay_down(bytes: &[u8], contents: &BTreeMap<String, Vec<u8>>) {
    let interpreter = interpreter();
    let paths = Paths::new(&Facts::default());
    let destination = Destination { interpreter: &interpreter, paths: &paths };
    with_blob(bytes, |store, blob| {
        let wheel = LockedWheel {
            name: "demo".to_owned(),
            version: "1.0".to_owned(),
            file: "demo-1.0-py3-none-any.whl".to_owned(),
            sha256: *blob.digest(),
            size: blob.size(),
            source: WheelSource::Index("default".to_owned()),
            uploaded: None,
            own_hash: false,
            why: Vec::new(),
        };
        let verified = install(&wheel, blob, destination, RecordCheck::Verify);
        let Ok(installed) = install(&wheel, blob, destination, RecordCheck::Skip) else {
            assert!(verified.is_err(), "verified, but not installed");
            return;
        };
        let Ok(mut items) = merge(vec![installed]) else { return };
        paths.add_parents(&mut items);
        let laid = lay(&items, Format::Gzip, Threads::One, store, &|_| {});
        let Ok(laid) = laid else { return };
        let digest: Digest = laid.descriptor.digest;
        let found = files(laid);
        assert_eq!(found.len(), items.iter().filter(|item| item.node != Node::Directory).count());
        for ((path, found), item) in found.iter().zip(items.iter().filter(|item| item.node != Node::Directory)) {
            assert_eq!(*path, item.path);
            match &item.node {
                Node::File(Body::Literal(bytes)) => assert!(found == bytes, "{path}"),
                _ => assert!(contents.get(path).is_none_or(|expect| expect == found), "{path}"),
            }
        }
        assert_eq!(
            lay(&items, Format::Gzip, Threads::Two, store, &|_| {}).expect("it was laid down before").descriptor.digest,
            digest
        );
    });
}

fn interpreter() -> Interpreter {
    Interpreter {
        path: "/usr/bin/python3".to_owned(),
        version: "3.11.2".parse().expect("this is a version"),
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

/// Wheels of every kind that is accepted, and some that are not.
pub(crate) fn wheels() -> Vec<(&'static str, Vec<u8>)> {
    let plain = || Wheel::new("demo", "1.0").file("demo/a.py", b"a = 1\n");
    let entry = ZipEntry::deflated("demo/b.py", b"b = 2\n");
    let sizes = [entry.crc32, 8, 6].map(u32::to_le_bytes).concat();
    let deferred = ZipEntry { flags: 8, local_sizes: Some((0, 0, 0)), trailer: sizes, ..entry.clone() };
    let wide = ZipEntry { zip64: Some((entry.size, entry.compressed)), ..entry.clone() };
    vec![
        ("plain", plain().build()),
        ("stored", plain().stored("demo/c.bin", b"stored").build()),
        ("executable", plain().executable("demo/run", b"#!/bin/sh\n").build()),
        ("script", plain().file("demo-1.0.data/scripts/run", b"#!python\n").console_script("x", "demo:main").build()),
        ("schemes", plain().file("demo-1.0.data/data/share/x", b"x").file("demo-1.0.data/headers/x.h", b"").build()),
        ("folder", plain().raw(ZipEntry::stored("demo/empty/", b"")).build()),
        ("descriptor", plain().raw(deferred).build()),
        ("zip64", ZipWriter { zip64: Some(Zip64End::default()), ..plain().raw(wide).archive() }.build()),
        ("twice", plain().raw(entry.clone()).raw(entry).build()),
        ("link", plain().raw(ZipEntry::stored("demo/link", b"a.py").mode(0o120_777)).build()),
        ("comment", ZipWriter { comment: b"comment".to_vec(), ..plain().archive() }.build()),
        ("name", plain().file("demo/é.py", b"").build()),
    ]
}
