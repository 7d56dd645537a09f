//! Finding METADATA in a wheel of which only parts are at hand. Tolerant and bounded: the strict
//! reader sees every wheel that is really used.

use std::{io::Read as _, ops::Range};

use bytes::Bytes;

use crate::python::WheelName;

/// Most bytes of a central directory that is read.
const LARGEST_DIRECTORY: u64 = 32 << 20;
/// Most bytes of METADATA, inflated.
const LARGEST_METADATA: u64 = 16 << 20;
/// Room for the extra field of a local header, which may differ from the central one.
const SLACK: u64 = 512;

/// A stretch of a file.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// Offset of its first byte.
    pub(super) start: u64,
    /// Bytes of the whole file.
    pub(super) total: u64,
    pub(super) bytes: Bytes,
}

/// What came of looking through a window.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<T> {
    /// What was looked for.
    Found(T),
    /// These bytes of the file must be at hand first.
    Need(Range<u64>),
}

/// Where METADATA lies in a wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Located {
    offset: u64,
    compressed: u64,
    size: u64,
    method: u16,
    header: u64,
}

type Reason = &'static str;

impl Window {
    fn slice(&self, range: &Range<u64>) -> Option<&[u8]> {
        let from = usize::try_from(range.start.checked_sub(self.start)?).ok()?;
        let to = usize::try_from(range.end.checked_sub(self.start)?).ok()?;
        self.bytes.get(from..to)
    }
}

/// Looks for METADATA in the central directory, which ends in `window`.
pub(super) fn locate(window: &Window, wheel: &WheelName) -> Result<Step<Located>, Reason> {
    let (directory, entries) = directory(window)?;
    let Some(mut bytes) = window.slice(&directory) else { return Ok(Step::Need(directory.start..window.total)) };
    for _ in 0..entries {
        let (name, located, rest) = entry(bytes).ok_or("its directory is cut short")?;
        bytes = rest;
        let folder = name.strip_suffix(b"/METADATA").and_then(|folder| std::str::from_utf8(folder).ok());
        if folder.is_some_and(|folder| wheel.is_folder(folder, "dist-info")) {
            if located.size > LARGEST_METADATA || located.compressed > LARGEST_METADATA {
                return Err("its METADATA is too large");
            }
            return Ok(Step::Found(located));
        }
    }
    Err("it holds no METADATA of its own name and version")
}

/// Inflates METADATA.
pub(super) fn extract(window: &Window, located: &Located) -> Result<Step<Vec<u8>>, Reason> {
    const HEADER: u64 = 30;
    if located.offset + HEADER > window.total {
        return Err("METADATA has no header");
    }
    let needed =
        located.offset..(located.offset + HEADER + located.header + located.compressed + SLACK).min(window.total);
    let Some(header) = window.slice(&(located.offset..located.offset.saturating_add(HEADER))) else {
        return Ok(Step::Need(needed));
    };
    if header[..4] != *b"PK\x03\x04" {
        return Err("METADATA has no header");
    }
    let start = located.offset + HEADER + u64::from(short(header, 26)) + u64::from(short(header, 28));
    let end = start + located.compressed;
    if end > window.total {
        return Err("METADATA is cut short");
    }
    let Some(data) = window.slice(&(start..end)) else { return Ok(Step::Need(located.offset..end)) };
    match located.method {
        0 => Ok(Step::Found(data.to_vec())),
        8 => {
            let mut text = Vec::new();
            let mut decoder = flate2::read::DeflateDecoder::new(data).take(LARGEST_METADATA);
            decoder.read_to_end(&mut text).map_err(|_| "METADATA does not inflate")?;
            Ok(Step::Found(text))
        }
        _ => Err("METADATA is compressed in an unknown way"),
    }
}

/// The range of the central directory, and how many entries it has.
fn directory(window: &Window) -> Result<(Range<u64>, u16), Reason> {
    const END: usize = 22;
    let bytes = &window.bytes[..];
    let last = bytes.len().checked_sub(END).ok_or("it is too short for a wheel")?;
    let lowest = last.saturating_sub(usize::from(u16::MAX));
    let position = (lowest..=last)
        .rev()
        .find(|position| bytes[*position..].starts_with(b"PK\x05\x06"))
        .ok_or("it is not a zip file")?;
    let end = &bytes[position..];
    let (entries, size, offset) = (short(end, 10), u64::from(long(end, 12)), u64::from(long(end, 16)));
    if entries == u16::MAX || offset == u64::from(u32::MAX) || size == u64::from(u32::MAX) {
        return Err("its directory is in the 64-bit form");
    }
    if size > LARGEST_DIRECTORY || offset + size > window.total {
        return Err("its directory is too large");
    }
    Ok((offset..offset + size, entries))
}

/// The first entry of a central directory: its name, its place, and what follows.
fn entry(bytes: &[u8]) -> Option<(&[u8], Located, &[u8])> {
    const FIXED: usize = 46;
    if bytes.len() < FIXED || !bytes.starts_with(b"PK\x01\x02") {
        return None;
    }
    let (name, extra, comment) = (short(bytes, 28), short(bytes, 30), short(bytes, 32));
    let name_end = FIXED + usize::from(name);
    let located = Located {
        offset: u64::from(long(bytes, 42)),
        compressed: u64::from(long(bytes, 20)),
        size: u64::from(long(bytes, 24)),
        method: short(bytes, 10),
        header: u64::from(name) + u64::from(extra),
    };
    let rest = bytes.get(name_end + usize::from(extra) + usize::from(comment)..)?;
    Some((bytes.get(FIXED..name_end)?, located, rest))
}

/// Callers have checked that the bytes are there.
fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pypi::testing::Wheel;

    fn read(file: &[u8], tail: usize, name: &str) -> Result<(String, usize), String> {
        let wheel: WheelName = name.parse().unwrap();
        let total = file.len() as u64;
        let window = |range: Range<u64>| Window {
            start: range.start,
            total,
            bytes: Bytes::copy_from_slice(
                &file[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()],
            ),
        };
        let mut current = window(total.saturating_sub(tail as u64)..total);
        let mut requests = 1;
        let located = loop {
            match locate(&current, &wheel)? {
                Step::Found(located) => break located,
                Step::Need(range) => {
                    assert!(requests < 3);
                    requests += 1;
                    current = window(range);
                }
            }
        };
        loop {
            match extract(&current, &located)? {
                Step::Found(bytes) => return Ok((String::from_utf8_lossy(&bytes).into_owned(), requests)),
                Step::Need(range) => {
                    assert!(requests < 5);
                    requests += 1;
                    current = window(range);
                }
            }
        }
    }

    #[test]
    fn metadata_is_found_whatever_part_is_at_hand() {
        let wheel = Wheel::new("demo", "1.0").requires(&["numpy"]);
        let (name, file) = (wheel.file(), wheel.bytes());
        let check = |tail: usize, requests: usize| {
            let (text, found) = read(&file, tail, &name).unwrap();
            assert!(text.contains("Requires-Dist: numpy"), "{text}");
            assert_eq!(found, requests, "{tail}");
        };
        check(file.len(), 1);
        check(100_000, 1);
        check(22, 3);
        check(60, 3);
    }

    #[test]
    fn what_is_no_wheel_is_said_so() {
        let wheel = Wheel::new("demo", "1.0");
        let file = wheel.bytes();
        let check = |bytes: &[u8], name: &str, expect: &str| {
            assert_eq!(read(bytes, 40_000, name).unwrap_err(), expect);
        };
        check(b"", &wheel.file(), "it is too short for a wheel");
        check(&[0; 100], &wheel.file(), "it is not a zip file");
        check(&file, "other-1.0-py3-none-any.whl", "it holds no METADATA of its own name and version");
        // No prefix and no single wrong byte leads to a panic.
        for end in 0..file.len() {
            let _ = read(&file[..end], 40_000, &wheel.file());
        }
        for position in 0..file.len() {
            let mut wrong = file.clone();
            wrong[position] ^= 0xff;
            let _ = read(&wrong, 40_000, &wheel.file());
        }
    }
}
