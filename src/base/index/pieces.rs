//! Files out of a stretch of a blob, each piece checked before anybody sees it.

use std::{
    io::{self, Read as _},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    IndexError, Run,
    soci::Spans,
    table::{File, Piece},
};
use crate::{
    base::entries::{EVIDENCE_LIMIT, Told, read_file, weight},
    elf::{Collector, Detail},
    image::PieceReader,
    oci::{Digest, Hasher},
};

/// Bytes that were compressed together; writers take 4 MiB.
const UNIT_LIMIT: u64 = 64 << 20;

/// A path, and what the bytes there tell.
pub(super) type Read = (String, Told);

/// How pieces are compressed.
#[derive(Clone)]
pub(super) enum Codec {
    Gzip,
    Zstd,
    /// Stretches of one stream, each with what is needed to begin there.
    Spans(Arc<Spans>),
}

impl Codec {
    /// The bytes of one gzip member at the start of `stored`, which lies at `start` of the blob, or of all frames
    /// in it: at most `limit`.
    pub(super) fn decode(&self, stored: &[u8], start: u64, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Self::Spans(spans) => return spans.inflate(start, stored),
            Self::Gzip => flate2::bufread::GzDecoder::new(stored).take(limit + 1).read_to_end(&mut bytes)?,
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::Decoder::with_buffer(stored)?.take(limit + 1).read_to_end(&mut bytes)?,
            #[cfg(not(feature = "zstd"))]
            Self::Zstd => return Err(io::Error::new(io::ErrorKind::Unsupported, "this build cannot read Zstandard")),
        };
        if bytes.len() as u64 > limit { Err(invalid("a piece is too large".to_owned())) } else { Ok(bytes) }
    }
}

/// Reads the files of `run` out of its bytes; `told` is how many bytes of evidence the files of the layer have left so
/// far.
pub(super) fn read_run(
    bytes: &mut PieceReader,
    run: &Run,
    codec: &Codec,
    told: &AtomicUsize,
) -> Result<Vec<Read>, IndexError> {
    let mut window = Window { bytes, position: run.start, last: None, codec, unit: None };
    let mut collector = Collector::new(Detail::Symbols);
    let mut found = Vec::new();
    for file in &run.files {
        let (path, (evidence, elf)) = read(&mut window, file, &mut collector)?;
        let weight = weight(evidence.as_deref(), elf.as_deref());
        if told.fetch_add(weight, Ordering::Relaxed) + weight > EVIDENCE_LIMIT {
            return Err(invalid("its files tell too much".to_owned()).into());
        }
        found.push((path, (evidence, elf)));
    }
    Ok(found)
}

fn read(window: &mut Window<'_>, file: &File, collector: &mut Collector) -> Result<Read, IndexError> {
    let mut content =
        Content { window, pieces: file.pieces.iter(), current: io::Cursor::default(), hasher: Hasher::new() };
    let told = read_file(&file.path, file.size, &mut content, collector)?;
    // What nobody wanted to see is checked nevertheless.
    io::copy(&mut content, &mut io::sink())?;
    let found = content.hasher.finish();
    match file.digest {
        Some(expected) if expected != found => Err(IndexError::Digest { subject: file.path.clone(), expected }),
        _ => Ok((file.path.clone(), told)),
    }
}

/// The bytes of a run, as far as they have come.
struct Window<'r> {
    bytes: &'r mut PieceReader,
    /// Of the next byte, in the blob.
    position: u64,
    /// The byte before it: two spans share one where a block does not end with a byte.
    last: Option<u8>,
    codec: &'r Codec,
    /// What was decompressed last: several small files may share it.
    unit: Option<Unit>,
}

/// Bytes that were compressed together.
struct Unit {
    /// Where they begin in the blob.
    start: u64,
    bytes: Vec<u8>,
    /// Those before belong to files that were read.
    taken: usize,
}

impl Window<'_> {
    fn piece(&mut self, piece: &Piece) -> io::Result<Vec<u8>> {
        if self.unit.as_ref().is_none_or(|unit| unit.start != piece.start) {
            self.unit = Some(Unit { start: piece.start, bytes: self.decode(piece)?, taken: 0 });
        }
        let unit = self.unit.as_mut().ok_or(io::ErrorKind::UnexpectedEof)?;
        let begin = usize::try_from(piece.skip).unwrap_or(usize::MAX);
        let size = usize::try_from(piece.size).unwrap_or(usize::MAX);
        // Few bytes of a blob could be any number of files.
        if begin < unit.taken {
            return Err(invalid("files lie over each other".to_owned()));
        }
        let bytes = unit.bytes.get(begin..).and_then(|rest| rest.get(..size));
        let bytes = bytes.ok_or_else(|| invalid("a piece is too short".to_owned()))?;
        unit.taken = begin + size;
        match piece.digest {
            Some(expected) if Digest::of(bytes) != expected => {
                Err(invalid(format!("a piece has another digest than {expected}")))
            }
            _ => Ok(bytes.to_vec()),
        }
    }

    fn decode(&mut self, piece: &Piece) -> io::Result<Vec<u8>> {
        let length = piece.end - piece.start;
        if length > UNIT_LIMIT {
            return Err(invalid("a piece is too large".to_owned()));
        }
        let shared = self.last.filter(|_| piece.start + 1 == self.position);
        let mut stored: Vec<u8> = shared.into_iter().collect();
        let begun = stored.len() as u64;
        let gap = (piece.start + begun).checked_sub(self.position);
        let gap = gap.ok_or_else(|| invalid("pieces overlap".to_owned()))?;
        io::copy(&mut self.bytes.by_ref().take(gap), &mut io::sink())?;
        self.bytes.by_ref().take(length - begun).read_to_end(&mut stored)?;
        if stored.len() as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        (self.position, self.last) = (piece.end, stored.last().copied());
        match piece.stored {
            Some(expected) if Digest::of(&stored) != expected => {
                Err(invalid(format!("a stretch of the blob has another digest than {expected}")))
            }
            _ => self.codec.decode(&stored, piece.start, UNIT_LIMIT),
        }
    }
}

/// The bytes of a file.
struct Content<'w, 'r, 'f> {
    window: &'w mut Window<'r>,
    pieces: std::slice::Iter<'f, Piece>,
    current: io::Cursor<Vec<u8>>,
    hasher: Hasher,
}

impl io::Read for Content<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.current.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                self.hasher.update(&buffer[..count]);
                return Ok(count);
            }
            match self.pieces.next() {
                Some(piece) => self.current = io::Cursor::new(self.window.piece(piece)?),
                None => return Ok(0),
            }
        }
    }
}

fn invalid(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
