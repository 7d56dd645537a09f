//! What comes out is what went in, for streams of every shape.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::DeflateEncoder};
use proptest::prelude::*;

use super::*;
use crate::{
    layer::{
        Body, Method, Node, Span,
        deflate::{BitWriter, Block},
        hashes::CHUNK,
        header,
    },
    oci::{Digest, MediaType},
    store::Blob,
    zip::Refusal,
};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn file(path: &str, body: Body) -> Item {
    Item::new(path.to_owned(), Node::File(body), 0o644)
}

fn span(blob: &Blob, stored: &[u8], contents: &[u8], method: Method) -> Body {
    Body::Span(Span {
        blob: blob.clone(),
        offset: 0,
        compressed: stored.len() as u64,
        size: contents.len() as u64,
        crc32: crc32fast::hash(contents),
        sha256: None,
        method,
    })
}

fn bytes_of(laid: &Laid) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::sync::Arc::new(laid.rope.clone()).reader(0).read_to_end(&mut bytes).unwrap();
    assert_eq!((Digest::of(&bytes), bytes.len() as u64), (laid.descriptor.digest, laid.descriptor.size));
    bytes
}

fn unpack(laid: &Laid) -> Vec<(String, Vec<u8>)> {
    let mut tar = Vec::new();
    // The single-member decoder: it must see everything.
    GzDecoder::new(&bytes_of(laid)[..]).read_to_end(&mut tar).unwrap();
    assert_eq!(DiffId(Digest::of(&tar)), laid.diff_id);
    files(&tar)
}

fn files(tar: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(tar);
    let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).unwrap();
        (String::from_utf8(entry.path_bytes().into_owned()).unwrap(), contents)
    };
    archive.entries().unwrap().map(read).collect()
}

fn quiet(items: &[Item], threads: Threads) -> Result<Laid, LayerError> {
    let (_folder, store) = store();
    lay(items, Format::Gzip, threads, &store, &|_| {})
}

/// A hand-made deflate stream: blocks of several kinds, as other encoders write them.
#[derive(Clone, Debug)]
enum Piece {
    Stored(Vec<u8>),
    Fixed(Vec<u8>),
    Empty,
}

fn encode(pieces: &[Piece], last: &Piece) -> (Vec<u8>, Vec<u8>) {
    let mut writer = BitWriter::default();
    let mut contents = Vec::new();
    for (piece, block) in pieces.iter().map(|piece| (piece, Block::Inner)).chain([(last, Block::Final)]) {
        match piece {
            Piece::Empty => writer.fixed_block(&[], block),
            Piece::Fixed(data) => {
                writer.fixed_block(data, block);
                contents.extend(data);
            }
            Piece::Stored(data) => {
                writer.bits(u32::from(block == Block::Final), 3);
                writer.align();
                let length = u16::try_from(data.len()).unwrap();
                writer.bytes(&length.to_le_bytes());
                writer.bytes(&(!length).to_le_bytes());
                writer.bytes(data);
                contents.extend(data);
            }
        }
    }
    writer.align();
    (writer.take(), contents)
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Piece::Stored),
        prop::collection::vec(0_u8..4, 0..300).prop_map(Piece::Fixed),
        Just(Piece::Empty),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn streams_of_every_block_shape_are_spliced(
        shapes in prop::collection::vec((prop::collection::vec(piece(), 0..6), piece()), 1..5),
        level in 0_u32..10,
    ) {
        let (_folder, store) = store();
        let mut items = Vec::new();
        let mut expect = Vec::new();
        for (index, (pieces, last)) in shapes.iter().enumerate() {
            let (stored, contents) = encode(pieces, last);
            let path = format!("{index}-made");
            items.push(file(&path, span(&store.put(&stored).unwrap(), &stored, &contents, Method::Deflate)));
            expect.push((path, contents.clone()));
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
            encoder.write_all(&contents).unwrap();
            let stored = encoder.finish().unwrap();
            let path = format!("{index}-other");
            items.push(file(&path, span(&store.put(&stored).unwrap(), &stored, &contents, Method::Deflate)));
            expect.push((path, contents));
        }
        let laid = quiet(&items, Threads::One).unwrap();
        prop_assert_eq!(unpack(&laid), expect);
        prop_assert_eq!(quiet(&items, Threads::Two).unwrap().descriptor.digest, laid.descriptor.digest);
    }
}

#[test]
fn large_stored_and_literal_files_are_laid_down() {
    let (_folder, store) = store();
    let noise: Vec<u8> = (0..300_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(&noise).unwrap();
    let deflated = encoder.finish().unwrap();
    let items = [
        file("deflated", span(&store.put(&deflated).unwrap(), &deflated, &noise, Method::Deflate)),
        file("empty", span(&store.put(&[3, 0]).unwrap(), &[3, 0], b"", Method::Deflate)),
        file("literal", Body::Literal(Bytes::from(noise.clone()))),
        file("stored", span(&store.put(&noise).unwrap(), &noise, &noise, Method::Stored)),
        file("stored-empty", span(&store.put(b"").unwrap(), b"", b"", Method::Stored)),
    ];
    let laid = quiet(&items, Threads::Two).unwrap();
    let found = unpack(&laid);
    assert_eq!(found.len(), 5);
    for (path, contents) in found {
        assert!(contents == if path.contains("empty") { &b""[..] } else { &noise }, "{path}");
    }
    assert_eq!(quiet(&items, Threads::One).unwrap().descriptor.digest, laid.descriptor.digest);
}

#[test]
fn any_range_of_a_layer_can_be_read() {
    let (_folder, store) = store();
    let (stored, contents) = encode(&[Piece::Stored(b"one".repeat(50))], &Piece::Fixed(b"two".repeat(90)));
    let blob = store.put(&stored).unwrap();
    let items: Vec<Item> =
        (0..20).map(|index| file(&format!("{index:02}"), span(&blob, &stored, &contents, Method::Deflate))).collect();
    let laid = quiet(&items, Threads::One).unwrap();
    let whole = bytes_of(&laid);
    let kept = Rope::from_note(&laid.rope.to_note(), &store).unwrap();
    for from in (0..whole.len()).step_by(37) {
        let mut rest = Vec::new();
        std::sync::Arc::new(kept.clone()).reader(from as u64).read_to_end(&mut rest).unwrap();
        assert!(rest == whole[from..], "from {from}");
    }
}

#[test]
fn dishonest_contents_are_refused() {
    let (_folder, store) = store();
    let (good, contents) = encode(&[], &Piece::Fixed(b"honest contents".to_vec()));
    let check = |what: &str, stored: &[u8], change: &dyn Fn(&mut Span), expect: Refusal| {
        let Body::Span(mut span) = span(&store.put(stored).unwrap(), stored, &contents, Method::Deflate) else {
            unreachable!("a span was made")
        };
        change(&mut span);
        match quiet(&[file("x", Body::Span(span))], Threads::Two) {
            Err(LayerError::Contents { path, refusal }) => assert_eq!((&*path, refusal), ("x", expect), "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    };
    let trailing = [&good[..], b"tail"].concat();
    check("trailing bytes", &trailing, &|_| {}, Refusal::StreamEndsEarly);
    check("cut stream", &good[..good.len() - 2], &|_| {}, Refusal::StreamEndsLate);
    check("declared too small", &good, &|span| span.size -= 1, Refusal::Size);
    check("declared too large", &good, &|span| span.size += 1, Refusal::Size);
    check("declared empty", &good, &|span| span.size = 0, Refusal::Size);
    check("wrong checksum", &good, &|span| span.crc32 ^= 1, Refusal::Checksum);
    check("wrong SHA-256", &good, &|span| span.sha256 = Some(Digest::of(b"other")), Refusal::Record);
    check("no deflate", &[0xff; 40], &|_| {}, Refusal::Stream);
}

#[test]
fn paths_that_no_layer_may_hold_are_refused() {
    for path in ["", "/a", "a/", "a//b", "../a", "a/./b", "a/.wh.b", ".wh..wh..opq", "a\0b"] {
        let item = file(path, Body::Literal(Bytes::new()));
        assert!(matches!(quiet(&[item], Threads::One), Err(LayerError::Path { .. })), "{path}");
    }
    let twice = [file("a", Body::Literal(Bytes::new())), file("a", Body::Literal(Bytes::new()))];
    assert!(matches!(quiet(&twice, Threads::One), Err(LayerError::Path { .. })));
    let below = ["a", "a!", "a/b"].map(|path| file(path, Body::Literal(Bytes::new())));
    assert!(matches!(quiet(&below, Threads::One), Err(LayerError::Path { path, .. }) if path == "a/b"));
}

/// A change of this digest is a change of the layer format, and of its version.
#[test]
fn the_format_is_frozen() {
    let (_folder, store) = store();
    let (stored, contents) = encode(&[Piece::Stored(b"abc".to_vec()), Piece::Empty], &Piece::Fixed(b"xyz".repeat(30)));
    let blob = store.put(&stored).unwrap();
    let mut items = vec![
        Item { node: Node::Directory, mode: 0o755, ..file("a", Body::Literal(Bytes::new())) },
        file("a/deflated", span(&blob, &stored, &contents, Method::Deflate)),
        file("a/literal", Body::Literal(Bytes::from_static(b"#!/usr/bin/python3\nprint('golden')\n"))),
        file("a/stored", span(&blob, &stored, &stored, Method::Stored)),
        Item { node: Node::Symlink("literal".to_owned()), ..file("a/symlink", Body::Literal(Bytes::new())) },
    ];
    items.push(file(&"long/".repeat(60), Body::Literal(Bytes::new())));
    items[5].path.pop();
    let laid = quiet(&items, Threads::One).unwrap();
    assert_eq!(
        laid.descriptor.digest.to_string(),
        "sha256:2a416137246fd6ee6d4851a5287fba032fd66a9ffe33974b31259fc5c65919c4"
    );
    assert_eq!(laid.diff_id.to_string(), "sha256:84191f95b90d0efdd4f668940bd8ceb84e05f31c391cdc61cc6eededb8bc3908");
}

fn noise(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

/// Blocks that end at every bit, many of them where one read of the store ends and the next begins.
#[test]
fn blocks_may_straddle_whatever_they_like() {
    for seed in 0..4 {
        let mut next = noise(seed);
        let mut piece = || {
            let length = usize::try_from(next() % 200).unwrap();
            match next() % 4 {
                0 => Piece::Empty,
                1 => Piece::Stored((0..length).map(|_| next().to_le_bytes()[1]).collect()),
                _ => Piece::Fixed((0..length).map(|_| next().to_le_bytes()[1]).collect()),
            }
        };
        let pieces: Vec<Piece> = (0..8000).map(|_| piece()).collect();
        let (stored, contents) = encode(&pieces, &piece());
        assert!(stored.len() > 3 * pass::READ);
        let (_folder, store) = store();
        let blob = store.put(&stored).unwrap();
        let items = ["a", "b"].map(|path| file(path, span(&blob, &stored, &contents, Method::Deflate)));
        let laid = quiet(&items, Threads::One).unwrap();
        assert!(unpack(&laid).into_iter().all(|(_, found)| found == contents), "{seed}");
    }
}

/// All input may be used up while the output of its last bits still waits for room.
#[test]
fn a_stream_may_end_where_a_buffer_does() {
    let (_folder, store) = store();
    for over in (1..300).step_by(9) {
        let contents = vec![b'x'; CHUNK - header::BLOCK + over];
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(9));
        encoder.write_all(&contents).unwrap();
        let stored = encoder.finish().unwrap();
        let item = file("x", span(&store.put(&stored).unwrap(), &stored, &contents, Method::Deflate));
        let laid = quiet(&[item], Threads::One).unwrap_or_else(|error| panic!("{over}: {error}"));
        assert!(unpack(&laid)[0].1 == contents, "{over}");
    }
}

/// A block that is a whole file, blocks that hold nothing, and bits behind the end that are not zero.
#[test]
fn extreme_blocks_are_spliced() {
    let mut next = noise(7);
    let huge: Vec<u8> = (0..3_000_000).map(|_| next().to_le_bytes()[1] % 3).collect();
    let nothing = vec![Piece::Empty; 300_000];
    let (_folder, store) = store();
    for (pieces, last) in [(&[][..], Piece::Fixed(huge)), (&nothing, Piece::Fixed(b"end".to_vec()))] {
        let (mut stored, contents) = encode(pieces, &last);
        let item = |stored: &[u8]| file("x", span(&store.put(stored).unwrap(), stored, &contents, Method::Deflate));
        let laid = quiet(&[item(&stored)], Threads::Two).unwrap();
        assert!(unpack(&laid)[0].1 == contents);
        // A fixed block ends with seven zero bits; what is set above the last byte's end is not its.
        let (clean, last) = (stored.clone(), stored.len() - 1);
        for bit in 0..8 {
            stored[last] = clean[last] | 1 << bit;
            if let Ok(dirty) = quiet(&[item(&stored)], Threads::One) {
                assert_eq!(dirty.descriptor, laid.descriptor, "bit {bit}");
            }
        }
    }
}

#[test]
fn a_file_that_the_store_lost_is_named() {
    let (_folder, store) = store();
    let (stored, contents) = encode(&[], &Piece::Stored(b"contents".repeat(100)));
    let blob = store.put(&stored).unwrap();
    let item = file("x", span(&blob, &stored, &contents, Method::Deflate));
    store.evict(blob.digest()).unwrap();
    for threads in [Threads::One, Threads::Two] {
        let error = quiet(std::slice::from_ref(&item), threads).unwrap_err();
        assert!(matches!(error, LayerError::Read { digest, .. } if digest == *blob.digest()), "{error}");
    }
}

fn samples(store: &Store) -> Vec<Item> {
    let mut next = noise(3);
    let text: Vec<u8> = (0..9_000_000).map(|_| b"eins zwei drei\n"[usize::try_from(next() % 7).unwrap()]).collect();
    let (small, contents) = encode(&[Piece::Stored(b"abc".to_vec()), Piece::Empty], &Piece::Fixed(b"xyz".repeat(30)));
    let large = store.put(&text).unwrap();
    let small_blob = store.put(&small).unwrap();
    vec![
        Item { node: Node::Directory, mode: 0o755, ..file("a", Body::Literal(Bytes::new())) },
        file("a/deflated", span(&small_blob, &small, &contents, Method::Deflate)),
        file("a/empty", Body::Literal(Bytes::new())),
        Item { node: Node::Hardlink("a/deflated".to_owned()), ..file("a/hard", Body::Literal(Bytes::new())) },
        file("a/large", span(&large, &text, &text, Method::Stored)),
        file("a/literal", Body::Literal(Bytes::from_static(b"#!/usr/bin/python3\nprint('golden')\n"))),
        file("a/stored", span(&small_blob, &small, &small, Method::Stored)),
        Item { node: Node::Symlink("literal".to_owned()), ..file("a/symlink", Body::Literal(Bytes::new())) },
    ]
}

#[test]
fn the_tar_is_the_same_however_it_is_compressed() {
    let (_folder, store) = store();
    let items = samples(&store);
    let make = |format, threads| lay(&items, format, threads, &store, &|_| {}).unwrap();
    let gzip = make(Format::Gzip, Threads::One);
    assert_eq!(gzip.descriptor.media_type, MediaType::ImageLayerGzip);
    let plain = make(Format::Plain, Threads::One);
    assert_eq!((plain.diff_id, plain.descriptor.digest), (gzip.diff_id, gzip.diff_id.0));
    assert_eq!(plain.descriptor.media_type, MediaType::ImageLayer);
    assert_eq!(files(&bytes_of(&plain)), unpack(&gzip));
    assert_eq!(plain.descriptor.size, pass::tar_size(&items));
    assert_eq!(make(Format::Plain, Threads::Two).descriptor, plain.descriptor);
    #[cfg(feature = "zstd")]
    {
        let zstd = make(Format::Zstd, Threads::One);
        assert_eq!((zstd.diff_id, &zstd.descriptor.media_type), (gzip.diff_id, &MediaType::ImageLayerZstd));
        assert_eq!(make(Format::Zstd, Threads::Two).descriptor, zstd.descriptor);
        let bytes = bytes_of(&zstd);
        let length = zstd::zstd_safe::get_frame_content_size(&bytes).unwrap();
        assert_eq!(length, Some(plain.descriptor.size), "the frame says how much it holds");
        assert_eq!(zstd::zstd_safe::find_frame_compressed_size(&bytes).unwrap(), bytes.len(), "there is one frame");
        assert!(zstd::decode_all(&bytes[..]).unwrap() == bytes_of(&plain));
    }
}

#[test]
fn a_failed_layer_leaves_nothing_in_the_store() {
    for format in [Format::Zstd, Format::Plain, Format::Lazy] {
        let (folder, store) = store();
        let mut items = samples(&store);
        if let Node::File(Body::Span(span)) = &mut items[6].node {
            span.crc32 ^= 1;
        }
        let count = || walk(&folder.path().join("v1/blobs"));
        let before = count();
        let error = lay(&items, format, Threads::Two, &store, &|_| {}).unwrap_err();
        assert!(matches!(error, LayerError::Contents { refusal: Refusal::Checksum, .. }), "{error}");
        assert_eq!(count(), before);
        assert!(crate::fs::sorted_entries(&folder.path().join("v1/ingest")).unwrap().is_empty());
    }
}

fn walk(folder: &std::path::Path) -> usize {
    let entries = crate::fs::sorted_entries(folder).unwrap();
    entries.iter().map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { 1 }).sum()
}
