//! The one pass over a layer: the tar is put together, and every payload is inflated once, to be
//! checked and hashed.

use super::{Laid, Witness};
use crate::{
    layer::{
        Body, Item, LayerError, Node, Span,
        hashes::CHUNK,
        header,
        inflate::{Inflater, Stop},
        rope::OpenBlob,
    },
    oci::Hasher,
    zip::{Method, Refusal},
};

/// Stored bytes read at a time.
pub(super) const READ: usize = 128 * 1024;

/// Longest stored block of a deflate stream (RFC 1951, section 3.2.4).
const LONGEST_STORED: u64 = 65_535;

/// Two blocks of zeros end a tar.
pub(super) const END_OF_ARCHIVE: [u8; 2 * header::BLOCK] = [0; 2 * header::BLOCK];

/// What a format makes of a tar. Calls come in the order of the tar.
pub(super) trait Output {
    /// Takes a buffer of [`CHUNK`] bytes, of which the first `filled` continue the tar, and gives
    /// one back.
    fn tar(&mut self, buffer: Vec<u8>, filled: usize) -> Result<Vec<u8>, LayerError>;

    /// An item begins.
    fn item(&mut self, _: &Item) -> Result<(), LayerError> {
        Ok(())
    }

    /// Bytes of the tar that stand in no file.
    fn between(&mut self, bytes: &[u8]) -> Result<(), LayerError>;

    /// A file begins.
    fn begin(&mut self, body: &Body) -> Result<(), LayerError>;

    /// Contents of the file; of stored ones at most 65 535 bytes at once.
    fn contents(&mut self, body: &Body, bytes: &[u8]) -> Result<(), LayerError>;

    /// In the deflate stream of the file, a block that is not the last ended at `bit`.
    fn block(&mut self, _: &Span, _: u64) -> Result<(), LayerError> {
        Ok(())
    }

    /// The file is over, and was what it was said to be. `cut` belongs to deflate streams.
    fn end(&mut self, item: &Item, body: &Body, cut: Option<Cut>) -> Result<(), LayerError>;

    /// The last item is over; gives what ends the tar, which is not handed over again.
    fn end_of_archive(&mut self) -> Result<Vec<u8>, LayerError>;

    /// The layer, if the pass was successful.
    fn finish(self, result: Result<(), LayerError>) -> Result<Laid, LayerError>;
}

/// Where the last block of a deflate stream lies, counted in bits from the start of the stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Its first bit, which says that it is the last.
    pub(super) start: u64,
    /// Behind its last bit.
    pub(super) end: u64,
    /// The byte that holds the first bit.
    pub(super) first: u8,
    /// The stream's last byte.
    pub(super) last: u8,
}

/// Who hears of a pass.
pub(super) struct Audience<'a> {
    /// Of every piece of the tar, in bytes.
    pub(super) advanced: &'a (dyn Fn(u64) + Sync),
    pub(super) witness: Option<&'a mut dyn Witness>,
}

/// Lays `items` down into `output`.
pub(super) fn run<'i, O: Output>(
    items: impl IntoIterator<Item = &'i Item>,
    output: O,
    audience: Audience<'_>,
) -> Result<Laid, LayerError> {
    let mut pass = Pass::new(output, audience);
    let result = pass.all(items);
    pass.output.finish(result)
}

/// Bytes of the tar of `items`.
pub(super) fn tar_size(items: &[Item]) -> u64 {
    let body = |item: &Item| if let Node::File(body) = &item.node { body.size() } else { 0 };
    let one = |item: &Item| header::header(item).len() as u64 + body(item) + header::padding(body(item)) as u64;
    items.iter().map(one).sum::<u64>() + END_OF_ARCHIVE.len() as u64
}

impl Audience<'_> {
    fn contents(&mut self, bytes: &[u8]) {
        if let Some(witness) = &mut self.witness {
            witness.contents(bytes);
        }
    }
}

struct Pass<'a, O> {
    output: O,
    audience: Audience<'a>,
    /// The tar since the last full buffer: the first `filled` of always [`CHUNK`] bytes.
    tar: Vec<u8>,
    filled: usize,
    inflater: Inflater,
    input: Vec<u8>,
    open: OpenBlob,
}

impl<'a, O: Output> Pass<'a, O> {
    fn new(output: O, audience: Audience<'a>) -> Self {
        Self {
            output,
            audience,
            tar: vec![0; CHUNK],
            filled: 0,
            inflater: Inflater::new(),
            input: vec![0; READ],
            open: OpenBlob::default(),
        }
    }

    fn all<'i>(&mut self, items: impl IntoIterator<Item = &'i Item>) -> Result<(), LayerError> {
        for item in items {
            self.output.item(item)?;
            if let Some(witness) = &mut self.audience.witness {
                witness.item(item);
            }
            self.between(&header::header(item))?;
            if let Node::File(body) = &item.node {
                self.output.begin(body)?;
                let cut = self.body(body).map_err(|error| at(&item.path, error))?;
                self.output.end(item, body, cut)?;
                self.between(&[0; header::BLOCK][..header::padding(body.size())])?;
            }
        }
        let end = self.output.end_of_archive()?;
        if let Some(witness) = &mut self.audience.witness {
            witness.end(&end);
        }
        self.append(&end)?;
        self.flush()
    }

    fn between(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.append(bytes)?;
        self.output.between(bytes)
    }

    fn body(&mut self, body: &Body) -> Result<Option<Cut>, Fault> {
        match body {
            Body::Literal(bytes) => {
                self.append(bytes)?;
                self.output.contents(body, bytes)?;
                self.audience.contents(bytes);
                Ok(None)
            }
            Body::Span(span) => match span.method {
                Method::Stored => self.stored(body, span).map(|()| None),
                Method::Deflate => self.deflated(body, span).map(Some),
            },
        }
    }

    fn append(&mut self, mut bytes: &[u8]) -> Result<(), LayerError> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.filled));
            self.tar[self.filled..self.filled + now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
            if self.filled == CHUNK {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), LayerError> {
        (self.audience.advanced)(self.filled as u64);
        self.tar = self.output.tar(std::mem::take(&mut self.tar), self.filled)?;
        self.filled = 0;
        Ok(())
    }

    /// Contents that are stored plainly.
    fn stored(&mut self, body: &Body, span: &Span) -> Result<(), Fault> {
        if span.size != span.compressed {
            return Err(Refusal::StoredSize.into());
        }
        let mut seen = Seen::new(span);
        let mut position = 0;
        while position < span.size {
            let length = LONGEST_STORED.min(span.size - position);
            let mut input = std::mem::take(&mut self.input);
            let chunk = &mut input[..usize::try_from(length).unwrap_or(READ)];
            self.read(span, position, chunk)?;
            seen.update(chunk);
            self.append(chunk)?;
            self.output.contents(body, chunk)?;
            self.audience.contents(chunk);
            self.input = input;
            position += length;
        }
        seen.verify(span, span.size)
    }

    /// Contents that are deflated: the stream must end exactly where it was said to.
    fn deflated(&mut self, body: &Body, span: &Span) -> Result<Cut, Fault> {
        self.inflater.reset();
        let mut seen = Seen::new(span);
        let mut stream = Stream::default();
        let mut input = std::mem::take(&mut self.input);
        while !stream.ended {
            if stream.available() == 0 && stream.position() < span.compressed {
                self.refill(span, &mut stream, &mut input)?;
            }
            if self.filled == CHUNK {
                self.flush()?;
            }
            let from = self.filled;
            self.inflate_some(span, &mut stream, &input)?;
            let fresh = &self.tar[from..self.filled];
            seen.update(fresh);
            self.audience.contents(fresh);
            self.output.contents(body, fresh)?;
        }
        if stream.last_end.div_ceil(8) != span.compressed {
            return Err(Refusal::StreamEndsEarly.into());
        }
        let cut = Cut {
            start: stream.last_start,
            end: stream.last_end,
            first: self.byte_at(span, &stream, &input, stream.last_start / 8)?,
            last: self.byte_at(span, &stream, &input, span.compressed - 1)?,
        };
        self.input = input;
        seen.verify(span, stream.produced)?;
        Ok(cut)
    }

    fn refill(&mut self, span: &Span, stream: &mut Stream, input: &mut [u8]) -> Result<(), LayerError> {
        let position = stream.position();
        let length = usize::try_from(span.compressed - position).unwrap_or(input.len()).min(input.len());
        self.read(span, position, &mut input[..length])?;
        *stream = Stream { window: position, used: 0, filled: length, ..*stream };
        Ok(())
    }

    fn inflate_some(&mut self, span: &Span, stream: &mut Stream, input: &[u8]) -> Result<(), Fault> {
        let step = self.inflater.step(&input[stream.used..stream.filled], &mut self.tar[self.filled..]);
        let step = step.map_err(|_| Refusal::Stream)?;
        self.filled += step.produced;
        stream.used += step.consumed;
        stream.produced += step.produced as u64;
        if stream.produced > span.size {
            return Err(Refusal::Size.into());
        }
        match step.stop {
            // There was room, and all there is was given: what is missing is not there. That the input
            // is used up does not say so by itself: what it means may not have fitted in the buffer yet.
            Stop::Running if step.consumed == 0 && step.produced == 0 => {
                let late = stream.position() == span.compressed;
                return Err(if late { Refusal::StreamEndsLate } else { Refusal::Stream }.into());
            }
            Stop::Running => {}
            // zlib says `End` in the call after the end of the last block; it has dropped the position by
            // then, and is not called again.
            Stop::End => return Err(Refusal::Stream.into()),
            Stop::BlockEnd { bit, last: true } => {
                stream.last_end = bit;
                stream.ended = true;
            }
            Stop::BlockEnd { bit, last: false } => {
                stream.last_start = bit;
                self.output.block(span, bit)?;
            }
        }
        Ok(())
    }

    fn byte_at(&mut self, span: &Span, stream: &Stream, input: &[u8], position: u64) -> Result<u8, LayerError> {
        let inside = position.checked_sub(stream.window).and_then(|inside| usize::try_from(inside).ok());
        if let Some(byte) = inside.and_then(|inside| input[..stream.filled].get(inside)) {
            return Ok(*byte);
        }
        let mut byte = [0];
        self.read(span, position, &mut byte)?;
        Ok(byte[0])
    }

    fn read(&mut self, span: &Span, position: u64, buffer: &mut [u8]) -> Result<(), LayerError> {
        let read = self.open.read(&span.blob, span.offset + position, buffer);
        read.map_err(|source| LayerError::Read { digest: *span.blob.digest(), source })
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

    fn verify(self, span: &Span, produced: u64) -> Result<(), Fault> {
        if produced != span.size {
            Err(Refusal::Size.into())
        } else if self.crc.finalize() != span.crc32 {
            Err(Refusal::Checksum.into())
        } else if self.sha256.map(Hasher::finish) != span.sha256 {
            Err(Refusal::Record.into())
        } else {
            Ok(())
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
