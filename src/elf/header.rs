//! The ELF header and the program headers.

use std::ops::Range;

use super::{Class, Kind, Malformed, Order};

pub(super) const MAGIC: [u8; 4] = *b"\x7fELF";
/// Bytes from which the longer kind of header can be read.
pub(super) const HEADER_SIZE: usize = 64;
/// Program headers of one file; real ones have a dozen.
const SEGMENTS_LIMIT: u16 = 1024;

pub(super) const LOAD: u32 = 1;
pub(super) const DYNAMIC: u32 = 2;
pub(super) const INTERPRETER: u32 = 3;
const EXECUTABLE: u32 = 1;

/// How numbers are written in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) class: Class,
    pub(super) order: Order,
}

impl Numbers {
    /// Bytes of an address.
    pub(super) const fn word(self) -> usize {
        match self.class {
            Class::Elf32 => 4,
            Class::Elf64 => 8,
        }
    }

    /// One of two values, by the class.
    pub(super) const fn pick(self, narrow: usize, wide: usize) -> usize {
        match self.class {
            Class::Elf32 => narrow,
            Class::Elf64 => wide,
        }
    }

    pub(super) fn half(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..)?.first_chunk()?;
        Some(match self.order {
            Order::Little => u16::from_le_bytes(*bytes),
            Order::Big => u16::from_be_bytes(*bytes),
        })
    }

    pub(super) fn long(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..)?.first_chunk()?;
        Some(match self.order {
            Order::Little => u32::from_le_bytes(*bytes),
            Order::Big => u32::from_be_bytes(*bytes),
        })
    }

    pub(super) fn address(self, bytes: &[u8], at: usize) -> Option<u64> {
        if self.class == Class::Elf32 {
            return self.long(bytes, at).map(u64::from);
        }
        let bytes = bytes.get(at..)?.first_chunk()?;
        Some(match self.order {
            Order::Little => u64::from_le_bytes(*bytes),
            Order::Big => u64::from_be_bytes(*bytes),
        })
    }
}

/// What the ELF header says of a program or library.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) numbers: Numbers,
    pub(super) machine: u16,
    pub(super) kind: Kind,
    segments: u64,
    count: u16,
}

/// A program header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) kind: u32,
    flags: u32,
    pub(super) offset: u64,
    pub(super) address: u64,
    /// Bytes in the file.
    pub(super) size: u64,
}

impl Segment {
    pub(super) const fn is_executable(&self) -> bool {
        self.flags & EXECUTABLE != 0
    }

    /// Where it lies in the file.
    pub(super) const fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.size)
    }
}

impl Header {
    /// Reads a file's first bytes; nothing for files that no loader loads, such as `.o`.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        if !bytes.starts_with(&MAGIC) {
            return Ok(None);
        }
        let [_, _, _, _, class, order, version, ..] = bytes else { return Err(Malformed::Truncated) };
        let numbers = match (class, order, version) {
            (1, 1, 1) => Numbers { class: Class::Elf32, order: Order::Little },
            (1, 2, 1) => Numbers { class: Class::Elf32, order: Order::Big },
            (2, 1, 1) => Numbers { class: Class::Elf64, order: Order::Little },
            (2, 2, 1) => Numbers { class: Class::Elf64, order: Order::Big },
            _ => return Err(Malformed::Header),
        };
        let half = |narrow, wide| numbers.half(bytes, numbers.pick(narrow, wide)).ok_or(Malformed::Truncated);
        let kind = match half(16, 16)? {
            2 => Kind::Executable,
            3 => Kind::Shared,
            _ => return Ok(None),
        };
        let segments = numbers.address(bytes, numbers.pick(28, 32)).ok_or(Malformed::Truncated)?;
        let (size, count) = (half(42, 54)?, half(44, 56)?);
        if count > SEGMENTS_LIMIT || count > 0 && usize::from(size) != numbers.pick(32, 56) {
            return Err(Malformed::Segments);
        }
        Ok(Some(Self { numbers, machine: half(18, 18)?, kind, segments, count }))
    }

    /// Where the program headers lie in the file.
    pub(super) fn segments_range(&self) -> Range<u64> {
        let size = self.numbers.pick(32, 56) as u64 * u64::from(self.count);
        self.segments..self.segments.saturating_add(size)
    }

    /// Reads the program headers in `bytes`.
    pub(super) fn segments(&self, bytes: &[u8]) -> Vec<Segment> {
        let numbers = self.numbers;
        let read = |segment: &[u8]| {
            Some(Segment {
                kind: numbers.long(segment, 0)?,
                flags: numbers.long(segment, numbers.pick(24, 4))?,
                offset: numbers.address(segment, numbers.pick(4, 8))?,
                address: numbers.address(segment, numbers.pick(8, 16))?,
                size: numbers.address(segment, numbers.pick(16, 32))?,
            })
        };
        bytes.chunks_exact(numbers.pick(32, 56)).filter_map(read).collect()
    }
}
