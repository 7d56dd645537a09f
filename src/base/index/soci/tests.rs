//! Tables written here, by other means than those that read them, and tables that lie.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    sync::atomic::{AtomicU64, Ordering},
};

use proptest::prelude::*;

use super::{
    super::{
        Index,
        tests::{Counted, METADATA, SITE, noise, python},
    },
    *,
};
use crate::{
    base::LayerEntries,
    image::{Layer, Memory},
    oci::{DiffId, Digest, MediaType},
};

/// What a table says, before it is written.
#[derive(Clone)]
struct Said {
    version: &'static str,
    algorithm: u8,
    stored: i64,
    unpacked: i64,
    max_span: i32,
    digests: Vec<String>,
    checkpoints: Vec<u8>,
    files: Vec<Row>,
}

#[derive(Clone)]
struct Row {
    name: String,
    kind: &'static str,
    link: String,
    offset: i64,
    size: i64,
    mode: i64,
    owner: u32,
}

/// Writes `FlatBuffers` from front to back, every reference filled in when its place is known. Real writers go
/// from back to front; what may be read is the same.
#[derive(Default)]
struct Flat(Vec<u8>);

impl Flat {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn refer(&mut self, from: usize) {
        let distance = u32::try_from(self.0.len() - from).unwrap();
        self.0[from..from + 4].copy_from_slice(&distance.to_le_bytes());
    }

    /// A table of `fields`, each so many bytes and where they are said; gives where each one lies.
    fn table(&mut self, fields: &[Option<&[u8]>]) -> Vec<usize> {
        self.align(8);
        let description = self.0.len();
        let mut inline = 4_u16;
        let mut offsets = Vec::new();
        for field in fields {
            let size = field.map_or(0, |bytes| u16::try_from(bytes.len()).unwrap());
            offsets.push(if size > 0 { inline } else { 0 });
            inline += size;
        }
        self.0.extend(u16::try_from(4 + 2 * fields.len()).unwrap().to_le_bytes());
        self.0.extend(inline.to_le_bytes());
        for offset in &offsets {
            self.0.extend(offset.to_le_bytes());
        }
        self.align(4);
        let at = self.0.len();
        self.0.extend(i32::try_from(at - description).unwrap().to_le_bytes());
        fields.iter().flatten().for_each(|bytes| self.0.extend(*bytes));
        offsets.iter().map(|offset| at + usize::from(*offset)).collect()
    }

    /// Where the table that comes next will begin is behind its description.
    fn refer_to_table(&mut self, from: usize, fields: &[Option<&[u8]>]) -> Vec<usize> {
        self.align(8);
        let start = (self.0.len() + 4 + 2 * fields.len()).next_multiple_of(4);
        let distance = u32::try_from(start - from).unwrap();
        self.0[from..from + 4].copy_from_slice(&distance.to_le_bytes());
        self.table(fields)
    }

    fn bytes(&mut self, from: usize, bytes: &[u8]) {
        self.align(4);
        self.refer(from);
        self.0.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        self.0.extend(bytes);
        self.0.push(0);
    }

    /// A vector of so many references; gives the place of each.
    fn vector(&mut self, from: usize, length: usize) -> Vec<usize> {
        self.align(4);
        self.refer(from);
        self.0.extend(u32::try_from(length).unwrap().to_le_bytes());
        let first = self.0.len();
        self.0.resize(first + 4 * length, 0);
        (0..length).map(|number| first + 4 * number).collect()
    }
}

const REFERENCE: Option<&[u8]> = Some(&[0; 4]);

fn flat(said: &Said) -> Vec<u8> {
    let mut flat = Flat(vec![0; 4]);
    let (stored, unpacked) = (said.stored.to_le_bytes(), said.unpacked.to_le_bytes());
    let fields = [REFERENCE, REFERENCE, Some(&stored[..]), Some(&unpacked[..]), REFERENCE, REFERENCE];
    let root = flat.refer_to_table(0, &fields);
    flat.bytes(root[0], said.version.as_bytes());
    flat.bytes(root[1], b"a test");
    let list = flat.refer_to_table(root[4], &[REFERENCE]);
    for (place, row) in flat.vector(list[0], said.files.len()).into_iter().zip(&said.files) {
        let (offset, size) = (row.offset.to_le_bytes(), row.size.to_le_bytes());
        let (mode, owner) = (row.mode.to_le_bytes(), row.owner.to_le_bytes());
        // As real writers, no field that has its default.
        let offset = (row.offset != 0).then_some(&offset[..]);
        let size = (row.size != 0).then_some(&size[..]);
        let owner = (row.owner != 0).then_some(&owner[..]);
        let link = REFERENCE.filter(|_| !row.link.is_empty());
        let fields = [REFERENCE, REFERENCE, offset, size, link, Some(&mode[..]), owner, owner];
        let entry = flat.refer_to_table(place, &fields);
        flat.bytes(entry[0], row.name.as_bytes());
        flat.bytes(entry[1], row.kind.as_bytes());
        if link.is_some() {
            flat.bytes(entry[4], row.link.as_bytes());
        }
    }
    let (algorithm, max_span) = ([said.algorithm], said.max_span.to_le_bytes());
    let algorithm = (said.algorithm != GZIP).then_some(&algorithm[..]);
    let compression = flat.refer_to_table(root[5], &[algorithm, Some(&max_span[..]), REFERENCE, REFERENCE]);
    for (place, digest) in flat.vector(compression[2], said.digests.len()).into_iter().zip(&said.digests) {
        flat.bytes(place, digest.as_bytes());
    }
    flat.bytes(compression[3], &said.checkpoints);
    flat.0
}

/// Deflate by hand: bits from the lowest of each byte on.
#[derive(Default)]
struct Deflate {
    bytes: Vec<u8>,
    bits: u64,
}

/// How far back every match points.
const PERIOD: usize = 20_000;
/// Bytes of every match.
const MATCH: usize = 8;
/// Bytes in a block.
const BLOCK: usize = 9_973;
/// As many bytes lie between two checkpoints at least.
const SPAN: u64 = 40_000;

impl Deflate {
    fn push(&mut self, value: usize, count: u32) {
        for bit in 0..count {
            if self.bits.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= u8::from(value >> bit & 1 == 1) << (self.bits % 8);
            self.bits += 1;
        }
    }

    /// A code, its highest bit first.
    fn code(&mut self, code: usize, count: u32) {
        (0..count).rev().for_each(|bit| self.push(code >> bit, 1));
    }

    /// Writes `tar[from..to]` as a block with the fixed code.
    fn block(&mut self, tar: &[u8], from: usize, to: usize, last: bool) {
        self.push(usize::from(last), 1);
        self.push(1, 2);
        let mut at = from;
        while at < to {
            let repeats =
                at >= PERIOD && at + MATCH <= to && tar[at..at + MATCH] == tar[at - PERIOD..at - PERIOD + MATCH];
            if repeats {
                // Length 8 is 262 without more bits, and the distance the class from 16385 on.
                self.code(262 - 256, 7);
                self.code(28, 5);
                self.push(PERIOD - 16_385, 13);
                at += MATCH;
                continue;
            }
            match usize::from(tar[at]) {
                low @ ..144 => self.code(0x30 + low, 8),
                high => self.code(0x190 + high - 144, 9),
            }
            at += 1;
        }
        self.code(0, 7);
    }

    fn stored(&mut self, bytes: &[u8]) {
        self.push(0, 3);
        self.align();
        let length = u16::try_from(bytes.len()).unwrap();
        self.bytes.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        self.bytes.extend(bytes);
        self.bits = 8 * self.bytes.len() as u64;
    }

    fn align(&mut self) {
        self.bits = 8 * self.bytes.len() as u64;
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.align();
    }
}

const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A layer in two gzip members, and what is true about it.
fn layer(files: &[(&str, &[u8])]) -> (Vec<u8>, Vec<u8>, Said) {
    let (mut tar, mut rows) = (Vec::new(), Vec::new());
    let mut add = |name: &str, kind: (tar::EntryType, &'static str), link: &str, contents: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind.0);
        header.set_path(name).unwrap();
        if !link.is_empty() {
            header.set_link_name(link).unwrap();
        }
        header.set_size(contents.len() as u64);
        header.set_mode(0o4755);
        header.set_uid(7);
        header.set_gid(7);
        header.set_mtime(0);
        header.set_cksum();
        tar.extend(header.as_bytes());
        let (offset, size) = (i64::try_from(tar.len()).unwrap(), i64::try_from(contents.len()).unwrap());
        rows.push(Row {
            name: name.to_owned(),
            kind: kind.1,
            link: link.to_owned(),
            offset,
            size,
            mode: 0o4755,
            owner: 7,
        });
        tar.extend(contents);
        tar.resize(tar.len().next_multiple_of(512), 0);
    };
    add("usr/bin/", (tar::EntryType::Directory, "dir"), "", b"");
    for (name, contents) in files {
        add(name, (tar::EntryType::Regular, "reg"), "", contents);
    }
    add("usr/bin/python3", (tar::EntryType::Symlink, "symlink"), "python3.12", b"");
    add("usr/bin/python", (tar::EntryType::Link, "hardlink"), "usr/bin/python3.12", b"");
    tar.resize(tar.len() + 1024, 0);
    let (blob, places) = compress(&tar);
    let said = tell(&blob, &tar, &places, rows);
    (tar, blob, said)
}

/// Where a decoder may begin: bytes of the blob, bits of the last of them that come still, bytes of the tar.
type Place = (u64, u8, usize);

fn compress(tar: &[u8]) -> (Vec<u8>, Vec<Place>) {
    let mut stream = Deflate::default();
    let mut places: Vec<Place> = Vec::new();
    let middle = tar.len() / 2 / BLOCK * BLOCK;
    for (begin, end) in [(0, middle), (middle, tar.len())] {
        stream.raw(&GZIP_HEADER);
        let ends: Vec<usize> = (begin..end).step_by(BLOCK).skip(1).chain([end]).collect();
        let mut from = begin;
        for (number, to) in ends.iter().copied().enumerate() {
            let (bytes, position) = (stream.bits.div_ceil(8), from as u64);
            if places.last().is_none_or(|(_, _, last)| position - *last as u64 > SPAN) {
                places.push((bytes, u8::try_from(bytes * 8 - stream.bits).unwrap(), from));
            }
            // Matches of the second member may not point into the first.
            match number % 5 {
                4 if to < end => stream.stored(&tar[from..to]),
                _ => stream.block(&tar[begin..], from - begin, to - begin, to == end),
            }
            from = to;
        }
        stream.align();
        let mut crc = flate2::Crc::new();
        crc.update(&tar[begin..end]);
        stream.raw(&[crc.sum().to_le_bytes(), crc.amount().to_le_bytes()].concat());
    }
    (stream.bytes, places)
}

fn tell(blob: &[u8], tar: &[u8], places: &[Place], files: Vec<Row>) -> Said {
    let mut checkpoints = Vec::new();
    checkpoints.extend(u32::try_from(places.len()).unwrap().to_le_bytes());
    checkpoints.extend(SPAN.to_le_bytes());
    let mut digests = Vec::new();
    for (number, (bytes, bits, position)) in places.iter().enumerate() {
        checkpoints.extend(bytes.to_le_bytes());
        checkpoints.extend((*position as u64).to_le_bytes());
        checkpoints.push(*bits);
        let before = &tar[position.saturating_sub(32 << 10)..*position];
        checkpoints.extend(vec![0; (32 << 10) - before.len()]);
        checkpoints.extend(before);
        let start = usize::try_from(*bytes).unwrap() - usize::from(*bits > 0);
        let end = places.get(number + 1).map_or(blob.len(), |next| usize::try_from(next.0).unwrap());
        digests.push(Digest::of(&blob[start..end]).to_string());
    }
    Said {
        version: "0.9",
        algorithm: GZIP,
        stored: i64::try_from(blob.len()).unwrap(),
        unpacked: i64::try_from(tar.len()).unwrap(),
        max_span: i32::try_from(places.len()).unwrap() - 1,
        digests,
        checkpoints,
        files,
    }
}

/// Repeats itself, so that every span begins with something that lies before it.
fn large() -> Vec<u8> {
    noise(PERIOD).into_iter().cycle().take(2_000_000).collect()
}

const FILES: [&str; 6] =
    ["etc/.wh.old", "opt/large-1", "usr/bin/python3.12", "usr/lib/large-2", SITE, "usr/lib/python3.12/os.pyc"];

fn usual() -> (Vec<u8>, Vec<u8>, Said) {
    let (large, python) = (large(), python());
    let contents: [&[u8]; 6] = [b"", &large, &python, &large, METADATA, b"pass"];
    layer(&FILES.into_iter().zip(contents).collect::<Vec<_>>())
}

/// What is found with a table, and how many bytes of the layer were read.
async fn read_with(table: Vec<u8>, tar: &[u8], blob: &[u8]) -> (Result<LayerEntries, IndexError>, u64) {
    let bytes = Arc::new(AtomicU64::new(0));
    let inner = Memory::new(MediaType::ImageLayerGzip, blob.to_vec());
    let counted = Counted { descriptor: inner.descriptor().clone(), inner, bytes: Arc::clone(&bytes) };
    let layer = Layer { diff_id: DiffId(Digest::of(tar)), blob: Arc::new(counted) };
    let table: Arc<dyn BlobSource> = Arc::new(Memory::new(MediaType::from("application/octet-stream"), table));
    let tables = BTreeMap::from([(Digest::of(blob), table)]);
    let index = Index::of(&layer, &tables).unwrap();
    let found = index.read(&*layer.blob).await;
    (found, bytes.load(Ordering::Relaxed))
}

#[tokio::test]
async fn few_spans_say_what_all_would() {
    let (tar, blob, said) = usual();
    let mut whole = Vec::new();
    flate2::read::MultiGzDecoder::new(&blob[..]).read_to_end(&mut whole).unwrap();
    assert!(whole == tar, "what the test writes is gzip");
    let bits: BTreeSet<u8> = said.checkpoints[12..].chunks(17 + (32 << 10)).map(|place| place[16]).collect();
    assert_eq!(bits, (0..8).collect(), "every way to stand between two bytes occurs");
    let (found, read) = read_with(flat(&said), &tar, &blob).await;
    assert_eq!(found.unwrap(), LayerEntries::read(&tar[..]).unwrap());
    assert!(read < 200_000 && blob.len() > 1_000_000, "{read} of {} bytes", blob.len());
    // Older tables leave out the first checkpoint.
    let mut older = said;
    older.checkpoints.drain(12..12 + 17 + (32 << 10));
    let (found, _) = read_with(flat(&older), &tar, &blob).await;
    assert_eq!(found.unwrap(), LayerEntries::read(&tar[..]).unwrap());
}

#[tokio::test]
async fn every_span_can_be_begun_at() {
    let (tar, blob, said) = usual();
    let (_, codec) = parse(&flat(&said).into(), blob.len() as u64).unwrap();
    let Codec::Spans(spans) = codec else { panic!("not spans") };
    let pieces = spans.pieces(0, tar.len() as u64).unwrap();
    let mut unpacked = Vec::new();
    for piece in &pieces {
        let stored = &blob[usize::try_from(piece.start).unwrap()..usize::try_from(piece.end).unwrap()];
        unpacked.extend(spans.inflate(piece.start, stored).unwrap());
    }
    assert!(unpacked == tar, "{} of {} bytes", unpacked.len(), tar.len());
    assert!(pieces.len() > 50, "{}", pieces.len());
    assert!(spans.pieces(tar.len() as u64, 1).is_none() && spans.pieces(u64::MAX, 2).is_none());
}

#[tokio::test]
async fn tables_that_lie_are_not_believed() {
    type Spoil = fn(&mut Said);
    let (tar, blob, said) = usual();
    let cases: &[(&str, Spoil)] = &[
        ("version 1.0", |said| said.version = "1.0"),
        ("not gzip", |said| said.algorithm = 2),
        ("about a blob of", |said| said.stored += 1),
        ("points out of it", |said| said.stored = -1),
        ("as many digests", |said| said.max_span += 1),
        ("as many digests", |said| drop(said.digests.pop())),
        ("a digest is none", |said| said.digests[3] = "sha256:12".to_owned()),
        ("another digest", |said| said.digests.iter_mut().for_each(|digest| *digest = Digest::of(b"x").to_string())),
        ("as many spans", |said| said.checkpoints.truncate(1000)),
        ("points out of it", |said| said.checkpoints.clear()),
        // The first checkpoint: its place, the tar's, and its bits.
        ("side by side", |said| said.checkpoints[19] = 1),
        ("side by side", |said| said.checkpoints[20] = 1),
        ("side by side", |said| said.checkpoints[28] = 8),
        ("side by side", |said| said.unpacked = i64::MAX),
        ("points out of it", |said| said.unpacked = 10),
        ("lies behind the end", |said| said.files[5].size = 1 << 30),
        ("over each other", |said| said.files[4].offset = 512),
        ("points out of it", |said| said.files[3].size = -1),
        ("of the kind `door`", |said| said.files[3].kind = "door"),
        ("malformed", |said| said.files[3].name = "../usr/bin/python3.12".to_owned()),
    ];
    for (number, (expect, spoil)) in cases.iter().enumerate() {
        let mut spoilt = said.clone();
        spoil(&mut spoilt);
        let error = read_with(flat(&spoilt), &tar, &blob).await.0.unwrap_err();
        let text = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
        assert!(text.contains(expect), "{number}: {text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_table_or_an_error(changes in prop::collection::vec((0_usize..1200, any::<u8>()), 1..8)) {
        let files: [(&str, &[u8]); 2] = [("usr/bin/python3.12", b"\x7fELF"), (SITE, METADATA)];
        let (_, blob, said) = layer(&files);
        let mut bytes = flat(&said);
        for (at, byte) in changes {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        if let Ok((table, _)) = parse(&bytes.into(), blob.len() as u64) {
            prop_assert!(table.files.iter().all(|file| file.end() <= blob.len() as u64));
        }
    }

    #[test]
    fn spans_of_any_bytes_are_bounded(bits in 0_u8..8, noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let (_, blob, mut said) = layer(&[(SITE, METADATA)]);
        said.checkpoints[28] = bits;
        if let Ok((_, Codec::Spans(spans))) = parse(&flat(&said).into(), blob.len() as u64) {
            let start = 10 - u64::from(bits > 0);
            let unpacked = spans.inflate(start, &noise);
            prop_assert!(unpacked.is_err() || i64::try_from(unpacked.unwrap().len()).unwrap() <= said.unpacked);
        }
    }
}
