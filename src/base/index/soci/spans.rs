//! Spans of a gzip stream, and how to begin inflating at one.
//!
//! A decoder in the middle of a stream knows two things: the 32 KiB that it wrote last, which matches may point
//! into, and where between two bits it stands. Both can be told to any decoder with deflate itself: a stored block
//! with those 32 KiB, then empty blocks of as many bits as the first byte has that belong to the span before.

use std::io::{self, Read as _};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder};

use super::{
    flatbuffer::{Broken, Table},
    malformed,
};
use crate::{
    base::index::{IndexError, table::Piece},
    image::Bytes,
    oci::Digest,
};

/// Bytes that a decoder may look back.
const WINDOW: usize = 32 << 10;
/// Where the span begins in the blob and in the tar, bits of the byte before, and the window.
const CHECKPOINT: usize = 8 + 8 + 1 + WINDOW;
/// How many checkpoints there are, and after how many bytes of the tar the next one may come.
const HEADER: usize = 4 + 8;
/// Bytes of the tar in one span; writers take 4 MiB.
const SPAN_LIMIT: u64 = 32 << 20;
/// Behind the last block of a gzip member.
const TRAILER: usize = 8;

/// The spans of a stream, in its order. None is empty.
pub(in crate::base::index) struct Spans(Vec<Span>);

struct Span {
    /// Where it begins in the blob, the byte it shares with the span before included.
    start: u64,
    end: u64,
    /// Where it begins in the tar.
    position: u64,
    /// Bytes of the tar.
    length: u64,
    /// How many of the first byte's bits belong to it, the highest ones: 0 stands for all.
    bits: u8,
    window: Bytes,
    /// Of the bytes in the blob.
    digest: Digest,
}

struct Checkpoint {
    start: u64,
    position: u64,
    bits: u8,
    window: Bytes,
}

impl Spans {
    /// Reads what the table in `bytes` says about the compression of a stream with so many bytes, before
    /// and after inflating.
    pub(super) fn parse(bytes: &Bytes, table: &Table<'_>, (stored, unpacked): (u64, u64)) -> Result<Self, IndexError> {
        let mut checkpoints = checkpoints(&bytes.slice_ref(table.bytes(3)?))?;
        let digests = table.vector(2)?;
        if digests.len() != checkpoints.len() || u64::from(table.short(1)?) + 1 != checkpoints.len() as u64 {
            return Err(malformed("it has not as many digests as spans"));
        }
        let end = Checkpoint { start: stored, position: unpacked, bits: 0, window: Bytes::new() };
        checkpoints.push(end);
        let mut spans = Vec::new();
        for (pair, digest) in checkpoints.windows(2).zip(digests.strings()) {
            let [this, next] = pair else { continue };
            let start = this.start.checked_sub((this.bits > 0).into()).ok_or(Broken)?;
            let length = next.position.checked_sub(this.position).ok_or(Broken)?;
            if this.bits > 7 || next.start <= this.start || length > SPAN_LIMIT {
                return Err(malformed("its spans do not lie side by side"));
            }
            if length == 0 {
                continue;
            }
            let digest = std::str::from_utf8(digest?).ok().and_then(|text| text.parse().ok());
            let digest = digest.ok_or_else(|| malformed("a digest is none"))?;
            let Checkpoint { position, bits, window, .. } = this;
            let (position, bits, window) = (*position, *bits, window.clone());
            spans.push(Span { start, end: next.start, position, length, bits, window, digest });
        }
        if spans.windows(2).any(|pair| pair[1].start <= pair[0].start)
            || spans.first().is_some_and(|first| first.position > 0)
        {
            return Err(malformed("its spans do not lie side by side"));
        }
        Ok(Self(spans))
    }

    /// Where the `size` bytes of the tar from `offset` on lie; nothing if they do not.
    pub(super) fn pieces(&self, offset: u64, size: u64) -> Option<Vec<Piece>> {
        let end = offset.checked_add(size)?;
        let first = self.0.partition_point(|span| span.position + span.length <= offset);
        let touched = self.0[first..].iter().take_while(|span| span.position < end);
        let piece = |span: &Span| {
            let from = offset.max(span.position);
            let size = end.min(span.position + span.length) - from;
            let (start, end, stored) = (span.start, span.end, Some(span.digest));
            Piece { start, end, skip: from - span.position, size, digest: None, stored }
        };
        let pieces: Vec<Piece> = touched.map(piece).collect();
        (pieces.iter().map(|piece| piece.size).sum::<u64>() == size).then_some(pieces)
    }

    /// The bytes of the tar in the span that begins at `start` of the blob, and whose bytes `stored` are.
    pub(in crate::base::index) fn inflate(&self, start: u64, stored: &[u8]) -> io::Result<Vec<u8>> {
        let found = self.0.binary_search_by_key(&start, |span| span.start);
        let span = &self.0[found.map_err(|_| io::ErrorKind::InvalidInput)?];
        let mut stream = span.resume(stored);
        stream.extend_from_slice(stored.get(usize::from(span.bits > 0)..).unwrap_or_default());
        let mut decoder = DeflateDecoder::new(&stream[..]);
        io::copy(&mut decoder.by_ref().take(span.window.len() as u64), &mut io::sink())?;
        let mut bytes = Vec::new();
        decoder.by_ref().take(span.length).read_to_end(&mut bytes)?;
        // Another member may follow.
        if let Some(rest) = decoder.into_inner().get(TRAILER..) {
            let missing = span.length - bytes.len() as u64;
            MultiGzDecoder::new(rest).take(missing).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }
}

fn checkpoints(bytes: &Bytes) -> Result<Vec<Checkpoint>, IndexError> {
    let count = bytes.first_chunk().map(|count| u32::from_le_bytes(*count) as usize).ok_or(Broken)?;
    let size = bytes.len().checked_sub(HEADER).ok_or(Broken)?;
    // Once the first was left out, because it is always behind the same ten bytes.
    let mut found = Vec::new();
    if count.checked_sub(1).and_then(|rest| rest.checked_mul(CHECKPOINT)) == Some(size) {
        found.push(Checkpoint { start: 10, position: 0, bits: 0, window: Bytes::new() });
    } else if count.checked_mul(CHECKPOINT) != Some(size) {
        return Err(malformed("it has not as many spans as it says"));
    }
    for at in (HEADER..bytes.len()).step_by(CHECKPOINT) {
        let number = |at: usize| bytes[at..].first_chunk().map(|number| u64::from_le_bytes(*number)).ok_or(Broken);
        let window = bytes.slice(at + CHECKPOINT - WINDOW..at + CHECKPOINT);
        found.push(Checkpoint { start: number(at)?, position: number(at + 8)?, bits: bytes[at + 16], window });
    }
    Ok(found)
}

impl Span {
    /// Deflate that brings a decoder to where the span begins. If the first byte of `stored` is shared, it comes
    /// along.
    fn resume(&self, stored: &[u8]) -> Vec<u8> {
        let mut prefix = Vec::new();
        if !self.window.is_empty() {
            let length = u16::try_from(self.window.len()).expect("a window has 32 KiB");
            // A stored block that is not the last.
            prefix.push(0);
            prefix.extend(length.to_le_bytes());
            prefix.extend((!length).to_le_bytes());
            prefix.extend(&self.window);
        }
        if let (1.., Some(first)) = (self.bits, stored.first()) {
            let others = 8 - self.bits;
            prefix.extend(filler(others).bytes);
            let last = prefix.last_mut().expect("a filler has bits");
            *last |= first >> others << others;
        }
        prefix
    }
}

/// Bits from the lowest of each byte on.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Of the last byte, that are taken.
    taken: u8,
}

impl Bits {
    fn push(&mut self, value: u32, count: u8) {
        for bit in 0..count {
            if self.taken == 0 {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().expect("there is room for the bit");
            *last |= u8::from(value >> bit & 1 == 1) << self.taken;
            self.taken = (self.taken + 1) % 8;
        }
    }

    /// A block with the fixed code and nothing in it: ten bits.
    fn fixed(&mut self) {
        self.push(0b010, 3);
        self.push(0, 7);
    }

    /// A block with a code of its own and nothing in it: 95 bits, an odd number.
    fn dynamic(&mut self) {
        self.push(0b100, 3);
        // 257 lengths of literals, one of distances, 18 of the code in which these are written.
        self.push(0, 5);
        self.push(0, 5);
        self.push(14, 4);
        // In the order that deflate gives them: 18 has one bit, 1 has two, 17 and 0 have three.
        for length in [0, 3, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2] {
            self.push(length, 3);
        }
        // 138 and 117 literals that do not occur, each as `18` and seven bits.
        for zeros in [138, 117] {
            self.push(0, 1);
            self.push(zeros - 11, 7);
        }
        // Literal 255 and the end of the block have one bit each: twice `1`, whose bits are 10.
        self.push(0b01, 2);
        self.push(0b01, 2);
        // No distance: `0`, whose bits are 110.
        self.push(0b011, 3);
        // The end.
        self.push(1, 1);
    }
}

/// Empty blocks that take `bits` more than whole bytes, 1 to 7 of them.
fn filler(bits: u8) -> Bits {
    let mut filler = Bits::default();
    if bits % 2 == 1 {
        filler.dynamic();
    }
    while filler.taken != bits {
        filler.fixed();
    }
    filler
}
