//! Small inputs that reach most of the reader, made in code.

use std::io::Write as _;

use flate2::{Compression, write::DeflateEncoder};
use wheelwright::testing::{Library, Wheel, Zip64End, ZipEntry, ZipWriter};

/// Wheels of every kind that is accepted, and some that are not.
pub fn wheels() -> Vec<(&'static str, Vec<u8>)> {
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

/// Deflate streams of every kind of block.
pub fn splices() -> Vec<(&'static str, Vec<u8>)> {
    let text = b"the quick brown fox jumps over the lazy dog, the lazy dog sleeps. ".repeat(20);
    let level = |level: u32| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(&text).and_then(|()| encoder.finish()).unwrap_or_default()
    };
    let mut flushed = DeflateEncoder::new(Vec::new(), Compression::new(6));
    for part in text.chunks(200) {
        flushed.write_all(part).and_then(|()| flushed.flush()).unwrap_or_default();
    }
    vec![
        ("stored", level(0)),
        ("fast", level(1)),
        ("small", level(9)),
        ("flushed", flushed.finish().unwrap_or_default()),
        ("empty", vec![3, 0]),
        ("empty-stored", vec![1, 0, 0, 0xff, 0xff]),
        ("empty-blocks", [[0, 0, 0, 0xff, 0xff].repeat(3), vec![2, 4, 0]].concat()),
    ]
}

/// Programs and libraries of every class and byte order.
pub fn libraries() -> Vec<(&'static str, Vec<u8>)> {
    let library = || {
        Library::new("libdemo.so.1")
            .needs("libc.so.6")
            .runpath("$ORIGIN/../lib")
            .requires("libc.so.6", &["GLIBC_2.34", "GLIBC_2.2.5"])
            .would_like("libm.so.6", "GLIBC_2.29")
            .provides("libdemo.so.1")
            .provides("DEMO_1.0")
            .defines("PyInit_demo")
            .undefined("printf")
            .undefined_weak("__gmon_start__")
    };
    vec![
        ("wide", library().build()),
        ("narrow", library().narrow().build()),
        ("big-endian", library().big_endian().build()),
        ("narrow-big-endian", library().narrow().big_endian().build()),
        ("program", Library::new("").interpreter("/lib64/ld-linux-x86-64.so.2").needs("libc.so.6").build()),
        ("plain", Library::new("").build()),
        ("hashed", library().gnu_hash().build()),
        ("narrow-big-endian-hashed", library().narrow().big_endian().gnu_hash().build()),
        ("old-path", library().rpath("/opt/lib").flags_1(0x800).build()),
    ]
}
