//! What a reader of eStargz does: footer, table, single files, and the whole as an ordinary gzip.

use std::io::Read as _;

use flate2::read::{GzDecoder, MultiGzDecoder};
use serde_json::Value;

use super::*;
use crate::layer::{Format, Laid, Threads, lay};

fn laid(items: &[Item], store: &Store, threads: Threads) -> (Laid, Vec<u8>) {
    let laid = lay(items, Format::Lazy, threads, store, &|_| {}).unwrap();
    let mut bytes = Vec::new();
    std::sync::Arc::new(laid.rope.clone()).reader(0).read_to_end(&mut bytes).unwrap();
    assert_eq!(Digest::of(&bytes), laid.descriptor.digest);
    (laid, bytes)
}

/// The table, found as a reader finds it, and checked against the annotation.
fn table(laid: &Laid, bytes: &[u8]) -> Vec<Value> {
    let footer = &bytes[bytes.len() - 51..];
    assert_eq!(
        (&footer[..4], &footer[12..16], &footer[32..38]),
        (&[0x1f, 0x8b, 8, 4][..], &b"SG\x16\0"[..], &b"STARGZ"[..])
    );
    let offset = usize::from_str_radix(str::from_utf8(&footer[16..32]).unwrap(), 16).unwrap();
    let mut tar = Vec::new();
    GzDecoder::new(&bytes[offset..]).read_to_end(&mut tar).unwrap();
    let mut archive = tar::Archive::new(&tar[..]);
    let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
    assert_eq!(entry.path_bytes().as_ref(), TABLE.as_bytes());
    let mut json = Vec::new();
    entry.read_to_end(&mut json).unwrap();
    assert_eq!(laid.descriptor.annotations[TABLE_DIGEST], Digest::of(&json).to_string());
    let mut value: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(value["version"], 1);
    serde_json::from_value(value["entries"].take()).unwrap()
}

fn sample(store: &Store) -> (Vec<Item>, Vec<u8>) {
    let large: Vec<u8> =
        (0..10_000_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0] >> 3).collect();
    let exact = &large[..2 * CHUNK];
    let stored = |path: &str, bytes: &[u8]| {
        let blob = store.put(bytes).unwrap();
        let (size, crc32) = (bytes.len() as u64, crc32fast::hash(bytes));
        let span = Span { blob, offset: 0, compressed: size, size, crc32, sha256: None, method: Method::Stored };
        Item { node: Node::File(Body::Span(span)), ..file(path, Bytes::new()) }
    };
    let deflated = {
        let member = deflate(b"small small small").unwrap();
        let blob = store.put(&member.deflated).unwrap();
        let (compressed, crc32) = (blob.size(), member.crc32);
        Span { blob, offset: 0, compressed, size: member.size, crc32, sha256: None, method: Method::Deflate }
    };
    let items = vec![
        Item { node: Node::Directory, mode: 0o755, ..file("d", Bytes::new()) },
        Item { node: Node::File(Body::Span(deflated)), ..file("d/deflated", Bytes::new()) },
        file("d/empty", Bytes::new()),
        stored("d/exact", exact),
        Item { node: Node::Hardlink("d/deflated".to_owned()), ..file("d/hard", Bytes::new()) },
        stored("d/large", &large),
        file("d/literal", Bytes::from_static(b"print()\n")),
        stored("d/stored", &large[..100_000]),
        Item { node: Node::Symlink("large".to_owned()), uid: 7, ..file("d/symlink", Bytes::new()) },
    ];
    (items, large)
}

#[test]
fn every_piece_can_be_fetched_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (items, large) = sample(&store);
    let (laid, bytes) = laid(&items, &store, Threads::One);
    let entries = table(&laid, &bytes);
    let shown: Vec<String> = entries
        .iter()
        .map(|entry| format!("{} {}", entry["type"].as_str().unwrap(), entry["name"].as_str().unwrap()))
        .collect();
    let expect = "reg .no.prefetch.landmark|dir d/|reg d/deflated|reg d/empty|reg d/exact|chunk d/exact|hardlink d/hard\
        |reg d/large|chunk d/large|chunk d/large|reg d/literal|reg d/stored|symlink d/symlink";
    assert_eq!(shown.join("|"), expect);
    let mut size = 0;
    let mut found = Vec::new();
    for entry in entries.iter().filter(|entry| entry.get("offset").is_some()) {
        let number = |key: &str| entry.get(key).and_then(Value::as_u64);
        size = number("size").unwrap_or(size);
        let length = number("chunkSize").unwrap_or(size - number("chunkOffset").unwrap_or(0));
        let mut chunk = Vec::new();
        let offset = usize::try_from(number("offset").unwrap()).unwrap();
        GzDecoder::new(&bytes[offset..]).take(length).read_to_end(&mut chunk).unwrap();
        assert_eq!(entry["chunkDigest"], Digest::of(&chunk).to_string());
        if entry["name"] == "d/large" {
            found.extend(chunk);
        }
    }
    assert!(found == large);
    assert_eq!(entries[7]["digest"], Digest::of(&large).to_string());
}

#[test]
fn the_whole_is_an_ordinary_tar() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (items, large) = sample(&store);
    let (one, bytes) = laid(&items, &store, Threads::One);
    assert_eq!(laid(&items, &store, Threads::Two).0.descriptor, one.descriptor);
    let mut tar = Vec::new();
    MultiGzDecoder::new(&bytes[..]).read_to_end(&mut tar).unwrap();
    assert_eq!(Digest::of(&tar), one.diff_id.0);
    assert_eq!(one.descriptor.annotations[TAR_SIZE], tar.len().to_string());
    let mut archive = tar::Archive::new(&tar[..]);
    let mut sizes = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).unwrap();
        sizes.push(contents.len());
    }
    assert_eq!(&sizes[..10], [1, 0, 17, 0, 2 * CHUNK, 0, large.len(), 8, 100_000, 0]);
    assert_eq!(sizes.len(), 11, "the table comes last");
}

#[test]
fn reserved_names_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for path in [LANDMARK, OTHER_LANDMARK, TABLE] {
        let items = [file(path, Bytes::new())];
        assert!(matches!(lay(&items, Format::Lazy, Threads::One, &store, &|_| {}), Err(LayerError::Path { .. })));
        assert!(lay(&items, Format::Gzip, Threads::One, &store, &|_| {}).is_ok());
    }
}
