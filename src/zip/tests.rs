//! What is read, and what is refused.

use super::*;
use crate::testing::{Wheel, ZipEntry, ZipWriter};

fn directory(bytes: &[u8]) -> Result<Vec<Entry>, ZipError> {
    read_directory(bytes, bytes.len() as u64, &Limits::default())
}

fn base() -> ZipEntry {
    ZipEntry::deflated("demo/a.py", b"print('a')\n")
}

#[test]
fn an_ordinary_wheel_is_read() {
    let wheel = Wheel::new("demo", "1.0").file("demo/a.py", b"a = 1\n").executable("demo/run", b"#!/bin/sh\n").build();
    let entries = directory(&wheel).unwrap();
    let names: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.executable)).collect();
    let info = |name: &'static str| (name, false);
    assert_eq!(
        names,
        [
            info("demo-1.0.dist-info/METADATA"),
            info("demo-1.0.dist-info/RECORD"),
            info("demo-1.0.dist-info/WHEEL"),
            info("demo/a.py"),
            ("demo/run", true)
        ]
    );
    assert_eq!(read_entry(&wheel[..], &entries[3], 100).unwrap(), b"a = 1\n");
}

#[test]
fn whatever_two_readers_could_understand_differently_is_refused() {
    let check = |what: &str, archive: ZipWriter, expect: Refusal| match directory(&archive.build()) {
        Err(error) => assert_eq!(error.refusal(), Some(expect), "{what}: {error}"),
        Ok(_) => panic!("{what}: was accepted"),
    };
    let one = |entry: ZipEntry| ZipWriter::default().entry(entry);
    let named = |name: &str| one(ZipEntry { name: name.as_bytes().to_vec(), flags: 0x0800, ..base() });
    for name in ["../a", "a/../b", "/a", "a//b", "./a", "a/.", "..", "a\\b", "a\nb", "a\0b", "", "/"] {
        check(name, named(name), Refusal::NamePath);
    }
    check("long name", named(&"x".repeat(300)), Refusal::NameLength);
    check("unmarked UTF-8", one(ZipEntry { flags: 0, ..ZipEntry::stored("é", b"") }), Refusal::NameEncoding);
    check("no UTF-8", one(ZipEntry { name: vec![0xff], flags: 0x800, ..base() }), Refusal::NameEncoding);
    check("prefix", ZipWriter { prefix: b"#!".to_vec(), ..one(base()) }, Refusal::Gap);
    check("gap", ZipWriter { gap: b"x".to_vec(), ..one(base()) }, Refusal::Gap);
    check("suffix", ZipWriter { suffix: b"x".to_vec(), ..one(base()) }, Refusal::NoEnd);
    check("comment", ZipWriter { comment: b"x".to_vec(), ..one(base()) }, Refusal::Comment);
    check("count", ZipWriter { count: Some(2), ..one(base()) }, Refusal::Directory);
    check("encrypted", one(ZipEntry { flags: 1, ..base() }), Refusal::Encrypted);
    check("patched", one(ZipEntry { flags: 0x20, ..base() }), Refusal::Flags);
    check("bzip2", one(ZipEntry { method: 12, ..base() }), Refusal::Method);
    check("local name", one(ZipEntry { local_name: Some(b"demo/b.py".to_vec()), ..base() }), Refusal::Disagreement);
    check("local sizes", one(ZipEntry { local_sizes: Some((1, 2, 3)), ..base() }), Refusal::Disagreement);
    check("stored size", one(ZipEntry { size: 4, ..ZipEntry::stored("a", b"abc") }), Refusal::StoredSize);
    check("false directory", one(ZipEntry::stored("a/", b"abc")), Refusal::DirectoryContents);
    check("junk after data", one(ZipEntry { trailer: b"junk".to_vec(), ..base() }), Refusal::Gap);
    check("past the end", one(ZipEntry { compressed: 1 << 20, ..base() }), Refusal::Overlap);
    check("bomb", one(ZipEntry { size: 1 << 31, ..base() }), Refusal::Bomb);
    check("bad descriptor", one(ZipEntry { flags: 8, trailer: vec![7; 12], ..base() }), Refusal::Descriptor);
    check("overlap", one(base()).entry(ZipEntry { offset: Some(0), ..base() }), Refusal::Overlap);
    check("duplicate", one(base()).entry(ZipEntry::deflated("demo/a.py", b"other")), Refusal::Duplicate);
    check("file and folder", one(base()).entry(ZipEntry::stored("demo/a.py/b", b"")), Refusal::FileAndDirectory);
    let second = |name: &[u8]| {
        let length = [5 + u8::try_from(name.len()).unwrap(), 0];
        [&b"\x75\x70"[..], &length, b"\x01\0\0\0\0", name].concat()
    };
    check("second name", one(ZipEntry { extra: second(b"z"), ..base() }), Refusal::Disagreement);
    check("local second name", one(ZipEntry { local_extra: second(b"z"), ..base() }), Refusal::Disagreement);
    let same = ZipEntry { extra: second(b"demo/a.py"), local_extra: second(b"demo/a.py"), ..base() };
    assert_eq!(directory(&one(same).build()).unwrap().len(), 1);
    check("broken extra", one(ZipEntry { extra: b"\x01".to_vec(), ..base() }), Refusal::Header);
}

#[test]
fn equal_duplicates_are_one_entry() {
    let archive = ZipWriter::default().entry(base()).entry(base());
    assert_eq!(directory(&archive.build()).unwrap().len(), 1);
}

#[test]
fn data_descriptors_are_read_in_all_forms() {
    let entry = base();
    let sizes = |wide: bool| {
        let mut bytes = entry.crc32.to_le_bytes().to_vec();
        for size in [entry.compressed, entry.size] {
            bytes.extend(&size.to_le_bytes()[..if wide { 8 } else { 4 }]);
        }
        bytes
    };
    for (signature, wide) in [(&b"PK\x07\x08"[..], false), (b"PK\x07\x08", true), (b"", false), (b"", true)] {
        let trailer = [signature, &sizes(wide)].concat();
        let deferred = ZipEntry { flags: 8, trailer, local_sizes: Some((0, 0, 0)), ..entry.clone() };
        let archive = ZipWriter::default().entry(deferred.clone()).entry(ZipEntry { name: b"b".to_vec(), ..deferred });
        assert_eq!(directory(&archive.build()).unwrap().len(), 2);
    }
}

#[test]
fn every_cut_and_every_flipped_byte_ends_in_a_value() {
    let wheel = Wheel::new("demo", "1.0").file("demo/a.py", b"a = 1\n").build();
    for length in 0..wheel.len() {
        assert!(directory(&wheel[..length]).is_err(), "cut at {length}");
    }
    for position in 0..wheel.len() {
        let mut broken = wheel.clone();
        broken[position] ^= 0x55;
        let Ok(entries) = directory(&broken) else { continue };
        for entry in entries {
            let _ = read_entry(&broken[..], &entry, 1 << 20);
        }
    }
}

#[test]
fn contents_must_be_what_the_headers_say() {
    let check = |what: &str, entry: ZipEntry, expect: Refusal| {
        let bytes = ZipWriter::default().entry(entry).build();
        let entries = directory(&bytes).unwrap();
        let error = read_entry(&bytes[..], &entries[0], 1 << 20).unwrap_err();
        assert_eq!(error.refusal(), Some(expect), "{what}: {error}");
    };
    let with = |stored: Vec<u8>| ZipEntry { compressed: stored.len() as u64, stored, ..base() };
    check("checksum", ZipEntry { crc32: 1, ..base() }, Refusal::Checksum);
    check("too short", ZipEntry { size: 5, ..base() }, Refusal::Size);
    check("too long", ZipEntry { size: 500, ..base() }, Refusal::Size);
    check("broken", with(vec![0xff; 13]), Refusal::Stream);
    check("trailing", with([base().stored, b"junk".to_vec()].concat()), Refusal::StreamEndsEarly);
    check("cut", with(base().stored[..8].to_vec()), Refusal::Stream);
}
