//! Layers in memory that count what is read of them, true and false.

use std::{
    io::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::*;
use crate::{
    base::{entries::EVIDENCE_LIMIT, tree::tests::layer},
    image::{ByteStream, Memory},
    oci::{Descriptor, DiffId, MediaType},
};

/// A blob that counts the bytes asked for.
pub(super) struct Counted {
    pub(super) descriptor: Descriptor,
    pub(super) inner: Memory,
    pub(super) bytes: Arc<AtomicU64>,
}

impl BlobSource for Counted {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        self.bytes.fetch_add(self.descriptor.size - from, Ordering::Relaxed);
        self.inner.open(from)
    }

    fn open_range(&self, from: u64, length: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        self.bytes.fetch_add(length, Ordering::Relaxed);
        self.inner.open_range(from, length)
    }
}

/// Files of a layer: paths and contents.
type Files<'f> = &'f [(&'f str, &'f [u8])];

/// A blob under construction.
struct Written {
    blob: Vec<u8>,
    rows: Vec<Value>,
    annotations: Vec<(&'static str, String)>,
    tar: Vec<u8>,
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd_frame(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// Header, contents and padding of a file, and its row so far.
type Part<'f> = (Vec<u8>, &'f [u8], Vec<u8>, Value);

fn parts<'f>(files: Files<'f>) -> Vec<Part<'f>> {
    let part = |(path, contents): &(&'f str, &'f [u8])| {
        let mut header = tar::Header::new_gnu();
        header.set_path(path).unwrap();
        header.set_size(contents.len() as u64);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        let padding = vec![0; contents.len().next_multiple_of(512) - contents.len()];
        let row = json!({ "type": "reg", "name": path, "mode": 0o755, "size": contents.len(), "digest": Digest::of(contents) });
        (header.as_bytes().to_vec(), *contents, padding, row)
    };
    files.iter().map(part).collect()
}

/// Compresses each file by itself, in two pieces if it is large.
fn write(files: Files<'_>, compress: fn(&[u8]) -> Vec<u8>) -> Written {
    let mut written = Written { blob: Vec::new(), rows: Vec::new(), annotations: Vec::new(), tar: Vec::new() };
    for (header, contents, padding, mut row) in parts(files) {
        written.tar.extend([&header, contents, &padding].concat());
        written.blob.extend(compress(&header));
        let cut = if contents.len() > 10_000 { 8192 } else { contents.len() };
        let mut chunks = vec![row.take()];
        for (number, chunk) in
            [&contents[..cut], &contents[cut..]].into_iter().enumerate().filter(|(_, chunk)| !chunk.is_empty())
        {
            if number == 1 {
                chunks.push(json!({ "type": "chunk", "name": chunks[0]["name"], "chunkOffset": cut }));
            }
            let last = chunks.last_mut().unwrap();
            last["offset"] = json!(written.blob.len());
            last["chunkDigest"] = json!(Digest::of(chunk));
            last["chunkSize"] = json!(if cut < contents.len() { chunk.len() } else { 0 });
            written.blob.extend(compress(chunk));
            chunks[0]["endOffset"] = json!(written.blob.len());
        }
        written.rows.extend(chunks);
        written.blob.extend(compress(&padding));
    }
    written.tar.extend([0; 1024]);
    written
}

fn estargz(files: Files<'_>) -> Written {
    let mut written = write(files, gzip);
    close_estargz(&mut written);
    written
}

fn close_estargz(written: &mut Written) {
    let table = json!({ "version": 1, "entries": written.rows }).to_string();
    let mut header = tar::Header::new_gnu();
    header.set_path("stargz.index.json").unwrap();
    header.set_size(table.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    let padding = vec![0; table.len().next_multiple_of(512) - table.len()];
    let end = [header.as_bytes(), table.as_bytes(), &padding, &[0; 1024]].concat();
    written.tar.truncate(written.tar.len() - 1024);
    written.tar.extend(&end);
    let offset = written.blob.len();
    written.blob.extend(gzip(&end));
    written.blob.extend([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 26, 0, b'S', b'G', 22, 0]);
    written.blob.extend(format!("{offset:016x}STARGZ").bytes());
    written.blob.extend([1, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0]);
    let digest = Digest::of(table.as_bytes()).to_string();
    written.annotations = vec![("containerd.io/snapshot/stargz/toc.digest", digest)];
}

fn zstd_chunked(files: Files<'_>) -> Written {
    let mut written = write(files, zstd_frame);
    close_zstd_chunked(&mut written);
    written
}

fn close_zstd_chunked(written: &mut Written) {
    written.blob.extend(zstd_frame(&[0; 1024]));
    let table = json!({ "version": 1, "entries": written.rows }).to_string();
    let stored = zstd_frame(table.as_bytes());
    written.blob.extend([0x50, 0x2a, 0x4d, 0x18]);
    written.blob.extend(u32::try_from(stored.len()).unwrap().to_le_bytes());
    let position = format!("{}:{}:{}:1", written.blob.len(), stored.len(), table.len());
    written.blob.extend(&stored);
    written.annotations = vec![
        ("io.github.containers.zstd-chunked.manifest-checksum", Digest::of(&stored).to_string()),
        ("io.github.containers.zstd-chunked.manifest-position", position),
    ];
}

fn source(written: &Written) -> (Layer, Arc<AtomicU64>) {
    let bytes = Arc::new(AtomicU64::new(0));
    let inner = Memory::new(MediaType::ImageLayerGzip, written.blob.clone());
    let mut descriptor = inner.descriptor().clone();
    descriptor.annotations = written.annotations.iter().map(|(key, text)| ((*key).to_owned(), text.clone())).collect();
    let blob = Counted { descriptor, inner, bytes: Arc::clone(&bytes) };
    (Layer { diff_id: DiffId(Digest::of(&written.tar)), blob: Arc::new(blob) }, bytes)
}

pub(super) fn noise(size: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}

pub(super) fn python() -> Vec<u8> {
    [&b"\x7fELF\x003.12.1\0/lib64/ld-linux-x86-64.so.2\0"[..], &[b'x'; 10_000], &[b'x'; 10_000]].concat()
}

pub(super) const METADATA: &[u8] = b"Name: demo\nVersion: 1.0\n\n";
pub(super) const SITE: &str = "usr/lib/python3.12/site-packages/demo-1.0.dist-info/METADATA";

#[tokio::test]
async fn few_bytes_say_what_all_would() {
    let (large, python) = (noise(3_000_000), python());
    let files: Files<'_> = &[
        ("etc/.wh.old", b""),
        ("opt/large-1", &large),
        ("usr/bin/python3.12", &python),
        ("usr/lib/large-2", &large),
        (SITE, METADATA),
        ("usr/lib/python3.12/os.pyc", b"pass"),
    ];
    for (written, extra) in [(estargz(files), Some("stargz.index.json")), (zstd_chunked(files), None)] {
        let (layer, count) = source(&written);
        let index = Index::of(&layer, &BTreeMap::new()).unwrap();
        let found = index.read(&*layer.blob).await.unwrap();
        let mut whole = LayerEntries::read(&written.tar[..]).unwrap();
        whole.entries.retain(|path, _| Some(path.as_str()) != extra);
        assert_eq!(found, whole);
        let (read, all) = (count.load(Ordering::Relaxed), written.blob.len());
        assert!(read < 20_000 && all > 3_000_000, "{read} of {all} bytes");
    }
}

/// Changes rows before the table is written, and reads.
async fn spoilt(spoil: impl Fn(&mut Vec<Value>)) -> [String; 2] {
    let (python, large) = (python(), noise(300_000));
    let files: Files<'_> = &[("usr/bin/python3.12", &python), ("usr/lib/large", &large), (SITE, METADATA)];
    let mut written = [write(files, gzip), write(files, zstd_frame)];
    for written in &mut written {
        spoil(&mut written.rows);
    }
    close_estargz(&mut written[0]);
    close_zstd_chunked(&mut written[1]);
    let mut texts = Vec::new();
    for written in &written {
        let (layer, _) = source(written);
        let error = Index::of(&layer, &BTreeMap::new()).unwrap().read(&*layer.blob).await.unwrap_err();
        texts.push(format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string)));
    }
    texts.try_into().unwrap()
}

#[tokio::test]
async fn tables_that_lie_are_not_believed() {
    type Spoil = fn(&mut Vec<Value>);
    let table: &[(&str, Spoil)] = &[
        ("another digest", |rows| rows[0]["chunkDigest"] = json!(Digest::of(b"x"))),
        ("another digest", |rows| rows[1]["chunkDigest"] = json!(Digest::of(b"x"))),
        ("another digest", |rows| rows[0]["digest"] = json!(Digest::of(b"x"))),
        ("nothing says what", |rows| {
            rows[0]["digest"] = json!("");
            rows[1]["chunkDigest"] = json!("");
        }),
        ("side by side", |rows| rows[1]["chunkOffset"] = json!(1)),
        ("side by side", |rows| rows[1]["offset"] = json!(u64::MAX)),
        ("not all of it", |rows| rows[0]["size"] = json!(99_999)),
        ("is of the kind", |rows| rows[0]["type"] = json!("door")),
        ("malformed", |rows| rows[0]["name"] = json!("../usr/bin/python3.12")),
        ("cannot be read", |rows| {
            let other = rows[2]["offset"].clone();
            let last = rows.len() - 1;
            rows[last]["offset"] = other;
        }),
        ("malformed", |rows| drop(rows.remove(0))),
        ("files lie over each other", |rows| {
            let mut again = rows[rows.len() - 1].clone();
            again["name"] = json!("opt/demo-1.0.dist-info/METADATA");
            rows.push(again);
        }),
    ];
    for (number, (expect, spoil)) in table.iter().enumerate() {
        for text in spoilt(spoil).await {
            assert!(text.contains(expect), "{number}: {text}");
        }
    }
}

#[tokio::test]
async fn files_tell_no_more_than_is_kept() {
    let (layer, _) = source(&estargz(&[("usr/lib/large", &noise(300_000)), (SITE, METADATA)]));
    let Some(Index::Estargz(place)) = Index::of(&layer, &BTreeMap::new()) else { panic!("there is a table") };
    for (before, expect) in [(EVIDENCE_LIMIT - 100, true), (EVIDENCE_LIMIT, false)] {
        let run = runs(place.read(&*layer.blob).await.unwrap().files).remove(0);
        let found = fetch(&*layer.blob, run, Codec::Gzip, Arc::new(AtomicUsize::new(before))).await;
        assert_eq!(found.is_ok(), expect, "{before}");
    }
}

#[tokio::test]
async fn tables_are_held_against_the_manifest() {
    let large = noise(300_000);
    let files: Files<'_> = &[("usr/lib/large", &large), (SITE, METADATA)];
    for mut written in [estargz(files), zstd_chunked(files)] {
        written.annotations[0].1 = Digest::of(b"another table").to_string();
        let (layer, _) = source(&written);
        let error = Index::of(&layer, &BTreeMap::new()).unwrap().read(&*layer.blob).await.unwrap_err();
        assert!(matches!(error, IndexError::Digest { .. }), "{error}");
        written.annotations.clear();
        assert!(Index::of(&source(&written).0, &BTreeMap::new()).is_none());
    }
}

#[tokio::test]
async fn what_is_wanted_whole_is_read_whole() {
    let python = noise(100_000);
    let (layer, count) = source(&estargz(&[("usr/bin/python3.12", &python)]));
    let error = Index::of(&layer, &BTreeMap::new()).unwrap().read(&*layer.blob).await.unwrap_err();
    assert!(matches!(error, IndexError::NotWorthIt), "{error}");
    assert!(count.load(Ordering::Relaxed) < 5000);
    assert!(
        Index::of(
            &Layer { blob: Arc::new(Memory::new(MediaType::ImageLayer, layer_tar())), ..layer },
            &BTreeMap::new()
        )
        .is_none()
    );
}

fn layer_tar() -> Vec<u8> {
    layer(&["dir etc"])
}

#[test]
fn deep_directories_of_tables_are_counted() {
    let deep = |number: usize| format!(r#"{{"type": "dir", "name": "{number}/{}x"}}"#, "a/".repeat(2000));
    let rows: Vec<String> = (0..100).map(deep).collect();
    let table =
        |rows: &[String]| Table::parse(format!(r#"{{"version": 1, "entries": [{}]}}"#, rows.join(",")).as_bytes(), 0);
    assert!(table(&rows[..9]).is_ok());
    let error = table(&rows).err().expect("it takes hundreds of megabytes");
    assert!(error.to_string().contains("its names take more than"), "{error}");
}

#[test]
fn tables_that_are_none_are_named() {
    let check = |json: &str, expect: &str| {
        let error = Table::parse(json.as_bytes(), 9).err().expect(json).to_string();
        assert!(error.contains(expect), "{json}: {error}");
    };
    check(r#"{"version": 2, "entries": []}"#, "its version is 2");
    check(r#"{"entries": []}"#, "its version is 0");
    check(r#"{"version": 1}"#, "it has no entries");
    check(r#"{"version": 1, "entries": [], "entries": []}"#, "duplicate field `entries`");
    check(r#"{"version": 1, "entries": []} {}"#, "trailing characters");
    check(r#"{"version": 1, "entries": [{"type": "chunk", "name": "a"}]}"#, "`a` is of the kind `chunk`");
    // A piece of what is not wanted, and of another.
    let rows = r#"{"type": "reg", "name": "a", "size": 1}, {"type": "chunk", "name": "b"}"#;
    check(&format!(r#"{{"version": 1, "entries": [{rows}]}}"#), "a piece of `a` stands elsewhere");
}
