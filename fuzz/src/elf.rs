//! Any bytes as a program or library: refused, or read; in pieces the same as whole.

use wheelwright::elf::{Collected, Collector, Detail, MEMORY_LIMIT, read, read_stream};

/// Reads `bytes` whole and in pieces, and far apart, so that nothing lies where it is expected.
pub fn elf(bytes: &[u8]) {
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
