//! Any bytes as a program or library: refused, or read; in pieces the same as whole.

use wheelwright::{
    elf::{Collected, Collector, Detail, MEMORY_LIMIT, read, read_stream},
    testing::Library,
};

/// Reads `bytes` whole and in pieces, and far apart, so that nothing lies where it is expected.
pub(crate) fn elf(bytes: &[u8]) {
    for detail in [Detail::Linking, Detail::Symbols] {
        let whole = read(bytes, detail);
        for step in [1, 61, 4096] {
            let mut collector = Collector::new(detail);
            collector.begin(bytes.len() as u64);
            bytes.chunks(step).for_each(|piece| collector.write(piece));
            same(&whole, collector.finish());
        }
    }
    // A size that is not that of the bytes.
    let mut collector = Collector::new(Detail::Symbols);
    for size in [bytes.len() as u64 + 1, MEMORY_LIMIT * 2, u64::MAX] {
        collector.begin(size);
        collector.write(bytes);
        assert!(!matches!(collector.finish(), Collected::Elf(_)));
    }
    apart(bytes);
}

fn same(whole: &Result<Option<wheelwright::elf::Elf>, wheelwright::elf::Malformed>, found: Collected) {
    match (whole, found) {
        (Ok(None), Collected::Foreign) => {}
        (Ok(Some(elf)), Collected::Elf(found)) => assert_eq!(elf, &*found),
        (Err(expect), Collected::Malformed(found)) => assert_eq!(*expect, found),
        (whole, found) => panic!("{whole:?} {found:?}"),
    }
}

/// The same with 2 MiB behind it: more than is held whole.
fn apart(bytes: &[u8]) {
    let mut long = bytes.to_vec();
    long.resize(bytes.len() + (2 << 20), 0);
    let whole = read(&long, Detail::Symbols);
    let mut collector = Collector::new(Detail::Symbols);
    let found = read_stream(&mut collector, long.len() as u64, || Ok(&long[..])).expect("memory can be read");
    // A table may be asked for that is not needed in the end, and lie outside.
    if !matches!(found, Collected::Malformed(_)) || whole.is_ok() {
        same(&whole, found);
    }
}

/// Programs and libraries of every class and byte order.
pub(crate) fn libraries() -> Vec<(&'static str, Vec<u8>)> {
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
