//! Gzip by transplant: the deflate streams of wheels go into the layer as they came, but for one bit.
//! One gzip member, spliced at bit level:
//!
//! ```text
//! gzip header
//! per payload:  block of our own with padding and tar header | empty stored block (aligns)
//!               the payload's blocks, the last-block bit of its last block cleared
//! final block of our own with the end of the archive | CRC-32 | length
//! ```
//!
//! No byte depends on a compressor. [RFC 1951](https://www.rfc-editor.org/rfc/rfc1951) section 3.2.3,
//! [RFC 1952](https://www.rfc-editor.org/rfc/rfc1952) section 2.3.

use super::{
    Laid,
    pass::{Cut, END_OF_ARCHIVE, Output},
};
use crate::{
    layer::{
        Body, Item, LayerError, Method, Rope, Span,
        deflate::{BitWriter, Block, GZIP_HEADER, LARGEST_LITERAL},
        hashes::Hashes,
    },
    oci::{Descriptor, MediaType},
};

/// Ranges shorter than this wait for the next block before they are passed on.
const SHORTEST_RANGE: u64 = 256 * 1024;

pub(super) struct Splice<'scope> {
    hashes: Hashes<'scope>,
    /// Bytes of the tar that stand in no payload and are not yet encoded.
    literals: Vec<u8>,
    writer: BitWriter,
    rope: Rope,
    crc: crc32fast::Hasher,
    length: u64,
    /// Bytes of the present payload's stream that have gone into the rope.
    passed_on: u64,
}

impl<'scope> Splice<'scope> {
    pub(super) fn new(hashes: Hashes<'scope>) -> Self {
        let mut writer = BitWriter::default();
        writer.bytes(&GZIP_HEADER);
        Self {
            hashes,
            literals: Vec::new(),
            writer,
            rope: Rope::default(),
            crc: crc32fast::Hasher::new(),
            length: 0,
            passed_on: 0,
        }
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

    /// Passes the stream on up to the byte `to`.
    fn pass_on(&mut self, span: &Span, to: u64) -> Result<(), LayerError> {
        let from = std::mem::replace(&mut self.passed_on, to);
        if to > from {
            self.rope.push_range(&span.blob, span.offset + from, to - from);
            self.hashes.range(&span.blob, span.offset + from, to - from)?;
        }
        Ok(())
    }

    /// Passes the rest of a stream on: its last block no longer claims to be the last, and the bits
    /// of its last byte that do not belong to it are left for the next block. The last block has ten
    /// bits at least, so that it never ends in the byte in which it begins.
    fn close(&mut self, span: &Span, cut: Cut) -> Result<(), LayerError> {
        let marked = cut.start / 8;
        self.pass_on(span, marked)?;
        self.writer.bytes(&[cut.first & !(1 << (cut.start % 8))]);
        self.emit()?;
        self.passed_on = marked + 1;
        self.pass_on(span, cut.end / 8)?;
        let spare = u32::try_from(cut.end % 8).unwrap_or_default();
        self.writer.bits(u32::from(cut.last) & ((1 << spare) - 1), spare);
        Ok(())
    }
}

impl Output for Splice<'_> {
    fn tar(&mut self, buffer: Vec<u8>, filled: usize) -> Result<Vec<u8>, LayerError> {
        self.hashes.tar(buffer, filled)
    }

    fn between(&mut self, mut bytes: &[u8]) -> Result<(), LayerError> {
        self.crc.update(bytes);
        self.length += bytes.len() as u64;
        while self.literals.len() + bytes.len() > LARGEST_LITERAL {
            let (now, later) = bytes.split_at(LARGEST_LITERAL - self.literals.len());
            self.literals.extend_from_slice(now);
            self.encode(Block::Inner);
            bytes = later;
        }
        self.literals.extend_from_slice(bytes);
        Ok(())
    }

    fn begin(&mut self, body: &Body) -> Result<(), LayerError> {
        self.passed_on = 0;
        let Body::Span(span) = body else { return Ok(()) };
        if span.size > 0 {
            self.encode(Block::Inner);
            if span.method == Method::Deflate {
                self.writer.align_with_empty_block();
                self.emit()?;
            }
        }
        Ok(())
    }

    /// Contents that are stored plainly become stored blocks.
    fn contents(&mut self, body: &Body, bytes: &[u8]) -> Result<(), LayerError> {
        match body {
            Body::Literal(_) => self.between(bytes),
            Body::Span(span) if span.method == Method::Stored => {
                let length = u16::try_from(bytes.len()).expect("stored contents come in short pieces");
                self.writer.stored_header(length);
                self.emit()?;
                self.pass_on(span, self.passed_on + u64::from(length))
            }
            Body::Span(_) => Ok(()),
        }
    }

    fn block(&mut self, span: &Span, bit: u64) -> Result<(), LayerError> {
        if span.size > 0 && bit / 8 >= self.passed_on + SHORTEST_RANGE {
            self.pass_on(span, bit / 8)?;
        }
        Ok(())
    }

    fn end(&mut self, _: &Item, body: &Body, cut: Option<Cut>) -> Result<(), LayerError> {
        let Body::Span(span) = body else { return Ok(()) };
        self.length += span.size;
        self.crc.combine(&crc32fast::Hasher::new_with_initial_len(span.crc32, span.size));
        match cut {
            Some(cut) if span.size > 0 => self.close(span, cut),
            _ => Ok(()),
        }
    }

    fn end_of_archive(&mut self) -> Result<Vec<u8>, LayerError> {
        self.between(&END_OF_ARCHIVE)?;
        self.encode(Block::Final);
        self.writer.align();
        self.writer.bytes(&self.crc.clone().finalize().to_le_bytes());
        self.writer.bytes(&self.length.to_le_bytes()[..4]);
        self.emit()?;
        Ok(END_OF_ARCHIVE.to_vec())
    }

    fn finish(self, result: Result<(), LayerError>) -> Result<Laid, LayerError> {
        let sums = self.hashes.finish(result)?;
        let descriptor = Descriptor::new(MediaType::ImageLayerGzip, sums.blob, self.rope.length());
        Ok(Laid { diff_id: sums.diff_id, descriptor, rope: self.rope })
    }
}
