//! Reading a file that streams past, with bounded memory.

use std::{
    io::{self, Read},
    ops::Range,
};

use super::{
    Detail, Elf, Malformed,
    dynamic::parse,
    header::{DYNAMIC, HEADER_SIZE, Header, INTERPRETER, LOAD, MAGIC, Segment},
    held::{Held, Stop},
};

/// Files of this many bytes are held whole.
const WHOLE: u64 = 1 << 20;
/// Bytes at a file's beginning: its program headers, as a rule, and the tables that linkers put first.
const HEAD: u64 = 40 << 20;
/// Bytes from the dynamic section on, where patchelf puts what it has changed.
const TAIL: u64 = 11 << 20;
/// Bytes of other segments, the small ones first: patchelf makes one for each table that it moves.
const SEGMENTS: u64 = 11 << 20;
/// Most bytes of one file that are held.
pub const MEMORY_LIMIT: u64 = WHOLE + HEAD + TAIL + SEGMENTS;
/// Before the program headers are known, everything is held.
const START: u64 = 4096;
/// How often a file is read again at most: for program headers, dynamic section, hash table, the others.
const ROUNDS: usize = 4;

/// What was found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collected {
    /// It is neither program nor library.
    Foreign,
    /// It is one.
    Elf(Box<Elf>),
    /// It should be one, but no loader would load it.
    Malformed(Malformed),
    /// Its tables lie where none were expected: it has to stream past once more, with
    /// [`Collector::again`].
    Unread(Unread),
}

impl Collected {
    /// What is to be kept of it, where it does not stream past again; nothing for other files.
    #[must_use]
    pub fn settled(self) -> Option<Result<Elf, Malformed>> {
        match self {
            Self::Foreign => None,
            Self::Elf(elf) => Some(Ok(*elf)),
            Self::Malformed(malformed) => Some(Err(malformed)),
            Self::Unread(_) => Some(Err(Malformed::Scattered)),
        }
    }
}

/// Parts of a file that have yet to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    ranges: Vec<Range<u64>>,
    rounds: usize,
}

/// Takes a file in pieces and keeps what may be needed of it: at most [`MEMORY_LIMIT`] bytes.
///
/// ```
/// use wheelwright::elf::{Collected, Collector, Detail};
///
/// let mut collector = Collector::new(Detail::Linking);
/// collector.begin(9);
/// collector.write(b"#!/bin");
/// collector.write(b"/sh");
/// assert_eq!(collector.finish(), Collected::Foreign);
/// ```
#[derive(Debug)]
pub struct Collector {
    detail: Detail,
    size: u64,
    position: u64,
    stage: Stage,
    rounds: usize,
    /// What is kept, in order; none touches the next.
    parts: Vec<Part>,
    /// Memory of former parts.
    spare: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is not known yet what is to be kept.
    Start,
    Planned,
    Foreign,
}

#[derive(Debug)]
struct Part {
    range: Range<u64>,
    bytes: Vec<u8>,
}

impl Collector {
    /// One that reads so much of each file.
    #[must_use]
    pub const fn new(detail: Detail) -> Self {
        Self { detail, size: 0, position: 0, stage: Stage::Foreign, rounds: 0, parts: Vec::new(), spare: Vec::new() }
    }

    /// A file of `size` bytes begins.
    pub fn begin(&mut self, size: u64) {
        let start = size.min(if size <= WHOLE { WHOLE } else { START });
        self.start_over(size, 0);
        self.keep(std::iter::once(0..start));
        self.stage = if size < HEADER_SIZE as u64 { Stage::Foreign } else { Stage::Start };
    }

    /// The file of `size` bytes begins once more, of which `unread` is missing.
    pub fn again(&mut self, size: u64, unread: &Unread) {
        self.start_over(size, unread.rounds);
        self.keep(unread.ranges.clone());
        self.stage = Stage::Planned;
    }

    /// Takes the next bytes of the file.
    pub fn write(&mut self, mut bytes: &[u8]) {
        if self.stage == Stage::Start {
            let wanted = self.parts.first().map_or(0, |part| part.range.end - self.position);
            let now = usize::try_from(wanted).unwrap_or(usize::MAX).min(bytes.len());
            self.take_in(&bytes[..now]);
            bytes = &bytes[now..];
            self.plan();
        }
        if self.stage == Stage::Planned {
            self.take_in(bytes);
        }
    }

    /// What the file was.
    pub fn finish(&mut self) -> Collected {
        if self.stage == Stage::Foreign {
            return Collected::Foreign;
        }
        if self.position != self.size {
            return Collected::Malformed(Malformed::Truncated);
        }
        let parts = self.parts.iter().map(|part| (part.range.start, &part.bytes[..])).collect();
        match parse(&Held { size: self.size, parts }, self.detail) {
            Ok(None) => Collected::Foreign,
            Ok(Some(elf)) => Collected::Elf(Box::new(elf)),
            Err(Stop::Malformed(malformed)) => Collected::Malformed(malformed),
            Err(Stop::Unread(more)) => self.unread(more),
        }
    }

    fn unread(&self, more: Vec<Range<u64>>) -> Collected {
        let mut ranges = more;
        if self.rounds == 0 {
            // What the dynamic section names is asked for all at once: the rest was held only in case.
            ranges.push(0..HEADER_SIZE as u64);
            ranges.extend(self.needed_by_headers());
        } else {
            ranges.extend(self.parts.iter().map(|part| part.range.clone()));
        }
        let ranges = joined(ranges);
        let total: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        if total > MEMORY_LIMIT || self.rounds == ROUNDS {
            return Collected::Malformed(Malformed::TooMuch);
        }
        Collected::Unread(Unread { ranges, rounds: self.rounds + 1 })
    }

    fn start_over(&mut self, size: u64, rounds: usize) {
        (self.size, self.position, self.rounds) = (size, 0, rounds);
        for part in self.parts.drain(..) {
            let mut bytes = part.bytes;
            bytes.clear();
            self.spare.push(bytes);
        }
        // The longest last, to be taken first.
        self.spare.sort_by_key(Vec::capacity);
        let extra = self.spare.len().saturating_sub(4);
        self.spare.drain(..extra);
    }

    /// Adds parts behind those that are there.
    fn keep(&mut self, ranges: impl IntoIterator<Item = Range<u64>>) {
        for range in ranges {
            let bytes = self.spare.pop().unwrap_or_default();
            self.parts.push(Part { range, bytes });
        }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        let (start, end) = (self.position, self.position + bytes.len() as u64);
        for part in &mut self.parts {
            let (from, to) = (part.range.start.max(start), part.range.end.min(end));
            if from < to
                && let (Ok(from), Ok(to)) = (usize::try_from(from - start), usize::try_from(to - start))
            {
                part.bytes.extend_from_slice(&bytes[from..to]);
            }
        }
        self.position = end;
    }

    /// Decides what is to be kept, as soon as the program headers are there.
    fn plan(&mut self) {
        let Some(part) = self.parts.first_mut() else { return };
        if part.bytes.len() < MAGIC.len() {
            return;
        }
        if !part.bytes.starts_with(&MAGIC) {
            self.stage = Stage::Foreign;
        } else if self.position >= part.range.end {
            self.stage = Stage::Planned;
            if self.size > WHOLE {
                let mut ranges = plan(&part.bytes, self.size).into_iter();
                // The first one continues what is there.
                part.range.end = ranges.next().map_or(part.range.end, |first| first.end.max(part.range.end));
                self.keep(ranges);
            }
        }
    }

    /// Program headers, dynamic section and interpreter, if they are known already.
    fn needed_by_headers(&self) -> Vec<Range<u64>> {
        let Some(part) = self.parts.first() else { return Vec::new() };
        let Ok(Some(header)) = Header::read(&part.bytes) else { return Vec::new() };
        let headers = header.segments_range();
        let inside = usize::try_from(headers.start).ok().zip(usize::try_from(headers.end).ok());
        let Some(bytes) = inside.and_then(|(start, end)| part.bytes.get(start..end)) else { return Vec::new() };
        let segments = header.segments(bytes);
        exact(&segments).chain([headers]).collect()
    }
}

/// What is kept of a file of `size` bytes that begins with `start`; the first range begins at 0.
fn plan(start: &[u8], size: u64) -> Vec<Range<u64>> {
    let Ok(Some(header)) = Header::read(start) else { return Vec::new() };
    let headers = header.segments_range();
    let inside = usize::try_from(headers.start).ok().zip(usize::try_from(headers.end).ok());
    let bytes = inside.and_then(|(from, to)| start.get(from..to));
    if size <= HEAD {
        return vec![clip(0..size, size, size)];
    }
    // Program headers further behind: patchelf moves them where it has no room for one more.
    let Some(bytes) = bytes else { return joined(vec![0..START, clip(headers, size, 1 << 16)]) };
    let segments = header.segments(bytes);
    let mut loads: Vec<_> = segments.iter().filter(|segment| segment.kind == LOAD).collect();
    loads.sort_by_key(|segment| segment.offset);
    // A segment of its own for what is only read holds the tables; code stands before nothing that matters.
    let head = match loads.as_slice() {
        [first, second, ..] if first.offset == 0 && !first.is_executable() && second.is_executable() => {
            first.range().end.min(HEAD)
        }
        _ => HEAD,
    };
    let mut ranges = vec![clip(0..head.max(START), size, HEAD)];
    ranges.extend(exact(&segments).map(|range| clip(range, size, 1 << 20)));
    ranges.extend(tail(&segments, &loads).map(|range| clip(range, size, TAIL)));
    loads.sort_by_key(|segment| segment.size);
    let mut budget = SEGMENTS;
    for load in loads.iter().filter(|load| load.offset > 0 && !load.is_executable()) {
        let Some(left) = budget.checked_sub(load.size) else { break };
        budget = left;
        ranges.push(clip(load.range(), size, SEGMENTS));
    }
    joined(ranges)
}

fn exact(segments: &[Segment]) -> impl Iterator<Item = Range<u64>> {
    segments.iter().filter(|segment| matches!(segment.kind, DYNAMIC | INTERPRETER)).map(Segment::range)
}

/// From the segment with the dynamic section to the end of the last one; the last of it, where that is
/// too much.
fn tail(segments: &[Segment], loads: &[&Segment]) -> Option<Range<u64>> {
    let dynamic = segments.iter().find(|segment| segment.kind == DYNAMIC)?;
    let end = loads.last()?.range().end;
    let from = loads.iter().rev().find(|load| load.offset <= dynamic.offset)?.offset;
    Some(from.max(end.saturating_sub(TAIL))..end)
}

fn clip(range: Range<u64>, size: u64, most: u64) -> Range<u64> {
    let start = range.start.min(size);
    start..range.end.min(size).max(start).min(start.saturating_add(most))
}

/// The ranges in order; those that overlap or touch as one.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// Reads a file that is in memory; nothing if it is neither program nor library.
///
/// # Errors
/// When it should be one, but no loader would load it.
pub fn read(bytes: &[u8], detail: Detail) -> Result<Option<Elf>, Malformed> {
    if bytes.len() < HEADER_SIZE {
        return Ok(None);
    }
    parse(&Held { size: bytes.len() as u64, parts: vec![(0, bytes)] }, detail).map_err(|stop| match stop {
        Stop::Malformed(malformed) => malformed,
        // All of it is held.
        Stop::Unread(_) => Malformed::Truncated,
    })
}

/// Reads a file of `size` bytes from `open`, which is called again where one pass does not do. Never
/// [`Collected::Unread`].
///
/// # Errors
/// When `open` or what it gives does.
pub fn read_stream<R: Read>(
    collector: &mut Collector,
    size: u64,
    mut open: impl FnMut() -> io::Result<R>,
) -> io::Result<Collected> {
    collector.begin(size);
    loop {
        let mut buffer = vec![0; 128 << 10];
        let mut reader = open()?.take(size);
        loop {
            match reader.read(&mut buffer)? {
                0 => break,
                count => collector.write(&buffer[..count]),
            }
        }
        match collector.finish() {
            Collected::Unread(unread) => collector.again(size, &unread),
            other => return Ok(other),
        }
    }
}

#[cfg(test)]
impl Collector {
    /// Bytes held now.
    pub(super) fn parts_held(&self) -> usize {
        self.parts.iter().map(|part| part.bytes.len()).sum()
    }
}
