//! What installers disagree about. Each row is a wheel on which pip, uv and pypa/installer were seen to
//! do different things, or something dangerous alike; the row says what happens here, and why where
//! that is not obvious.

use wheelwright::{
    layer::wheel::RecordCheck,
    testing::{Wheel, Zip64End, ZipEntry, ZipWriter},
    zip::Refusal,
};

use super::world::{SITE, Tree, refusal, unpacked};

/// The answer to a hazard.
enum Answer {
    /// Laid down, and then these paths (below site-packages unless they begin with `/`) have this mode
    /// and these contents; without contents, the path is not there.
    Has(&'static [(&'static str, Option<(u32, &'static [u8])>)]),
    Refused(Refusal),
    /// Refused by the installation, with these words in the message.
    Malformed(&'static str),
}

use Answer::{Has, Malformed, Refused};

const TEXT: &[u8] = b"print('a')\n";

fn file() -> ZipEntry {
    ZipEntry::deflated("demo/a.py", TEXT)
}

fn named(name: &str) -> ZipEntry {
    ZipEntry { name: name.as_bytes().to_vec(), flags: 0x0800, ..file() }
}

/// A wheel that holds `entries` besides its metadata.
fn with(entries: impl IntoIterator<Item = ZipEntry>) -> ZipWriter {
    entries.into_iter().fold(Wheel::new("demo", "1.0"), Wheel::raw).archive()
}

fn with_file(path: &str, mode: u32) -> ZipWriter {
    with([ZipEntry::deflated(path, TEXT).mode(mode)])
}

fn check(what: &str, wheel: &ZipWriter, answer: &Answer) {
    check_record(what, wheel, RecordCheck::Skip, answer);
}

fn check_record(what: &str, wheel: &ZipWriter, record: RecordCheck, answer: &Answer) {
    match (unpacked(&wheel.build(), record), answer) {
        (Ok(tree), Has(expect)) => expect.iter().for_each(|(path, expect)| holds(what, &tree, path, *expect)),
        (Err(error), Refused(expect)) => assert_eq!(refusal(&error), Some(*expect), "{what}: {error:?}"),
        (Err(error), Malformed(words)) => assert!(error.to_string().contains(words), "{what}: {error}"),
        (Ok(_), _) => panic!("{what}: was accepted"),
        (Err(error), Has(_)) => panic!("{what}: {error:?}"),
    }
}

fn holds(what: &str, tree: &Tree, path: &str, expect: Option<(u32, &[u8])>) {
    let path = path.strip_prefix('/').map_or_else(|| format!("{SITE}{path}"), str::to_owned);
    let found = tree.get(&path).map(|(mode, contents)| (*mode, contents.as_slice()));
    assert_eq!(found, expect, "{what}: {path} among {:?}", tree.keys());
}

const A: Answer = Has(&[("demo/a.py", Some((0o644, TEXT)))]);

#[test]
fn contents() {
    let trailing = [file().stored, b"more".to_vec()].concat();
    let trailing = ZipEntry { compressed: trailing.len() as u64, stored: trailing, ..file() };
    check("bytes after the deflate stream", &with([trailing]), &Refused(Refusal::StreamEndsEarly));
    // pip cuts the file to what was declared; in a tar the rest would be read as headers.
    let prefix = ZipEntry { size: 5, crc32: crc32fast::hash(&TEXT[..5]), ..file() };
    check("declared shorter, checksum of the prefix", &with([prefix]), &Refused(Refusal::Size));
    check("declared longer", &with([ZipEntry { size: 500, ..file() }]), &Refused(Refusal::Size));
    check("wrong checksum", &with([ZipEntry { crc32: 1, ..file() }]), &Refused(Refusal::Checksum));
    check("stored", &with([ZipEntry::stored("demo/a.py", TEXT)]), &A);
    let large: &'static [u8] = vec![b'x'; 200_000].leak();
    let stored = with([ZipEntry::stored("demo/large", large)]);
    let tree = unpacked(&stored.build(), RecordCheck::Skip).unwrap();
    holds("stored, longer than a block", &tree, "demo/large", Some((0o644, large)));
    check("encrypted", &with([ZipEntry { flags: 1, ..file() }]), &Refused(Refusal::Encrypted));
}

#[test]
fn two_headers() {
    let (crc32, compressed, size) = (file().crc32, 11, 11);
    let local = |sizes| with([ZipEntry { local_sizes: Some(sizes), ..file() }]);
    check("local checksum", &local((crc32 ^ 1, compressed, size)), &Refused(Refusal::Disagreement));
    check("local sizes", &local((crc32, compressed + 1, size + 1)), &Refused(Refusal::Disagreement));
    let name = ZipEntry { local_name: Some(b"demo/b.py".to_vec()), ..file() };
    check("local name", &with([name]), &Refused(Refusal::Disagreement));
    let central = ZipEntry { crc32: 1, local_sizes: Some((crc32, size, compressed)), ..file() };
    check("central checksum", &with([central]), &Refused(Refusal::Disagreement));
    let descriptor = |crc32: u32| {
        let sizes = [file().compressed, file().size].map(|size| u32::try_from(size).unwrap());
        let trailer = [crc32, sizes[0], sizes[1]].map(u32::to_le_bytes).concat();
        with([ZipEntry { flags: 8, local_sizes: Some((0, 0, 0)), trailer, ..file() }])
    };
    check("data descriptor", &descriptor(crc32), &A);
    check("data descriptor that lies", &descriptor(crc32 ^ 1), &Refused(Refusal::Descriptor));
    let wide = ZipEntry { zip64: Some((file().size, file().compressed)), ..file() };
    check("zip64 sizes", &with([wide]), &A);
    check("zip64 end", &ZipWriter { zip64: Some(Zip64End::default()), ..with([file()]) }, &A);
}

#[test]
fn names() {
    for (what, name) in [
        ("equal after normalising", "demo/./a.py"),
        ("doubled slash", "demo//a.py"),
        ("parent", "../a.py"),
        ("parent inside", "demo/../a.py"),
        ("absolute", "/etc/passwd"),
        ("backslash", "demo\\a.py"),
        ("drive", "C:\\a.py"),
        ("control character", "demo/a\u{7}.py"),
        ("escape sequence", "demo/\u{1b}[2Ja.py"),
        ("NUL", "demo/a.py\0.txt"),
    ] {
        check(what, &with([named(name)]), &Refused(Refusal::NamePath));
    }
    let unmarked = ZipEntry { flags: 0, ..named("demo/é.py") };
    check("UTF-8 that is not marked", &with([unmarked]), &Refused(Refusal::NameEncoding));
    check("marked UTF-8", &with([named("demo/é.py")]), &Has(&[("demo/é.py", Some((0o644, TEXT)))]));
    let marked = ZipEntry { name: b"demo/\xff.py".to_vec(), ..named("x") };
    check("no UTF-8, but marked", &with([marked]), &Refused(Refusal::NameEncoding));
    // `.wh.` deletes files of lower layers when a container engine unpacks it.
    check("whiteout", &with([named("demo/.wh.a.py")]), &Malformed("cannot stand in a layer"));
}

#[test]
fn names_together() {
    check("twice, the same", &with([file(), file()]), &A);
    let other = ZipEntry::deflated("demo/a.py", b"other");
    check("twice, different", &with([file(), other]), &Refused(Refusal::Duplicate));
    check("file and folder", &with([file(), named("demo/a.py/b")]), &Refused(Refusal::FileAndDirectory));
    let folder = ZipEntry::stored("demo/a.py/", b"");
    check("file and folder entry", &with([file(), folder]), &Refused(Refusal::FileAndDirectory));
    // Both: Linux keeps both, as every installer does.
    let cases = Has(&[("demo/a.py", Some((0o644, TEXT))), ("demo/A.py", Some((0o644, TEXT)))]);
    check("differ in case only", &with([file(), named("demo/A.py")]), &cases);
    // Folders are made for the files in them; a folder of its own leaves nothing, as with pip.
    check("empty folder", &with([ZipEntry::stored("demo/empty/", b"")]), &Has(&[("demo/empty/", None)]));
    let joined = with([file(), ZipEntry::deflated("demo-1.0.data/purelib/demo/a.py", b"other")]);
    check("two schemes, one path", &joined, &Malformed("comes from both"));
    let below = with([named("demo-1.0.data/purelib/x"), named("x/y")]);
    check("two schemes, file and folder", &below, &Malformed("cannot stand in a layer"));
    let scheme = with([named("demo-1.0.data/purelib")]);
    check("a file in place of a scheme's folder", &scheme, &Malformed("demo-1.0.data/purelib"));
    let covers = with([named("demo-1.0.data/data/lib")]);
    check("a file in place of a folder of the base", &covers, &Malformed("cannot stand in a layer"));
}

#[test]
fn modes() {
    let plain: &Answer = &A;
    let executable = &Has(&[("demo/a.py", Some((0o755, TEXT)))]);
    check("0600", &with_file("demo/a.py", 0o100_600), plain);
    check("0755", &with_file("demo/a.py", 0o100_755), executable);
    check("one execute bit", &with_file("demo/a.py", 0o100_601), executable);
    check("set-user-id", &with_file("demo/a.py", 0o104_755), executable);
    check("world-writable", &with_file("demo/a.py", 0o100_666), plain);
    // Like pip: without a file type the bits may be anything.
    check("0755 without a type", &with_file("demo/a.py", 0o755), plain);
    check("no mode", &with_file("demo/a.py", 0), plain);
    // Like pip: the link's text as contents. A link out of the tree never comes to be.
    check("symbolic link", &with_file("demo/a.py", 0o120_777), plain);
    check("device", &with_file("demo/a.py", 0o020_666), plain);
    let script = with([ZipEntry::deflated("demo-1.0.data/scripts/run", b"#!python\nprint()\n")]);
    let rewritten = Has(&[("/usr/bin/run", Some((0o755, b"#!/usr/bin/python3\nprint()\n")))]);
    check("script without an execute bit", &script, &rewritten);
}

#[test]
fn around_the_archive() {
    let whole = || with([file()]);
    check("bytes before", &ZipWriter { prefix: b"#!/bin/sh\n".to_vec(), ..whole() }, &Refused(Refusal::Gap));
    check("bytes after", &ZipWriter { suffix: b"\n".to_vec(), ..whole() }, &Refused(Refusal::NoEnd));
    check("a comment", &ZipWriter { comment: b"c".to_vec(), ..whole() }, &Refused(Refusal::Comment));
    let inner = Wheel::new("demo", "1.0").build();
    check("an archive as comment", &ZipWriter { comment: inner, ..whole() }, &Refused(Refusal::Directory));
    check("count too low", &ZipWriter { count: Some(1), ..whole() }, &Refused(Refusal::Directory));
    let extensible = Zip64End { extensible: b"hidden".to_vec(), ..Zip64End::default() };
    check("extensible data", &ZipWriter { zip64: Some(extensible), ..whole() }, &Refused(Refusal::Zip64));
    let hidden = ZipWriter { entries: vec![file()], ..ZipWriter::default() }.build();
    let unlisted = ZipWriter { gap: hidden[..30 + 9 + 13].to_vec(), ..whole() };
    check("an entry that the directory lacks", &unlisted, &Refused(Refusal::Gap));
}

#[test]
fn records() {
    let wheel = |record: &[u8]| Wheel::new("demo", "1.0").file("demo/a.py", TEXT).record(record).archive();
    let whole = Wheel::new("demo", "1.0").file("demo/a.py", TEXT);
    let text = |line: &str| {
        let others = ["METADATA", "WHEEL"].map(|file| {
            let archive = whole.archive();
            let name = format!("demo-1.0.dist-info/{file}");
            let entry = archive.entries.into_iter().find(|entry| entry.name == name.as_bytes()).unwrap();
            let mut contents = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::DeflateDecoder::new(&entry.stored[..]), &mut contents)
                .unwrap();
            format!("{name},{},{}\n", hash(&contents), contents.len())
        });
        format!("{line}{}demo-1.0.dist-info/RECORD,,\n", others.concat()).into_bytes()
    };
    let honest = format!("demo/a.py,{},11\n", hash(TEXT));
    let skip = |what: &str, record: &[u8], answer: &Answer| check(what, &wheel(record), answer);
    let verify = |what: &str, record: &[u8], answer: &Answer| {
        check_record(what, &wheel(record), RecordCheck::Verify, answer);
    };
    verify("true", &text(&honest), &A);
    // pip and uv do not look: neither is the default to.
    let wrong = format!("demo/a.py,{},11\n", hash(b"other"));
    skip("wrong hash, not asked", &text(&wrong), &A);
    verify("wrong hash", &text(&wrong), &Refused(Refusal::Record));
    skip("not listed, not asked", &text(""), &A);
    verify("not listed", &text(""), &Malformed("does not list it"));
    verify("no hash", &text("demo/a.py,,\n"), &Malformed("has no SHA-256"));
    verify("wrong size", &text(&honest.replace(",11", ",12")), &Malformed("another size"));
    verify("a file that is missing", &text(&format!("{honest}demo/gone.py,{},0\n", hash(b""))), &A);
    skip("no list", b"\xff", &Malformed("RECORD"));
}

#[test]
fn a_rewritten_script_is_held_against_the_record_as_it_came() {
    let script = |record: Option<&str>| {
        let wheel = Wheel::new("demo", "1.0").file("demo-1.0.data/scripts/run", b"#!python\n");
        match record {
            Some(other) => {
                Wheel::new("demo", "1.0").raw(ZipEntry::deflated("demo-1.0.data/scripts/run", other.as_bytes()))
            }
            None => wheel,
        }
        .archive()
    };
    let expect = Has(&[("/usr/bin/run", Some((0o755, b"#!/usr/bin/python3\n")))]);
    check_record("listed", &script(None), RecordCheck::Verify, &expect);
    let answer = Malformed("does not list it");
    check_record("not listed", &script(Some("#!python\n")), RecordCheck::Verify, &answer);
}

fn hash(contents: &[u8]) -> String {
    use base64::Engine as _;
    let digest = wheelwright::oci::Digest::of(contents);
    format!("sha256={}", base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(digest.as_bytes()))
}
