//! Any bytes as a deflate stream: it is spliced exactly when another decoder takes all of it and
//! nothing else, and then yields what that one yields.

use std::io::Write as _;

use flate2::{Compression, write::DeflateEncoder};
use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags},
};
use wheelwright::{
    layer::{Body, Format, Item, LayerError, Method, Node, Span, Threads, lay},
    zip::Refusal,
};

use crate::place::{files, with_blob};

/// Streams that yield more are passed over: it would take too long.
const MOST: usize = 1 << 20;

/// Lays `bytes` down twice as a file's stream, between two files of our own.
pub(crate) fn splice(bytes: &[u8]) {
    let Some(expect) = inflated(bytes) else { return };
    let (used, contents) = expect.unwrap_or_default();
    let whole = used == bytes.len() && !bytes.is_empty();
    let result = with_blob(bytes, |store, blob| {
        let span = Body::Span(Span {
            blob: blob.clone(),
            offset: 0,
            compressed: bytes.len() as u64,
            size: contents.len() as u64,
            crc32: crc(&contents),
            sha256: None,
            method: Method::Deflate,
        });
        let other = Body::Literal(b"between".as_slice().into());
        let items = [("1", other.clone()), ("2", span.clone()), ("3", other), ("4", span)]
            .map(|(path, body)| Item { mtime: 0, ..Item::new(path.to_owned(), Node::File(body), 0o644) });
        lay(&items, Format::Gzip, Threads::One, store, &|_| {}).map(files)
    });
    match result {
        Ok(found) => {
            assert!(whole, "spliced, though another decoder takes {used} of {} bytes", bytes.len());
            assert!(found[1].1 == contents && found[3].1 == contents);
            assert!(found[0].1 == b"between" && found[2].1 == b"between");
        }
        Err(LayerError::Contents { refusal, .. }) => {
            assert!(!whole, "{refusal}, though another decoder takes it");
            let kinds = [Refusal::Stream, Refusal::StreamEndsEarly, Refusal::StreamEndsLate, Refusal::Size];
            assert!(kinds.contains(&refusal), "{refusal}");
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// How many bytes the stream in `bytes` takes and what it yields: `Some(None)` when there is none,
/// nothing when it yields too much.
fn inflated(bytes: &[u8]) -> Option<Option<(usize, Vec<u8>)>> {
    let mut out = vec![0; MOST];
    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, used, made) = decompress(&mut DecompressorOxide::new(), bytes, &mut out, 0, flags);
    match status {
        TINFLStatus::Done => {
            out.truncate(made);
            Some(Some((used, out)))
        }
        TINFLStatus::HasMoreOutput => None,
        _ => Some(None),
    }
}

fn crc(contents: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(contents);
    crc.sum()
}

/// Deflate streams of every kind of block.
pub(crate) fn splices() -> Vec<(&'static str, Vec<u8>)> {
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
