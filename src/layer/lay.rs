//! The one pass over a layer: every payload is inflated once, to be checked and hashed, and goes into
//! the gzip as it came. One gzip member, spliced at bit level:
//!
//! ```text
//! gzip header
//! per payload:  block of our own with padding and tar header | empty stored block (aligns)
//!               the payload's blocks, the last-block bit of its last block cleared
//! final block of our own with the end of the archive | CRC-32 | length
//! ```
//!
//! [RFC 1951](https://www.rfc-editor.org/rfc/rfc1951) section 3.2.3, [RFC 1952](https://www.rfc-editor.org/rfc/rfc1952)
//! section 2.3.

use std::thread;

use super::{
    Body, Item, LayerError, Node, Rope, Span,
    check::check_items,
    deflate::{BitWriter, Block},
    hashes::{CHUNK, Hashes, Threads},
    header,
    inflate::{Inflater, Stop},
    rope::OpenBlob,
};
use crate::{
    oci::{DiffId, Digest, Hasher},
    zip::{Method, Refusal},
};

/// Version of the layer format; part of every layer key.
pub const FORMAT: u32 = 1;

/// Gzip header: deflate, no name, no time, no hint, system unknown (255).
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Stored bytes read at a time.
const READ: usize = 128 * 1024;

/// Ranges shorter than this wait for the next block before they are passed on.
const SHORTEST_RANGE: u64 = 256 * 1024;

/// Literal bytes that are encoded together at most: bounds the encoder's memory.
const LARGEST_LITERAL: usize = 256 * 1024;

/// Longest stored block (RFC 1951, section 3.2.4).
const LONGEST_STORED: u64 = 65_535;

/// Two blocks of zeros end a tar.
const END_OF_ARCHIVE: usize = 2 * header::BLOCK;

/// A layer that has been made: its digests, and the rope that yields its bytes.
#[derive(Clone, Debug)]
pub struct Laid {
    /// SHA-256 of the tar.
    pub diff_id: DiffId,
    /// SHA-256 of the gzip.
    pub digest: Digest,
    /// The gzip.
    pub rope: Rope,
}

/// Lays `items` down as a gzipped tar; `advanced` hears of every piece of the tar, in bytes. The
/// result does not depend on `threads`.
///
/// # Errors
/// When items are not sorted or not distinct, when a path may not stand in a layer, and when contents
/// cannot be read or are not what their headers say.
pub fn lay(items: &[Item], threads: Threads, advanced: &(dyn Fn(u64) + Sync)) -> Result<Laid, LayerError> {
    check_items(items)?;
    thread::scope(|scope| {
        let mut pass = Pass::new(Hashes::new(threads, scope), advanced);
        let result = pass.run(items);
        // The hashing thread's own error says more than the broken channel it leaves behind.
        match (result, pass.hashes.finish()) {
            (Ok(()) | Err(LayerError::Thread), Err(error)) => Err(error),
            (Err(error), _) => Err(error),
            (Ok(()), Ok((diff_id, digest))) => Ok(Laid { diff_id, digest, rope: pass.rope }),
        }
    })
}

struct Pass<'scope, 'a> {
    hashes: Hashes<'scope>,
    advanced: &'a (dyn Fn(u64) + Sync),
    /// The tar since the last full buffer: the first `filled` of `CHUNK` bytes.
    tar: Vec<u8>,
    filled: usize,
    /// Bytes of the tar that stand in no payload and are not yet encoded.
    literals: Vec<u8>,
    writer: BitWriter,
    rope: Rope,
    crc: crc32fast::Hasher,
    length: u64,
    inflater: Inflater,
    input: Vec<u8>,
    open: OpenBlob,
}

impl<'scope, 'a> Pass<'scope, 'a> {
    fn new(hashes: Hashes<'scope>, advanced: &'a (dyn Fn(u64) + Sync)) -> Self {
        Self {
            hashes,
            advanced,
            tar: vec![0; CHUNK],
            filled: 0,
            literals: Vec::new(),
            writer: BitWriter::default(),
            rope: Rope::default(),
            crc: crc32fast::Hasher::new(),
            length: 0,
            inflater: Inflater::new(),
            input: vec![0; READ],
            open: OpenBlob::default(),
        }
    }

    fn run(&mut self, items: &[Item]) -> Result<(), LayerError> {
        self.writer.bytes(&GZIP_HEADER);
        for item in items {
            self.literal(&header::header(item))?;
            if let Node::File(body) = &item.node {
                self.body(body).map_err(|error| at(&item.path, error))?;
                self.literal(&[0; header::BLOCK][..header::padding(body.size())])?;
            }
        }
        self.literal(&[0; END_OF_ARCHIVE])?;
        self.encode(Block::Final);
        self.writer.align();
        self.writer.bytes(&self.crc.clone().finalize().to_le_bytes());
        self.writer.bytes(&self.length.to_le_bytes()[..4]);
        self.emit()?;
        self.flush_tar()
    }

    fn body(&mut self, body: &Body) -> Result<(), Fault> {
        match body {
            Body::Literal(bytes) => Ok(self.literal(bytes)?),
            Body::Span(span) => match span.method {
                Method::Stored => self.stored(span),
                Method::Deflate => self.deflated(span),
            },
        }
    }

    /// Bytes of the tar that are encoded by us.
    fn literal(&mut self, mut bytes: &[u8]) -> Result<(), LayerError> {
        self.crc.update(bytes);
        self.length += bytes.len() as u64;
        self.append_tar(bytes)?;
        while self.literals.len() + bytes.len() > LARGEST_LITERAL {
            let (now, later) = bytes.split_at(LARGEST_LITERAL - self.literals.len());
            self.literals.extend_from_slice(now);
            self.encode(Block::Inner);
            bytes = later;
        }
        self.literals.extend_from_slice(bytes);
        Ok(())
    }

    fn append_tar(&mut self, mut bytes: &[u8]) -> Result<(), LayerError> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.filled));
            self.tar[self.filled..][..now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
            if self.filled == CHUNK {
                self.flush_tar()?;
            }
        }
        Ok(())
    }

    fn flush_tar(&mut self) -> Result<(), LayerError> {
        let mut full = std::mem::take(&mut self.tar);
        full.truncate(self.filled);
        self.filled = 0;
        (self.advanced)(full.len() as u64);
        self.tar = self.hashes.tar(full)?;
        self.tar.resize(CHUNK, 0);
        Ok(())
    }

    fn encode(&mut self, block: Block) {
        self.writer.fixed_block(&self.literals, block);
        self.literals.clear();
    }

    fn emit(&mut self) -> Result<(), LayerError> {
        let bytes = self.writer.take();
        self.rope.push_literal(&bytes);
        self.hashes.literal(&bytes)
    }

    fn range(&mut self, span: &Span, from: u64, to: u64) -> Result<(), LayerError> {
        if to > from {
            self.rope.push_range(&span.blob, span.offset + from, to - from);
            self.hashes.range(&span.blob, span.offset + from, to - from)?;
        }
        Ok(())
    }

    /// Contents that are stored plainly become stored blocks.
    fn stored(&mut self, span: &Span) -> Result<(), Fault> {
        if span.size != span.compressed {
            return Err(Refusal::StoredSize.into());
        }
        if span.size > 0 {
            self.encode(Block::Inner);
        }
        let mut seen = Seen::new(span);
        let mut position = 0;
        while position < span.size {
            let length = LONGEST_STORED.min(span.size - position);
            self.writer.stored_header(u16::try_from(length).unwrap_or(u16::MAX));
            self.emit()?;
            let mut input = std::mem::take(&mut self.input);
            let chunk = &mut input[..usize::try_from(length).unwrap_or(READ)];
            let read = self.open.read(&span.blob, span.offset + position, chunk);
            read.map_err(|source| LayerError::Read { digest: *span.blob.digest(), source })?;
            seen.update(chunk);
            self.append_tar(chunk)?;
            self.input = input;
            self.range(span, position, position + length)?;
            position += length;
        }
        self.finish_payload(span, seen, span.size)
    }

    /// Deflated contents go in as they are, but for one bit.
    fn deflated(&mut self, span: &Span) -> Result<(), Fault> {
        if span.size > 0 {
            self.encode(Block::Inner);
            self.writer.align_with_empty_block();
            self.emit()?;
        }
        self.inflater.reset();
        let mut seen = Seen::new(span);
        let mut stream = Stream::default();
        let mut input = std::mem::take(&mut self.input);
        while !stream.ended {
            if stream.available() == 0 {
                self.refill(span, &mut stream, &mut input)?;
            }
            if self.filled == CHUNK {
                self.flush_tar()?;
            }
            self.inflate_some(span, &mut stream, &input, &mut seen)?;
        }
        if stream.last_end.div_ceil(8) != span.compressed {
            return Err(Refusal::StreamEndsEarly.into());
        }
        if span.size > 0 {
            self.close(span, &stream, &input)?;
        }
        self.input = input;
        self.finish_payload(span, seen, stream.produced)
    }

    fn refill(&mut self, span: &Span, stream: &mut Stream, input: &mut [u8]) -> Result<(), Fault> {
        let position = stream.position();
        let left = span.compressed - position;
        if left == 0 {
            return Err(Refusal::StreamEndsLate.into());
        }
        let length = usize::try_from(left).unwrap_or(READ).min(READ);
        let read = self.open.read(&span.blob, span.offset + position, &mut input[..length]);
        read.map_err(|source| LayerError::Read { digest: *span.blob.digest(), source })?;
        *stream = Stream { window: position, used: 0, filled: length, ..*stream };
        Ok(())
    }

    fn inflate_some(&mut self, span: &Span, stream: &mut Stream, input: &[u8], seen: &mut Seen) -> Result<(), Fault> {
        let start = self.filled;
        let step = self.inflater.step(&input[stream.used..stream.filled], &mut self.tar[start..]);
        let step = step.map_err(|_| Refusal::Stream)?;
        self.filled += step.produced;
        seen.update(&self.tar[start..self.filled]);
        stream.used += step.consumed;
        stream.produced += step.produced as u64;
        if stream.produced > span.size {
            return Err(Refusal::Size.into());
        }
        match step.stop {
            Stop::Running if step.consumed == 0 && step.produced == 0 && stream.available() > 0 => {
                return Err(Refusal::Stream.into());
            }
            Stop::Running => {}
            Stop::End => stream.ended = true,
            // zlib would say `End` in the next call, but by then it has dropped the position.
            Stop::BlockEnd { bit, last: true } => {
                stream.last_end = bit;
                stream.ended = true;
            }
            Stop::BlockEnd { bit, last: false } => {
                stream.last_start = bit;
                if span.size > 0 && bit / 8 >= stream.passed_on + SHORTEST_RANGE {
                    self.range(span, stream.passed_on, bit / 8)?;
                    stream.passed_on = bit / 8;
                }
            }
        }
        Ok(())
    }

    /// Passes the rest of a stream on: its last block no longer claims to be the last, and the bits
    /// of its last byte that do not belong to it are left for the next block.
    fn close(&mut self, span: &Span, stream: &Stream, input: &[u8]) -> Result<(), Fault> {
        let (marked, end) = (stream.last_start / 8, stream.last_end / 8);
        let spare = u32::try_from(stream.last_end % 8).unwrap_or_default();
        self.range(span, stream.passed_on, marked)?;
        let byte = self.byte_at(span, stream, input, marked)?;
        self.writer.bytes(&[byte & !(1 << (stream.last_start % 8))]);
        self.emit()?;
        self.range(span, marked + 1, end)?;
        if spare > 0 {
            let byte = self.byte_at(span, stream, input, end)?;
            self.writer.bits(u32::from(byte) & ((1 << spare) - 1), spare);
        }
        Ok(())
    }

    fn byte_at(&mut self, span: &Span, stream: &Stream, input: &[u8], position: u64) -> Result<u8, LayerError> {
        let inside = position.checked_sub(stream.window).and_then(|inside| usize::try_from(inside).ok());
        if let Some(byte) = inside.and_then(|inside| input[..stream.filled].get(inside)) {
            return Ok(*byte);
        }
        let mut byte = [0];
        let read = self.open.read(&span.blob, span.offset + position, &mut byte);
        read.map_err(|source| LayerError::Read { digest: *span.blob.digest(), source })?;
        Ok(byte[0])
    }

    fn finish_payload(&mut self, span: &Span, seen: Seen, produced: u64) -> Result<(), Fault> {
        if produced != span.size {
            return Err(Refusal::Size.into());
        }
        self.length += produced;
        self.crc.combine(&seen.crc);
        if seen.crc.finalize() != span.crc32 {
            return Err(Refusal::Checksum.into());
        }
        let digest = seen.sha256.map(Hasher::finish);
        if digest == span.sha256 { Ok(()) } else { Err(Refusal::Record.into()) }
    }
}

/// What the contents of one payload add up to.
struct Seen {
    crc: crc32fast::Hasher,
    sha256: Option<Hasher>,
}

impl Seen {
    fn new(span: &Span) -> Self {
        Self { crc: crc32fast::Hasher::new(), sha256: span.sha256.map(|_| Hasher::new()) }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
    }
}

/// Where the pass stands in one deflate stream; bits and bytes are counted from its start.
#[derive(Clone, Copy, Default)]
struct Stream {
    /// Where the bytes in hand begin.
    window: u64,
    /// How many of them are used up.
    used: usize,
    /// How many of them there are.
    filled: usize,
    /// Bytes inflated.
    produced: u64,
    /// Bytes that have gone into the rope.
    passed_on: u64,
    /// Bit at which the newest block began.
    last_start: u64,
    /// Bit at which the last block ended.
    last_end: u64,
    ended: bool,
}

impl Stream {
    const fn available(&self) -> usize {
        self.filled - self.used
    }

    const fn position(&self) -> u64 {
        self.window + self.used as u64
    }
}

/// A refusal that does not know its path yet, or a complete error.
enum Fault {
    Refused(Refusal),
    Layer(LayerError),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<LayerError> for Fault {
    fn from(error: LayerError) -> Self {
        Self::Layer(error)
    }
}

fn at(path: &str, fault: Fault) -> LayerError {
    match fault {
        Fault::Refused(refusal) => LayerError::Contents { path: path.to_owned(), refusal },
        Fault::Layer(error) => error,
    }
}

#[cfg(test)]
mod tests;
