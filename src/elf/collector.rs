//! Reading a file that streams past, with bounded memory.

use std::{
    cmp::Reverse,
    io::{self, Read},
    ops::Range,
};

use super::{
    Detail, Elf, Malformed,
    dynamic::{missing, parse},
    header::{HEADER_SIZE, MAGIC},
    held::{Held, Stop},
    plan::{self, Headers, joined},
};

/// Files of this many bytes are held whole from the first one on.
const WHOLE: u64 = 1 << 20;
/// Most bytes of one file that are held.
pub const MEMORY_LIMIT: u64 = plan::MOST;
/// Before the program headers are known, everything is held.
const START: u64 = 4096;
/// Most memory that is kept from one file for the next: asking for it anew costs more than copying into it.
const SPARE: usize = 104 << 20;
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
/// The program headers stand first, and say where the dynamic section will come, which says where all
/// tables are. Until it comes, its place in the file tells what is likely to hold tables, and that is kept; from
/// then on just the tables.
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
    /// How far the beginning of the file was searched for relocations; nothing where they were found, or do not count.
    searched: Option<usize>,
    /// What is kept, in order; none touches the next.
    parts: Vec<Part>,
    /// Memory of former parts.
    spare: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing is known up to this place.
    Start(u64),
    /// The program headers end here, further behind.
    Headers(u64),
    /// The dynamic section ends here.
    Dynamic(u64),
    /// What is to be kept is known, as far as it will be.
    Settled,
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
        Self {
            detail,
            size: 0,
            position: 0,
            stage: Stage::Foreign,
            rounds: 0,
            searched: None,
            parts: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// A file of `size` bytes begins.
    pub fn begin(&mut self, size: u64) {
        let start = if size <= WHOLE { size } else { START };
        self.start_over(size, 0);
        self.keep(std::iter::once(0..start).collect());
        self.stage = if size < HEADER_SIZE as u64 { Stage::Foreign } else { Stage::Start(start) };
    }

    /// The file of `size` bytes begins once more, of which `unread` is missing.
    pub fn again(&mut self, size: u64, unread: &Unread) {
        self.start_over(size, unread.rounds);
        self.keep(unread.ranges.clone());
        self.stage = Stage::Settled;
    }

    /// Takes the next bytes of the file.
    pub fn write(&mut self, mut bytes: &[u8]) {
        while let Stage::Start(end) | Stage::Headers(end) | Stage::Dynamic(end) = self.stage {
            if matches!(self.stage, Stage::Start(_)) && self.is_foreign(bytes) {
                self.stage = Stage::Foreign;
                return;
            }
            let wanted = usize::try_from(end.saturating_sub(self.position)).unwrap_or(usize::MAX);
            let now = wanted.min(bytes.len());
            self.take_in(&bytes[..now]);
            bytes = &bytes[now..];
            if self.position < end {
                self.pass_relocations();
                return;
            }
            self.stage = self.advance();
        }
        if self.stage == Stage::Settled {
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
        match parse(&self.held(), self.detail) {
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
            ranges.extend(plan::named(&self.held()));
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
        (self.size, self.position, self.rounds, self.searched) = (size, 0, rounds, None);
        self.spare.extend(self.parts.drain(..).map(|part| part.bytes));
        // The longest first: it is the dearest to ask for anew.
        self.spare.sort_by_key(|spare| Reverse(spare.capacity()));
        self.spare.truncate(4);
        let mut room = SPARE;
        self.spare.retain(|spare| {
            let left = room.checked_sub(spare.capacity());
            room = left.unwrap_or(room);
            left.is_some()
        });
        // The last is taken first, and the head of a file, which comes first, is the longest part of it.
        self.spare.reverse();
    }

    fn held(&self) -> Held<'_> {
        let parts = self.parts.iter().map(|part| (part.range.start, &part.bytes[..])).collect();
        Held { size: self.size, parts }
    }

    /// Whether the first bytes, of which `next` follow those that are held, are those of another kind of file. Most
    /// files are, and of these nothing is copied.
    fn is_foreign(&self, next: &[u8]) -> bool {
        let held = self.parts.first().map_or(&[][..], |part| &part.bytes);
        held.iter().chain(next).zip(&MAGIC).any(|(found, expect)| found != expect)
    }

    /// Decides what is to be kept, as soon as more is known.
    fn advance(&mut self) -> Stage {
        let headers = match (self.stage, plan::headers(&self.held())) {
            (Stage::Start(_), _) if self.size <= WHOLE => return Stage::Settled,
            (Stage::Dynamic(_), _) => {
                let mut tables = missing(&self.held());
                if !tables.is_empty() {
                    tables.extend(plan::named(&self.held()));
                    self.keep(tables);
                }
                return Stage::Settled;
            }
            (_, headers) => headers,
        };
        let (wanted, next) = match headers {
            Headers::None => return Stage::Settled,
            Headers::Behind(range) => (plan::without_headers(&range, self.size), Stage::Headers(range.end)),
            Headers::Here(segments) => {
                let end = plan::dynamic(&segments).map(|range| range.end.min(self.size).max(self.position));
                self.searched = Some(0);
                (plan::likely(&segments, self.size, u64::MAX), end.map_or(Stage::Settled, Stage::Dynamic))
            }
        };
        self.keep(wanted.into_iter().chain(plan::named(&self.held())).collect());
        next
    }

    /// Of the beginning nothing is kept any more, once its relocations have begun.
    fn pass_relocations(&mut self) {
        let (Stage::Dynamic(_), Some(searched)) = (self.stage, self.searched) else { return };
        let Some(head) = self.parts.first().filter(|part| part.range.start == 0) else { return };
        let found = plan::relocations(&head.bytes, searched);
        self.searched = Some(head.bytes.len().saturating_sub(plan::WINDOW) & !7);
        let Some(found) = found else { return };
        self.searched = None;
        if let Headers::Here(segments) = plan::headers(&self.held()) {
            let wanted = plan::likely(&segments, self.size, found as u64);
            self.keep(wanted.into_iter().chain(plan::named(&self.held())).collect());
        }
    }

    /// From now on keeps `wanted`, and of what is held only what lies between the first and the last of it, or a little
    /// more.
    fn keep(&mut self, wanted: Vec<Range<u64>>) {
        let (wanted, position) = (joined(wanted), self.position);
        for part in &mut self.parts {
            part.cut_to(&wanted);
        }
        self.parts.retain(|part| !part.bytes.is_empty());
        let held: u64 = self.parts.iter().map(|part| part.bytes.len() as u64).sum();
        let ahead = wanted.into_iter().filter(|range| range.end > position);
        let mut room = MEMORY_LIMIT.saturating_sub(held);
        for range in ahead {
            let Some(left) = room.checked_sub(range.end - range.start.max(position)) else { break };
            room = left;
            let open = self.parts.iter_mut().find(|part| part.range.end == position && range.start < position);
            if let Some(part) = open {
                part.range.end = range.end;
            } else {
                let mut bytes = self.spare.pop().unwrap_or_default();
                bytes.clear();
                self.parts.push(Part { range: range.start.max(position)..range.end, bytes });
            }
        }
        self.parts.sort_by_key(|part| part.range.start);
    }

    fn take_in(&mut self, bytes: &[u8]) {
        let (start, end) = (self.position, self.position + bytes.len() as u64);
        for part in &mut self.parts {
            let (from, to) = (part.range.start.max(start), part.range.end.min(end));
            if from < to
                && let (Ok(from), Ok(to)) = (usize::try_from(from - start), usize::try_from(to - start))
            {
                if part.bytes.capacity() - part.bytes.len() < to - from {
                    // All of it at once: growing little by little ends with twice as much.
                    let length = usize::try_from(part.range.end - part.range.start).unwrap_or_default();
                    part.bytes.reserve_exact(length.saturating_sub(part.bytes.len()));
                }
                part.bytes.extend_from_slice(&bytes[from..to]);
            }
        }
        self.position = end;
    }
}

impl Part {
    /// Drops what stands before the first of `ranges` and behind the last of them.
    fn cut_to(&mut self, ranges: &[Range<u64>]) {
        let (start, end) = (self.range.start, self.range.start + self.bytes.len() as u64);
        let within = ranges.iter().map(|range| range.start.max(start)..range.end.min(end));
        let hull = within.filter(|range| range.start < range.end).reduce(|one, other| one.start..other.end);
        let mut hull = hull.unwrap_or(start..start);
        // Moving what is kept costs more than keeping a little more.
        if hull.start - start < (hull.end - hull.start) / 8 {
            hull.start = start;
        }
        let length = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        self.bytes.truncate(length(hull.end - start));
        self.bytes.drain(..length(hull.start - start).min(self.bytes.len()));
        self.range = hull;
    }
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
