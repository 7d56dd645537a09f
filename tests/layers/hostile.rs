//! Wheels made to hurt: each is refused by its own error, wherever on the way it shows, and leaves
//! nothing behind but the file that was downloaded.

use std::time::Instant;

use wheelwright::{
    layer::{LayerError, Threads, wheel::RecordCheck},
    testing::{Wheel, Zip64End, ZipEntry, ZipWriter},
    zip::Refusal,
};

use super::world::{World, refusal};

const TEXT: &[u8] = b"print('a')\n";

fn file() -> ZipEntry {
    ZipEntry::deflated("demo/a.py", TEXT)
}

fn named(name: &str) -> ZipEntry {
    ZipEntry { name: name.as_bytes().to_vec(), ..file() }
}

fn streamed(stored: Vec<u8>) -> ZipEntry {
    ZipEntry { compressed: stored.len() as u64, stored, ..file() }
}

fn with(entries: impl IntoIterator<Item = ZipEntry>) -> ZipWriter {
    entries.into_iter().fold(Wheel::new("demo", "1.0"), Wheel::raw).archive()
}

/// Lays the wheel down, which must fail, and must leave the store as it was.
fn fail(what: &str, wheel: &[u8]) -> LayerError {
    let world = World::new();
    let mut errors = [Threads::One, Threads::Two].map(|threads| {
        let Err(error) = world.lay(wheel, RecordCheck::Skip, threads) else { panic!("{what}: was accepted") };
        error
    });
    let files = world.files();
    // The wheel, the tag of the folder, and the lock.
    assert_eq!(files.len(), 3, "{what}: {files:?}");
    assert_eq!(errors[0].to_string(), errors[1].to_string(), "{what}");
    std::mem::replace(&mut errors[0], LayerError::Thread)
}

fn check(what: &str, wheel: &ZipWriter, expect: Refusal) {
    check_bytes(what, &wheel.build(), expect);
}

fn check_bytes(what: &str, wheel: &[u8], expect: Refusal) {
    let error = fail(what, wheel);
    assert_eq!(refusal(&error), Some(expect), "{what}: {error:?}");
}

#[test]
fn paths_out_of_the_tree() {
    for name in [
        "../../etc/passwd",
        "demo/../../../etc/passwd",
        "/etc/passwd",
        "..\\..\\windows",
        "demo/\0/../..",
        "./demo/a.py",
        "demo/a.py/.",
        "..",
        "",
        "/",
        "demo//a.py",
        "\u{202e}\u{0}",
        "demo/a\r\n.py",
        "demo-1.0.data/scripts/../../../etc/cron.d/x",
        "demo-1.0.data/data/../../etc/x",
    ] {
        check(name, &with([ZipEntry { flags: 0x0800, ..named(name) }]), Refusal::NamePath);
    }
    check("a component too long", &with([named(&"x".repeat(256))]), Refusal::NameLength);
    check("a path too long", &with([named(&"x/".repeat(3000))]), Refusal::NameLength);
    let unicode = |path: &[u8]| {
        let length = u16::try_from(path.len() + 5).unwrap().to_le_bytes();
        [b"\x75\x70", &length[..], b"\x01\0\0\0\0", path].concat()
    };
    let other = ZipEntry { extra: unicode(b"../../etc/passwd"), ..file() };
    check("another name in an extra field", &with([other]), Refusal::Disagreement);
    for (what, script) in [("a path as command", "../../etc/cron.d/x = a:b"), ("code as object", "x = a:b\\nimport os")]
    {
        let points = format!("[console_scripts]\n{script}\n");
        let points = ZipEntry::deflated("demo-1.0.dist-info/entry_points.txt", points.as_bytes());
        let error = fail(what, &with([points]).build());
        assert!(matches!(&error, LayerError::Metadata { file, .. } if file.ends_with("entry_points.txt")), "{error:?}");
    }
}

#[test]
fn headers_that_lie() {
    let local = |change: fn(&mut ZipEntry)| {
        let mut entry = file();
        change(&mut entry);
        with([entry])
    };
    check("local name", &local(|entry| entry.local_name = Some(b"demo/b.py".to_vec())), Refusal::Disagreement);
    check("local name, cut", &local(|entry| entry.local_name = Some(b"demo/a.p".to_vec())), Refusal::Disagreement);
    check("local flags", &local(|entry| entry.local_flags = Some(0x0800)), Refusal::Disagreement);
    check("local encryption", &local(|entry| entry.local_flags = Some(1)), Refusal::Disagreement);
    check("local method", &local(|entry| entry.local_method = Some(0)), Refusal::Disagreement);
    check("unknown local method", &local(|entry| entry.local_method = Some(99)), Refusal::Method);
    check("local extra field, cut", &local(|entry| entry.local_extra = vec![1, 0, 9]), Refusal::Header);
    check("local sizes of zero", &local(|entry| entry.local_sizes = Some((0, 0, 0))), Refusal::Disagreement);
    check("encrypted", &local(|entry| entry.flags = 1), Refusal::Encrypted);
    check("strongly encrypted", &local(|entry| entry.flags = 0x41), Refusal::Encrypted);
    check("masked headers", &local(|entry| entry.flags = 0x2000), Refusal::Encrypted);
    check("patched data", &local(|entry| entry.flags = 0x20), Refusal::Flags);
    for method in [1, 6, 9, 12, 14, 93, 95, 97, 99] {
        check("another method", &with([ZipEntry { method, ..file() }]), Refusal::Method);
    }
    check(
        "two sizes of a stored entry",
        &with([ZipEntry { size: 1, ..ZipEntry::stored("demo/x", b"abc") }]),
        Refusal::StoredSize,
    );
    check("a folder with contents", &with([ZipEntry::stored("demo/x/", b"abc")]), Refusal::DirectoryContents);
    let folder = ZipEntry { size: 0, crc32: 0, ..ZipEntry::deflated("demo/x/", b"abc") };
    check("a folder with a stream", &with([folder]), Refusal::DirectoryContents);
}

#[test]
fn data_descriptors_that_lie() {
    let sizes = |crc32: u32, compressed: u64, size: u64| {
        [b"PK\x07\x08", &crc32.to_le_bytes()[..], &compressed.to_le_bytes()[..4], &size.to_le_bytes()[..4]].concat()
    };
    let (crc32, compressed, size) = (file().crc32, file().compressed, file().size);
    let deferred = |trailer: Vec<u8>| ZipEntry { flags: 8, local_sizes: Some((0, 0, 0)), trailer, ..file() };
    check("checksum", &with([deferred(sizes(!crc32, compressed, size))]), Refusal::Descriptor);
    check("stored size", &with([deferred(sizes(crc32, compressed + 1, size))]), Refusal::Descriptor);
    check("size", &with([deferred(sizes(crc32, compressed, size + 1))]), Refusal::Descriptor);
    check("none", &with([deferred(Vec::new())]), Refusal::Descriptor);
    check("cut", &with([deferred(sizes(crc32, compressed, size)[..15].to_vec())]), Refusal::Descriptor);
    let twice = [sizes(crc32, compressed, size), sizes(crc32, compressed, size)].concat();
    check("two", &with([deferred(twice)]), Refusal::Descriptor);
    let stored = ZipEntry { flags: 8, local_sizes: Some((0, 0, 0)), ..ZipEntry::stored("demo/x", TEXT) };
    check("behind stored bytes", &with([stored]), Refusal::Descriptor);
    let half = ZipEntry { local_sizes: Some((crc32, 0, 0)), ..deferred(sizes(crc32, compressed, size)) };
    check("some fields deferred", &with([half]), Refusal::Disagreement);
}

#[test]
fn streams_that_lie() {
    let stored = file().stored;
    check("cut", &with([streamed(stored[..stored.len() - 2].to_vec())]), Refusal::StreamEndsLate);
    check("nothing", &with([streamed(Vec::new())]), Refusal::StreamEndsLate);
    check("no deflate", &with([streamed(vec![0xff; 64])]), Refusal::Stream);
    check("a reserved block", &with([streamed(vec![0x07; 64])]), Refusal::Stream);
    // A fixed block whose first symbol reaches back before the start.
    check("before its start", &with([streamed(vec![0x03 | 0x08 << 4, 0x00, 0x20, 0, 0])]), Refusal::Stream);
    check("two streams", &with([streamed(stored.repeat(2))]), Refusal::StreamEndsEarly);
    check("a byte behind", &with([streamed([&stored[..], &[0]].concat())]), Refusal::StreamEndsEarly);
    let endless = [[0, 0, 0, 0xff, 0xff].repeat(20_000), vec![3, 0]].concat();
    let empty = ZipEntry { size: 0, crc32: 0, ..streamed(endless.clone()) };
    let world = World::new();
    world.lay(&with([empty]).build(), RecordCheck::Skip, Threads::One).expect("empty blocks are a stream of nothing");
    check("only empty blocks, something declared", &with([streamed(endless)]), Refusal::Size);
    check("declared too short", &with([ZipEntry { size: 10, ..file() }]), Refusal::Size);
    check("declared empty", &with([ZipEntry { size: 0, ..file() }]), Refusal::Size);
    check("declared too long", &with([ZipEntry { size: 12, ..file() }]), Refusal::Size);
    check("checksum", &with([ZipEntry { crc32: 0, ..file() }]), Refusal::Checksum);
    check(
        "checksum of stored bytes",
        &with([ZipEntry { crc32: 0, ..ZipEntry::stored("demo/x", TEXT) }]),
        Refusal::Checksum,
    );
    check("checksum of nothing", &with([ZipEntry { crc32: 1, ..ZipEntry::stored("demo/x", b"") }]), Refusal::Checksum);
    // What would become a header if the tar went out of step.
    let injected = [&[b'x'; 512][..], &[0; 512]].concat();
    let injected =
        ZipEntry { size: 512, crc32: crc32fast::hash(&injected[..512]), ..ZipEntry::deflated("demo/x", &injected) };
    check("a header behind the contents", &with([injected]), Refusal::Size);
}

#[test]
fn bombs() {
    check("ratio of an entry", &with([ZipEntry { size: 1 << 31, ..file() }]), Refusal::Bomb);
    let size = 65 << 30;
    let compressed = file().compressed;
    let total = ZipEntry { zip64: Some((size, compressed)), size, ..file() };
    check("total", &with([total]), Refusal::TooLarge);
    let most = ZipEntry { zip64: Some((u64::MAX, compressed)), size: u64::MAX, ..file() };
    check("total that overflows", &with([most.clone(), ZipEntry { name: b"b".to_vec(), ..most }]), Refusal::TooLarge);
    // Two million zeros each, a thousand times: every ratio is honest deflate, together they are not.
    let zeros = ZipEntry::deflated("", &vec![0; 2_000_000]);
    let many = (0..1000).map(|index| ZipEntry { name: format!("demo/{index}").into_bytes(), ..zeros.clone() });
    check("ratio of the wheel", &with(many), Refusal::Bomb);
    // Inflates to two million bytes where eleven are declared: stopped at the first of them.
    let actual = ZipEntry { size: 11, name: b"demo/x".to_vec(), ..zeros.clone() };
    check("actual size", &with([actual]), Refusal::Size);
    let large = |name: &str, bytes: usize| ZipEntry::deflated(name, &vec![b' '; bytes]);
    check("huge entry points", &with([large("demo-1.0.dist-info/entry_points.txt", (1 << 20) + 1)]), Refusal::TooLarge);
    let mut record = Wheel::new("demo", "1.0").archive();
    *record.entries.last_mut().unwrap() = large("demo-1.0.dist-info/RECORD", (16 << 20) + 1);
    check("huge RECORD", &record, Refusal::TooLarge);
    let script = [b"#!python\n".to_vec(), vec![b'#'; 40 << 20]].concat();
    let script = ZipEntry::deflated("", &script);
    let scripts = [1, 2].map(|number| format!("demo-1.0.data/scripts/{number}").into_bytes());
    check("huge scripts", &with(scripts.map(|name| ZipEntry { name, ..script.clone() })), Refusal::TooLarge);
    let deep = (0..100).map(|index| ZipEntry::stored(&format!("{index}{}", "/x".repeat(2000)), b""));
    check("folders without end", &with(deep), Refusal::TooMany);
}

#[test]
fn archives_that_lie() {
    let whole = || with([file()]);
    check("bytes before", &ZipWriter { prefix: b"#!".to_vec(), ..whole() }, Refusal::Gap);
    check("bytes between", &with([ZipEntry { trailer: b"junk".to_vec(), ..file() }]), Refusal::Gap);
    check("bytes before the directory", &ZipWriter { gap: b"junk".to_vec(), ..whole() }, Refusal::Gap);
    check("bytes after", &ZipWriter { suffix: b"junk".to_vec(), ..whole() }, Refusal::NoEnd);
    check("an archive after", &ZipWriter { suffix: whole().build(), ..whole() }, Refusal::Directory);
    check("a comment", &ZipWriter { comment: b"x".to_vec(), ..whole() }, Refusal::Comment);
    check("several disks", &ZipWriter { disk: 1, ..whole() }, Refusal::Disks);
    check("count too high", &ZipWriter { count: Some(9), ..whole() }, Refusal::Directory);
    check("count too low", &ZipWriter { count: Some(3), ..whole() }, Refusal::Directory);
    check("directory too small", &ZipWriter { directory_size: Some(46), ..whole() }, Refusal::Directory);
    check("directory too early", &ZipWriter { directory_offset: Some(0), ..whole() }, Refusal::Directory);
    check("directory past the end", &ZipWriter { directory_offset: Some(u32::MAX - 1), ..whole() }, Refusal::Directory);
    check("entries overlap", &with([file(), ZipEntry { offset: Some(0), ..named("demo/b.py") }]), Refusal::Overlap);
    check("entries share bytes", &with([ZipEntry { compressed: 60, ..file() }, named("b")]), Refusal::Overlap);
    check("data past the end", &with([ZipEntry { compressed: 1 << 20, ..file() }]), Refusal::Overlap);
    check("offset into nowhere", &with([ZipEntry { offset: Some(u32::MAX - 9), ..file() }]), Refusal::Gap);
    check("extra field, cut", &with([ZipEntry { extra: vec![0; 3], ..file() }]), Refusal::Header);
    check_bytes("nothing", b"", Refusal::NoEnd);
    check_bytes("no archive", &[b'x'; 4096], Refusal::NoEnd);
    check_bytes("a cut archive", &whole().build()[..300], Refusal::NoEnd);
    let mut signature = whole().build();
    signature[0] = b'Q';
    check_bytes("a spoiled local signature", &signature, Refusal::Header);
}

#[test]
fn zip64_that_lies() {
    let end = |end: Zip64End| ZipWriter { zip64: Some(end), ..with([file()]) };
    let lie = Some(1);
    check("count", &end(Zip64End { count: lie, ..Zip64End::default() }), Refusal::Zip64);
    check(
        "count, alone",
        &ZipWriter { count: Some(u16::MAX), ..end(Zip64End { count: lie, ..Zip64End::default() }) },
        Refusal::Directory,
    );
    check("directory size", &end(Zip64End { directory_size: lie, ..Zip64End::default() }), Refusal::Zip64);
    check("directory offset", &end(Zip64End { directory_offset: lie, ..Zip64End::default() }), Refusal::Zip64);
    let most = Zip64End { directory_size: Some(u64::MAX), directory_offset: Some(u64::MAX), ..Zip64End::default() };
    let alone = ZipWriter { directory_size: Some(u32::MAX), directory_offset: Some(u32::MAX), ..end(most) };
    check("directory size and offset that overflow", &alone, Refusal::Directory);
    let many = ZipWriter { count: Some(u16::MAX), ..end(Zip64End { count: Some(u64::MAX), ..Zip64End::default() }) };
    check("more entries than atoms", &many, Refusal::TooMany);
    check("record elsewhere", &end(Zip64End { record_offset: lie, ..Zip64End::default() }), Refusal::Zip64);
    check("several disks", &end(Zip64End { disks: Some(2), ..Zip64End::default() }), Refusal::Zip64);
    check("hidden data", &end(Zip64End { extensible: vec![0; 8], ..Zip64End::default() }), Refusal::Zip64);
    check("announced, but not there", &ZipWriter { count: Some(u16::MAX), ..with([file()]) }, Refusal::Zip64);
    let (size, compressed) = (file().size, file().compressed);
    let wide = ZipEntry { zip64: Some((size, compressed)), ..file() };
    check(
        "local sizes",
        &with([ZipEntry { local_zip64: Some((size + 1, compressed)), ..wide.clone() }]),
        Refusal::Disagreement,
    );
    let missing = ZipEntry { compressed: u64::from(u32::MAX), size: u64::from(u32::MAX), ..file() };
    check("sizes announced, but not there", &with([missing]), Refusal::Zip64);
    let local = ZipEntry { local_sizes: Some((file().crc32, u32::MAX, u32::MAX)), ..file() };
    check("local sizes announced, but not there", &with([local]), Refusal::Zip64);
    let twice = ZipEntry { extra: [&[1, 0, 16, 0][..], &[0; 16]].concat(), ..wide };
    check("two fields", &with([twice]), Refusal::Header);
}

#[test]
fn names_that_are_taken() {
    let other = ZipEntry::deflated("demo/a.py", b"other");
    check("twice", &with([file(), other]), Refusal::Duplicate);
    check("twice, of one size", &with([file(), ZipEntry::stored("demo/a.py", b"print('b')\n")]), Refusal::Duplicate);
    check("file and folder", &with([file(), named("demo/a.py/b")]), Refusal::FileAndDirectory);
    check("folder far behind", &with([named("x"), named("x!"), named("x-y"), named("x/y")]), Refusal::FileAndDirectory);
    let name = "demo-1.0.data/purelib/demo-1.0.dist-info/INSTALLER";
    let error = fail("its own INSTALLER", &with([named(name)]).build());
    assert!(matches!(error, LayerError::Clash { .. }), "its own INSTALLER: {error:?}");
    let error = fail("a whiteout", &with([named("demo/.wh..wh..opq")]).build());
    assert!(matches!(error, LayerError::Path { .. }), "{error:?}");
}

/// What is refused, or laid down, must not take longer than its size warrants.
#[test]
fn nothing_takes_forever() {
    let deep = |count: usize| {
        let folder = "x/".repeat(1500);
        with((0..count).map(|index| ZipEntry::stored(&format!("{folder}{index}"), b""))).build()
    };
    let start = Instant::now();
    World::new().lay(&deep(600), RecordCheck::Skip, Threads::One).expect("deep names are only deep");
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}
