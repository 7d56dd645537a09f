//! What is read of files made in code, whole and in pieces, sound and hostile.

use super::*;
use crate::testing::Library;

fn library() -> Library {
    Library::new("libdemo.so.1")
        .needs("libc.so.6")
        .needs("libm.so.6")
        .runpath("$ORIGIN/../lib")
        .rpath("/opt/lib")
        .flags_1(0x800)
        .requires("libc.so.6", &["GLIBC_2.34", "GLIBC_2.2.5"])
        .requires("libm.so.6", &["GLIBC_2.29"])
        .would_like("libc.so.6", "GLIBC_ABI_DT_RELR")
        .provides("libdemo.so.1")
        .provides("DEMO_1.0")
        .defines("demo")
        .defines("PyInit_demo")
        .undefined("printf")
        .undefined_weak("__gmon_start__")
}

fn object(file: &[u8]) -> Object {
    read(file, Detail::Linking).unwrap().unwrap().object
}

/// Through a collector, in pieces of `step` bytes; with how often it had to stream by.
fn collect(file: &[u8], step: usize, detail: Detail) -> (Collected, usize) {
    let mut collector = Collector::new(detail);
    collector.begin(file.len() as u64);
    for round in 1.. {
        for piece in file.chunks(step) {
            collector.write(piece);
        }
        let held: usize = collector.parts_held();
        assert!(held as u64 <= MEMORY_LIMIT, "{held}");
        match collector.finish() {
            Collected::Unread(unread) => collector.again(file.len() as u64, &unread),
            other => return (other, round),
        }
    }
    unreachable!("the collector gives up by itself")
}

#[test]
fn every_class_and_order_says_the_same() {
    for (file, class, order) in [
        (library(), Class::Elf64, Order::Little),
        (library().narrow(), Class::Elf32, Order::Little),
        (library().big_endian(), Class::Elf64, Order::Big),
        (library().narrow().big_endian(), Class::Elf32, Order::Big),
    ] {
        let elf = read(&file.build(), Detail::Symbols).unwrap().unwrap();
        let Object { requires, .. } = &elf.object;
        let shown: Vec<_> = requires
            .iter()
            .flat_map(|required| required.versions.iter().map(|version| (required.file.as_str(), version)))
            .map(|(file, version)| format!("{file} {}{}", version.name, if version.weak { " weak" } else { "" }))
            .collect();
        assert_eq!(
            shown,
            [
                "libc.so.6 GLIBC_2.34",
                "libc.so.6 GLIBC_2.2.5",
                "libm.so.6 GLIBC_2.29",
                "libc.so.6 GLIBC_ABI_DT_RELR weak"
            ]
        );
        let expect = Object {
            class,
            order,
            machine: 62,
            kind: Kind::Shared,
            interpreter: None,
            soname: Some("libdemo.so.1".to_owned()),
            needed: ["libc.so.6", "libm.so.6"].map(str::to_owned).to_vec(),
            rpath: Some("/opt/lib".to_owned()),
            runpath: Some("$ORIGIN/../lib".to_owned()),
            no_default_folders: true,
            requires: requires.clone(),
            provides: ["libdemo.so.1", "DEMO_1.0"].map(str::to_owned).to_vec(),
            dynamic: true,
        };
        assert_eq!(elf.object, expect);
        assert!(elf.is_extension_module("site/demo.abi3.so") && !elf.is_extension_module("site/other.so"));
        let mut defined = [symbol_hash(b"demo"), symbol_hash(b"PyInit_demo")].to_vec();
        defined.sort_unstable();
        let symbols = elf.symbols.unwrap();
        assert_eq!(symbols.defined, defined);
        assert_eq!(symbols.undefined.iter().collect::<Vec<_>>(), ["printf"]);
    }
}

#[test]
fn notes_are_short_and_read_back() {
    let objects = [object(&library().build()), object(&Library::new("").interpreter("/lib/ld.so").build())];
    let note = serde_json::to_string(&objects).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Object>>(&note).unwrap(), objects);
    let short =
        r#"{"class":"elf64","order":"little","machine":62,"kind":"shared","interpreter":"/lib/ld.so","dynamic":true}"#;
    assert_eq!(serde_json::to_string(&objects[1]).unwrap(), short);
    assert!(objects[1].is_program() && !objects[0].is_program());
    let elf = read(&library().build(), Detail::Symbols).unwrap().unwrap();
    let back: Elf = serde_json::from_str(&serde_json::to_string(&elf).unwrap()).unwrap();
    let (back, kept) = (back.symbols.unwrap(), elf.symbols.unwrap());
    assert_eq!(back.undefined, kept.undefined);
    // Hashes are kept elsewhere.
    assert!(back.defined.is_empty() && kept.defined.len() == 2);
}

#[test]
fn hashes_that_a_file_has_are_those_of_its_names() {
    for library in [library(), library().narrow(), library().big_endian()] {
        let plain = read(&library.build(), Detail::Symbols).unwrap();
        assert_eq!(read(&library.gnu_hash().build(), Detail::Symbols).unwrap(), plain);
    }
    // Names that differ in the last bit do.
    let pair = Library::new("libx.so").defines("f0").defines("f1").defines("g").gnu_hash().build();
    let mut expect = ["f0", "f1", "g"].map(|name| symbol_hash(name.as_bytes()));
    expect.sort_unstable();
    assert_eq!(read(&pair, Detail::Symbols).unwrap().unwrap().symbols.unwrap().defined, expect);
    // As in glibc's own test of it.
    assert_eq!(symbol_hash(b"printf"), 0x156b_2bb8);
    assert_eq!(symbol_hash(b"flapenguin.me"), 0x8ae9_f18e);
    // Where nothing is defined, nothing says how many symbols there are.
    let none = Library::new("libx.so").undefined("f").gnu_hash().build();
    assert!(read(&none, Detail::Symbols).unwrap().unwrap().symbols.unwrap().defined.is_empty());
}

#[test]
fn in_pieces_it_is_the_same_file() {
    for file in [
        library().build(),
        library().gnu_hash().padding(3 << 20).build(),
        library().padding(3 << 20).build(),
        library().narrow().padding(70 << 20).build(),
        // Names far behind the dynamic section, as patchelf puts them.
        library().padding(70 << 20).apart(90 << 20).build(),
        // Symbols that all look alike are no relocations.
        (0..500).fold(library(), |more, number| more.undefined(&format!("f{number}"))).padding(3 << 20).build(),
        Library::new("").interpreter("/lib64/ld-linux-x86-64.so.2").needs("libc.so.6").build(),
        b"#!/usr/bin/python3\n".repeat(1000),
        b"\x7fELF".to_vec(),
        Vec::new(),
    ] {
        let expect = read(&file, Detail::Symbols).unwrap();
        for step in [1 << 16, 5000].into_iter().chain((file.len() < 100_000).then_some(1)) {
            let (found, rounds) = collect(&file, step, Detail::Symbols);
            assert_eq!(rounds, 1);
            match (&expect, found) {
                (None, Collected::Foreign) => {}
                (Some(elf), Collected::Elf(found)) => assert_eq!(elf, &*found),
                (expect, found) => panic!("{expect:?} {found:?}"),
            }
        }
    }
}

#[test]
fn nothing_is_held_of_what_stands_behind_the_first_relocations() {
    let plain = library().padding(70 << 20).build();
    let expect = read(&plain, Detail::Symbols).unwrap().unwrap();
    let held = |file: &[u8], step: usize| {
        let mut collector = Collector::new(Detail::Symbols);
        collector.begin(file.len() as u64);
        let mut most = 0;
        for piece in file.chunks(step) {
            collector.write(piece);
            most = most.max(collector.parts_held());
        }
        assert_eq!(collector.finish(), Collected::Elf(Box::new(expect.clone())));
        most
    };
    // Code, data and tables in one segment: much has to be held, in case.
    assert!(held(&plain, 1 << 17) > 40 << 20);
    for (kind, phase, step) in [(8_u64, 0, 1 << 17), (1027, 8, 5000), (8, 16, 1000)] {
        let mut file = plain.clone();
        let start = (dynamic_section(&file).0 - (70 << 20)).next_multiple_of(8) + (1 << 20) + phase;
        for number in 0..100 {
            let entry = [(BASE_OF_DATA + number as u64 * 8).to_le_bytes(), kind.to_le_bytes(), [1; 8]].concat();
            file[start + number * 24..][..24].copy_from_slice(&entry);
        }
        let most = held(&file, step);
        assert!(most < 13 << 20, "{most}");
    }
    // Few of them, other ones among them, or in another order: those may be anything.
    for (count, kind, place) in [(20, 8, 8), (100, 1 << 40, 8), (100, 0, 8), (100, 8, 0)] {
        let mut file = plain.clone();
        let start = (dynamic_section(&file).0 - (70 << 20)).next_multiple_of(8) + (1 << 20);
        for number in 0..count {
            let entry = [BASE_OF_DATA + number as u64 * place, kind, 1].map(u64::to_le_bytes).concat();
            file[start + number * 24..][..24].copy_from_slice(&entry);
        }
        assert!(held(&file, 1 << 17) > 40 << 20);
    }
}

/// Where writable data may be loaded.
const BASE_OF_DATA: u64 = 0x40_0000;

#[test]
fn what_lies_where_nothing_was_expected_is_read_again() {
    // The names stand before the dynamic section, and behind what is held of the beginning.
    let mut file = library().apart(60 << 20).build();
    let (place, size) = dynamic_section(&file);
    let end = file.len() + (20 << 20);
    file.resize(end, 0);
    file.extend_from_within(place..place + size);
    file[64 + 56 + 8..64 + 56 + 16].copy_from_slice(&(end as u64).to_le_bytes());
    let expect = read(&file, Detail::Symbols).unwrap().unwrap();
    let (found, rounds) = collect(&file, 1 << 20, Detail::Symbols);
    assert_eq!(found, Collected::Elf(Box::new(expect)));
    assert_eq!(rounds, 2);
    let mut collector = Collector::new(Detail::Symbols);
    collector.begin(file.len() as u64);
    collector.write(&file);
    assert_eq!(collector.finish().settled(), Some(Err(Malformed::Scattered)), "where there is no second time");
}

#[test]
fn a_table_of_nothing_is_not_looked_for() {
    let mut file = library().build()[..64].to_vec();
    file.resize(2 << 20, 0);
    let mut put = |at: usize, words: &[u64]| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        file[at..at + bytes.len()].copy_from_slice(&bytes);
    };
    // Two program headers of 56 bytes: a segment that is loaded, and the dynamic section.
    put(32, &[64]);
    put(52, &[64 | 56 << 16 | 2 << 32]);
    put(64, &[1 | 4 << 32, 1 << 20, 0x1_0000, 0x1_0000, 0x200, 0x200, 8]);
    put(120, &[2 | 4 << 32, 0x100, 0x100, 0x100, 0x40, 0x40, 8]);
    // No names, a hash table that knows of no symbol, and symbols.
    put(0x100, &[5, 0x1_0010, 10, 0, 4, 0x1_0080, 6, 0x1_0100]);
    let expect = read(&file, Detail::Symbols).unwrap().unwrap();
    assert!(expect.symbols.as_ref().unwrap().defined.is_empty());
    let (found, rounds) = collect(&file, 4096, Detail::Symbols);
    assert_eq!(found, Collected::Elf(Box::new(expect)));
    assert_eq!(rounds, 1);
}

/// Where the dynamic section of `file` lies, and how long it is.
fn dynamic_section(file: &[u8]) -> (usize, usize) {
    let word = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    let segment = 64 + 56;
    (usize::try_from(word(segment + 8)).unwrap(), usize::try_from(word(segment + 32)).unwrap())
}

#[test]
fn headers_further_behind_are_followed() {
    // The tables stand behind what is held of the beginning, the dynamic section before them.
    let file = library().build();
    let place = 60 << 20;
    let mut moved = file[..64].to_vec();
    moved.resize(place, 0);
    moved.extend(&file[64..176]);
    moved.resize(place + 4096, 0);
    moved.extend(&file);
    moved.resize(place + (30 << 20), 0);
    moved[32..40].copy_from_slice(&(place as u64).to_le_bytes());
    // Both segments lie further behind.
    for offset in [place + 8, place + 56 + 8] {
        let old = u64::from_le_bytes(moved[offset..offset + 8].try_into().unwrap());
        moved[offset..offset + 8].copy_from_slice(&(old + place as u64 + 4096).to_le_bytes());
    }
    let expect = read(&moved, Detail::Symbols).unwrap().unwrap();
    assert_eq!(expect.object, object(&file));
    let (found, rounds) = collect(&moved, 1 << 20, Detail::Symbols);
    assert_eq!(found, Collected::Elf(Box::new(expect.clone())));
    assert_eq!(rounds, 1, "each thing says where the next one is");
    let mut collector = Collector::new(Detail::Symbols);
    let streamed = read_stream(&mut collector, moved.len() as u64, || Ok(&moved[..])).unwrap();
    assert_eq!(streamed, Collected::Elf(Box::new(expect)));
}

#[test]
fn cut_files_are_malformed_and_never_more() {
    let file = library().build();
    for length in 64..file.len() {
        assert_eq!(read(&file[..length], Detail::Symbols), Err(Malformed::Truncated), "{length}");
    }
    let (found, _) = collect(&file[..file.len() - 1], 100, Detail::Linking);
    assert_eq!(found, Collected::Malformed(Malformed::Truncated));
}

#[test]
fn every_byte_may_be_anything() {
    for file in [library().build(), library().narrow().big_endian().build()] {
        for position in 0..file.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut changed = file.clone();
                changed[position] = value;
                let whole = read(&changed, Detail::Symbols);
                let (collected, _) = collect(&changed, 97, Detail::Symbols);
                match (whole, collected) {
                    (Ok(None), Collected::Foreign) => {}
                    (Ok(Some(elf)), Collected::Elf(found)) => assert_eq!(elf, *found),
                    (Err(expect), Collected::Malformed(found)) => assert_eq!(expect, found),
                    (whole, collected) => panic!("{position}: {whole:?} {collected:?}"),
                }
            }
        }
    }
}

/// `file` with `bytes` where `before` stands.
fn with(file: &[u8], before: &[u8], bytes: &[u8]) -> Vec<u8> {
    let place = file.windows(before.len()).position(|window| window == before).expect("it stands there");
    let mut changed = file.to_vec();
    changed[place..place + bytes.len()].copy_from_slice(bytes);
    changed
}

#[test]
fn hostile_files_are_refused() {
    let file = library().build();
    let tag = |tag: u64| tag.to_le_bytes();
    let value = |tag: u64, value: u64| [tag.to_le_bytes(), value.to_le_bytes()].concat();
    let check = |changed: Vec<u8>, expect: Malformed| {
        assert_eq!(read(&changed, Detail::Symbols), Err(expect));
    };
    // A name that lies outside, and a string table that does.
    check(with(&file, &tag(14), &value(14, 1 << 40)), Malformed::Name);
    check(with(&file, &value(10, u64::from(names_size(&file))), &value(10, u64::MAX)), Malformed::Dynamic);
    // A table that is not loaded, and one that wraps around.
    check(with(&file, &[tag(6).as_slice(), &[]].concat(), &value(6, u64::MAX)), Malformed::Dynamic);
    // Needed versions that lead outside.
    let first = [1_u16, 2].map(u16::to_le_bytes).concat();
    let place = file.windows(4).rposition(|window| window == first).expect("two versions are needed");
    for (offset, word) in [(8, u32::MAX), (12, u32::MAX), (4, u32::MAX)] {
        let mut changed = file.clone();
        changed[place + offset..place + offset + 4].copy_from_slice(&word.to_le_bytes());
        let expect = if offset == 4 { Malformed::Name } else { Malformed::Versions };
        check(changed, expect);
    }
    // More symbols than there is room for.
    let hash = [1_u32, 5].map(u32::to_le_bytes).concat();
    check(with(&file, &hash, &[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]), Malformed::Symbols);
    // A dynamic section, program headers and an interpreter of absurd sizes.
    let mut many = file.clone();
    many[56..58].copy_from_slice(&u16::MAX.to_le_bytes());
    check(many, Malformed::Segments);
    let mut odd = file.clone();
    odd[54] = 57;
    check(odd, Malformed::Segments);
    let mut endless = file;
    endless[64 + 56 + 32..64 + 56 + 40].copy_from_slice(&u64::MAX.to_le_bytes());
    check(endless, Malformed::Dynamic);
}

fn names_size(file: &[u8]) -> u32 {
    let names = file.windows(14).position(|window| window == b"\0libdemo.so.1\0").expect("the names begin so");
    u32::try_from(file.len() - names).unwrap()
}

#[test]
fn the_same_names_over_and_over_are_too_much() {
    let name = "x".repeat(100_000);
    let mut many = Library::new("");
    for _ in 0..20 {
        many = many.needs(&name);
    }
    assert_eq!(read(&many.build(), Detail::Linking), Err(Malformed::TooMuch));
}

#[test]
fn symbols_are_counted_by_either_hash() {
    // nbuckets 2, first symbol 3, one word of bloom, buckets 3 and 4, chain of 4: two more.
    let words = [2_u32, 3, 1, 0, 0, 0, 3, 4, 1, 8, 10, 11];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let numbers = header::Numbers { class: Class::Elf64, order: Order::Little };
    let count = |bytes| symbols::Hash::read(dynamic::Table { numbers, bytes }, true).map(|hash| hash.count());
    assert_eq!(count(&bytes), Ok(Some(7)));
    assert_eq!(count(&bytes[..44]), Err(Malformed::Symbols), "the chain does not end");
    assert_eq!(count(&bytes[..28]), Err(Malformed::Symbols), "buckets are missing");
    let empty: Vec<u8> = [1_u32, 1, 1, 0, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(count(&empty), Ok(None));
}
