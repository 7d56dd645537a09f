//! What of a large file may be needed, before it is known where its tables are.

use std::ops::Range;

use super::{
    header::{DYNAMIC, HEADER_SIZE, Header, INTERPRETER, LOAD, Segment},
    held::Held,
};

/// This much of the beginning is held, where linkers put tables, unless segments tell more.
pub(super) const HEAD: u64 = 40 << 20;
/// Where the first segment is only read, it is tables, and what is only read like them: those of
/// `TensorFlow` have 97 MB.
const TABLES: u64 = 104 << 20;
/// Bytes before the dynamic section, in the same segment: patchelf may have put tables there.
const BEFORE: u64 = 11 << 20;
/// Bytes of other segments, the small ones first: patchelf makes one for each table that it moves.
const SEGMENTS: u64 = 11 << 20;
/// Bytes at the end of a file whose program headers stand there too.
const TAIL: u64 = BEFORE + SEGMENTS;
/// So many relocations one after the other show that a table of them has begun.
const RELOCATIONS: usize = 32;
/// Bytes of a relocation: `Elf64_Rela`.
const RELOCATION: usize = 24;
/// Bytes that are looked at to tell whether a table of relocations has begun, wherever in it the first of them is.
pub(super) const WINDOW: usize = (RELOCATIONS + 1) * RELOCATION;
/// Most bytes of one file that are held at a time.
pub(super) const MOST: u64 = TABLES + TAIL + (1 << 20);

/// Where the program headers of a file are.
pub(super) enum Headers {
    /// Nowhere: no loader loads it.
    None,
    /// In what has not been seen yet.
    Behind(Range<u64>),
    /// They were read.
    Here(Vec<Segment>),
}

/// The program headers, as far as they are held.
pub(super) fn headers(held: &Held<'_>) -> Headers {
    let first = held.get(&(0..HEADER_SIZE as u64)).unwrap_or_default();
    let Ok(Some(header)) = Header::read(first) else { return Headers::None };
    let range = header.segments_range();
    match held.get(&range) {
        Ok(bytes) => Headers::Here(header.segments(bytes)),
        Err(_) if range.end > held.size => Headers::None,
        Err(_) => Headers::Behind(range),
    }
}

/// The headers, and what they name by itself: the dynamic section and the interpreter.
pub(super) fn named(held: &Held<'_>) -> Vec<Range<u64>> {
    let start = 0..HEADER_SIZE as u64;
    let first = held.get(&start).unwrap_or_default();
    let mut ranges = Vec::from([start]);
    if let Ok(Some(header)) = Header::read(first) {
        ranges.push(clip(header.segments_range(), held.size, 1 << 16));
    }
    if let Headers::Here(segments) = headers(held) {
        ranges.extend(exact(&segments).map(|range| clip(range, held.size, 1 << 20)));
    }
    ranges
}

/// Where the dynamic section is.
pub(super) fn dynamic(segments: &[Segment]) -> Option<Range<u64>> {
    segments.iter().find(|segment| segment.kind == DYNAMIC).map(Segment::range)
}

/// What is kept of a file of `size` bytes whose program headers stand at `headers`: whoever moves them there
/// puts tables beside them.
pub(super) fn without_headers(headers: &Range<u64>, size: u64) -> Vec<Range<u64>> {
    vec![clip(0..HEAD, size, HEAD), clip(headers.clone(), size, 1 << 16), size.saturating_sub(TAIL)..size]
}

/// Where a table of relocations has begun in `bytes`, which stand at a multiple of eight, if one has begun behind `from`.
/// Linkers put it behind all tables that are read here; what they put behind it is code and data.
pub(super) fn relocations(bytes: &[u8], from: usize) -> Option<usize> {
    let last = bytes.len().checked_sub(WINDOW)?;
    (from.next_multiple_of(8)..=last).step_by(RELOCATIONS / 2 * RELOCATION).find_map(|place| {
        let mut places = [0, 8, 16].map(|phase| place + phase).into_iter();
        places.find(|place| are_relocations(&bytes[*place..*place + RELOCATIONS * RELOCATION]))
    })
}

/// Those that add where the file is loaded stand first: of one type, for no symbol, in the order of their places. Neither
/// symbols nor hashes, versions or names look like that. Of other machines' none is recognized, and more is held.
fn are_relocations(bytes: &[u8]) -> bool {
    let word = |entry: &[u8], at: usize| entry[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
    let kind = word(bytes, 8);
    let mut before = 0;
    let follows = |entry: &[u8]| {
        let (place, last) = (word(entry, 0), before);
        before = place;
        word(entry, 8) == kind && place > last && place < 1 << 47
    };
    (1..=0xffff).contains(&kind) && bytes.chunks_exact(RELOCATION).all(follows)
}

/// What is kept of a file with these segments until its dynamic section comes. Its relocations are known to begin before
/// `behind`.
pub(super) fn likely(segments: &[Segment], size: u64, behind: u64) -> Vec<Range<u64>> {
    let mut loads: Vec<_> = segments.iter().filter(|segment| segment.kind == LOAD).collect();
    loads.sort_by_key(|segment| segment.offset);
    // A segment of its own for what is only read holds the tables; code stands before nothing that matters.
    let head = match loads.as_slice() {
        [first, second, ..] if first.offset == 0 && !first.is_executable() && second.is_executable() => {
            first.range().end.min(TABLES)
        }
        _ => HEAD,
    };
    let mut ranges = vec![clip(0..head.min(behind), size, TABLES)];
    ranges.extend(before(segments, &loads).map(|range| clip(range, size, BEFORE)));
    loads.sort_by_key(|segment| segment.size);
    let mut budget = SEGMENTS;
    for load in loads.iter().filter(|load| load.offset > 0 && !load.is_executable()) {
        let Some(left) = budget.checked_sub(load.size) else { break };
        budget = left;
        ranges.push(clip(load.range(), size, SEGMENTS));
    }
    ranges
}

fn exact(segments: &[Segment]) -> impl Iterator<Item = Range<u64>> {
    segments.iter().filter(|segment| matches!(segment.kind, DYNAMIC | INTERPRETER)).map(Segment::range)
}

/// From the beginning of the segment with the dynamic section to that; the last of it, where that is too much.
fn before(segments: &[Segment], loads: &[&Segment]) -> Option<Range<u64>> {
    let dynamic = dynamic(segments)?;
    let from = loads.iter().rev().find(|load| load.offset <= dynamic.start)?.offset;
    Some(from.max(dynamic.start.saturating_sub(BEFORE))..dynamic.start)
}

fn clip(range: Range<u64>, size: u64, most: u64) -> Range<u64> {
    let start = range.start.min(size);
    start..range.end.min(size).max(start).min(start.saturating_add(most))
}

/// The ranges in order; those that overlap or touch as one.
pub(super) fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.retain(|range| range.start < range.end);
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
