//! What a shared library says of itself: its machine and its name. Reads four short stretches.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use super::contents;
use crate::layer::Span;

const DYNAMIC: u32 = 2;
const LOAD: u32 = 1;
const STRING_TABLE: u64 = 5;
const SONAME: u64 = 14;
/// Most bytes of a dynamic section; real ones have some hundred.
const DYNAMIC_LIMIT: u64 = 1 << 20;

/// A shared library (an ELF file of type `ET_DYN`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Library {
    /// `e_machine`: 62 for x86-64, 183 for `AArch64`.
    pub machine: u16,
    /// 32 or 64.
    pub bits: u8,
    /// `DT_SONAME`.
    pub soname: Option<String>,
}

/// Bytes that can be read from anywhere.
pub(super) trait Stretches {
    /// At most `count` bytes from `offset`; fewer at the end.
    fn at(&self, offset: u64, count: usize) -> io::Result<Vec<u8>>;
}

impl Stretches for &[u8] {
    fn at(&self, offset: u64, count: usize) -> io::Result<Vec<u8>> {
        let start = usize::try_from(offset).map_or(self.len(), |offset| offset.min(self.len()));
        Ok(self[start..start.saturating_add(count).min(self.len())].to_vec())
    }
}

/// Inflates from the beginning each time, so that a library of any size takes no memory.
impl Stretches for Span {
    fn at(&self, offset: u64, count: usize) -> io::Result<Vec<u8>> {
        let mut reader = contents::open(self)?;
        io::copy(&mut reader.by_ref().take(offset), &mut io::sink())?;
        let mut bytes = Vec::new();
        reader.take(count as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Whether a file of this name is a library to the loader's cache.
pub(super) fn is_library_name(name: &str) -> bool {
    (name.starts_with("lib") || name.starts_with("ld-")) && name.contains(".so")
}

/// The library in `source`; none where it is something else or malformed.
pub(super) fn library(source: &impl Stretches) -> io::Result<Option<Library>> {
    let header = source.at(0, 64)?;
    let Some(elf) = Elf::read(&header) else { return Ok(None) };
    let segments = source.at(elf.segments, usize::from(elf.segment_count) * usize::from(elf.segment_size))?;
    let soname = match elf.dynamic(&segments) {
        Some((offset, count)) => elf.soname(source, &segments, &source.at(offset, count)?)?,
        None => None,
    };
    Ok(Some(Library { machine: elf.machine, bits: if elf.wide { 64 } else { 32 }, soname }))
}

struct Elf {
    wide: bool,
    little: bool,
    machine: u16,
    segments: u64,
    segment_size: u16,
    segment_count: u16,
}

struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

impl Elf {
    fn read(header: &[u8]) -> Option<Self> {
        const SHARED: u64 = 3;
        let [0x7f, b'E', b'L', b'F', class @ (1 | 2), data @ (1 | 2), ..] = header else { return None };
        let mut elf =
            Self { wide: *class == 2, little: *data == 1, machine: 0, segments: 0, segment_size: 0, segment_count: 0 };
        let half = |elf: &Self, offset| u16::try_from(elf.number(header, offset, 2)?).ok();
        elf.machine = half(&elf, 18)?;
        elf.segments = elf.number(header, if elf.wide { 32 } else { 28 }, elf.word())?;
        elf.segment_size = half(&elf, if elf.wide { 54 } else { 42 })?;
        elf.segment_count = half(&elf, if elf.wide { 56 } else { 44 })?;
        (elf.number(header, 16, 2)? == SHARED && elf.segment_size >= 32 && elf.segment_count < 1024).then_some(elf)
    }

    const fn word(&self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    fn number(&self, bytes: &[u8], offset: usize, size: usize) -> Option<u64> {
        let bytes = bytes.get(offset..offset.checked_add(size)?)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    }

    fn segments<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Segment> + 'a {
        bytes.chunks_exact(usize::from(self.segment_size)).filter_map(|segment| {
            let (offset, address, size) = if self.wide { (8, 16, 32) } else { (4, 8, 16) };
            Some(Segment {
                kind: u32::try_from(self.number(segment, 0, 4)?).ok()?,
                offset: self.number(segment, offset, self.word())?,
                address: self.number(segment, address, self.word())?,
                size: self.number(segment, size, self.word())?,
            })
        })
    }

    fn dynamic(&self, segments: &[u8]) -> Option<(u64, usize)> {
        let segment = self.segments(segments).find(|segment| segment.kind == DYNAMIC)?;
        (segment.size <= DYNAMIC_LIMIT).then_some((segment.offset, usize::try_from(segment.size).ok()?))
    }

    fn soname(&self, source: &impl Stretches, segments: &[u8], dynamic: &[u8]) -> io::Result<Option<String>> {
        let value = |wanted| {
            dynamic
                .chunks_exact(2 * self.word())
                .find(|pair| self.number(pair, 0, self.word()) == Some(wanted))
                .and_then(|pair| self.number(pair, self.word(), self.word()))
        };
        let (Some(table), Some(name)) = (value(STRING_TABLE), value(SONAME)) else { return Ok(None) };
        let file_offset = self.segments(segments).filter(|segment| segment.kind == LOAD).find_map(|segment| {
            let within = table.checked_sub(segment.address).filter(|within| *within < segment.size)?;
            segment.offset.checked_add(within)?.checked_add(name)
        });
        let Some(file_offset) = file_offset else { return Ok(None) };
        let text = source.at(file_offset, 1024)?;
        let Some(end) = text.iter().position(|byte| *byte == 0) else { return Ok(None) };
        let name = String::from_utf8(text[..end].to_vec()).ok();
        Ok(name.filter(|name| !name.is_empty() && !name.contains('/') && name != "." && name != ".."))
    }
}
