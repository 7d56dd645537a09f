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
    crc: u32,
    method: u16,
    header: u64,
}

type Reason = &'static str;

impl Located {
    /// Offset of its header.
    pub(super) const fn start(&self) -> u64 {
        self.offset
    }
}

impl Window {
    fn slice(&self, range: &Range<u64>) -> Option<&[u8]> {
        let from = usize::try_from(range.start.checked_sub(self.start)?).ok()?;
        let to = usize::try_from(range.end.checked_sub(self.start)?).ok()?;
        self.bytes.get(from..to)
    }
}

/// Looks for METADATA in the central directory, which ends in `window`.
pub(super) fn locate(window: &Window, wheel: &WheelName) -> Result<Step<Located>, Reason> {
    let (directory, entries) = match directory(window)? {
        Step::Found(found) => found,
        Step::Need(range) => return Ok(Step::Need(range)),
    };
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
    if located.offset.checked_add(HEADER).is_none_or(|end| end > window.total) {
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
    let mut text = Vec::new();
    match located.method {
        0 => text.extend_from_slice(data),
        8 => {
            let mut decoder = flate2::read::DeflateDecoder::new(data).take(LARGEST_METADATA);
            decoder.read_to_end(&mut text).map_err(|_| "METADATA does not inflate")?;
        }
        _ => return Err("METADATA is compressed in an unknown way"),
    }
    // Parts of two versions of a file, or a stream cut short, come to light here.
    if text.len() as u64 != located.size || crc32fast::hash(&text) != located.crc {
        return Err("METADATA is damaged");
    }
    Ok(Step::Found(text))
}

/// The range of the central directory, and how many entries it has.
fn directory(window: &Window) -> Result<Step<(Range<u64>, u64)>, Reason> {
    const END: usize = 22;
    let bytes = &window.bytes[..];
    let last = bytes.len().checked_sub(END).ok_or("it is too short for a wheel")?;
    let lowest = last.saturating_sub(usize::from(u16::MAX));
    let position = (lowest..=last)
        .rev()
        .find(|position| bytes[*position..].starts_with(b"PK\x05\x06"))
        .ok_or("it is not a zip file")?;
    let end = &bytes[position..];
    let (mut entries, mut size) = (u64::from(short(end, 10)), u64::from(long(end, 12)));
    let mut offset = u64::from(long(end, 16));
    if short(end, 10) == u16::MAX || long(end, 12) == u32::MAX || long(end, 16) == u32::MAX {
        match wide_end(window, position)? {
            Step::Need(range) => return Ok(Step::Need(range)),
            Step::Found(wide) => (entries, size, offset) = wide,
        }
    }
    let fits = offset.checked_add(size).is_some_and(|end| end <= window.total);
    if size > LARGEST_DIRECTORY || !fits {
        return Err("its directory is too large");
    }
    Ok(Step::Found((offset..offset + size, entries)))
}

/// Entries, size and offset as the 64-bit end record gives them; `position` is that of the plain one.
fn wide_end(window: &Window, position: usize) -> Result<Step<(u64, u64, u64)>, Reason> {
    const LOCATOR: usize = 20;
    const RECORD: u64 = 56;
    let missing = "its directory has no 64-bit end";
    let Some(start) = position.checked_sub(LOCATOR) else {
        return if window.start == 0 {
            Err(missing)
        } else {
            Ok(Step::Need(window.start.saturating_sub(4096)..window.total))
        };
    };
    let locator = &window.bytes[start..position];
    let offset = if locator.starts_with(b"PK\x06\x07") { quad(locator, 8) } else { return Err(missing) };
    let end = offset.checked_add(RECORD).filter(|end| *end <= window.total).ok_or(missing)?;
    let Some(record) = window.slice(&(offset..end)) else { return Ok(Step::Need(offset..window.total)) };
    if !record.starts_with(b"PK\x06\x06") {
        return Err(missing);
    }
    Ok(Step::Found((quad(record, 32), quad(record, 40), quad(record, 48))))
}

/// The first entry of a central directory: its name, its place, and what follows.
fn entry(bytes: &[u8]) -> Option<(&[u8], Located, &[u8])> {
    const FIXED: usize = 46;
    if bytes.len() < FIXED || !bytes.starts_with(b"PK\x01\x02") {
        return None;
    }
    let (name, extra, comment) = (short(bytes, 28), short(bytes, 30), short(bytes, 32));
    let name_end = FIXED + usize::from(name);
    let mut located = Located {
        offset: u64::from(long(bytes, 42)),
        compressed: u64::from(long(bytes, 20)),
        size: u64::from(long(bytes, 24)),
        crc: long(bytes, 16),
        method: short(bytes, 10),
        header: u64::from(name) + u64::from(extra),
    };
    widen(&mut located, bytes.get(name_end..name_end + usize::from(extra))?);
    let rest = bytes.get(name_end + usize::from(extra) + usize::from(comment)..)?;
    Some((bytes.get(FIXED..name_end)?, located, rest))
}

/// Takes the 64-bit values of the extra field 1, in the order of the standard, for those that are full.
fn widen(located: &mut Located, mut extra: &[u8]) {
    const FULL: u64 = u32::MAX as u64;
    while extra.len() >= 4 {
        let (kind, length) = (short(extra, 0), usize::from(short(extra, 2)));
        let Some(mut data) = extra.get(4..4 + length) else { return };
        if kind == 1 {
            for value in [&mut located.size, &mut located.compressed, &mut located.offset] {
                if *value == FULL && data.len() >= 8 {
                    *value = quad(data, 0);
                    data = &data[8..];
                }
            }
        }
        extra = &extra[4 + length..];
    }
}

/// Callers have checked that the bytes are there.
fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn quad(bytes: &[u8], at: usize) -> u64 {
    u64::from(long(bytes, at)) | u64::from(long(bytes, at + 4)) << 32
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
                    assert!(requests < 4);
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
    fn the_64_bit_forms_are_read() {
        let file = wide(&Wheel::new("demo", "1.0").requires(&["numpy"]).bytes());
        for (tail, requests) in [(file.len(), 1), (100, 3), (22, 2)] {
            let (text, found) = read(&file, tail, "demo-1.0-py3-none-any.whl").unwrap();
            assert!(text.contains("Requires-Dist: numpy"), "{text}");
            assert_eq!(found, requests, "{tail}");
        }
        for position in 0..file.len() {
            let mut wrong = file.clone();
            wrong[position] = 0xff;
            let _ = read(&wrong, 22, "demo-1.0-py3-none-any.whl");
        }
    }

    /// The same file with every 32-bit value of its directory and end moved to the 64-bit places.
    fn wide(file: &[u8]) -> Vec<u8> {
        let end = &file[file.len() - 22..];
        let (count, start) = (u64::from(short(end, 10)), usize::try_from(long(end, 16)).unwrap());
        let (mut result, mut rest) = (file[..start].to_vec(), &file[start..file.len() - 22]);
        while !rest.is_empty() {
            let length = 46 + usize::from(short(rest, 28));
            let mut entry = rest[..length].to_vec();
            let mut extra = vec![1, 0, 24, 0];
            for at in [24, 20, 42] {
                extra.extend(u64::from(long(rest, at)).to_le_bytes());
                entry[at..at + 4].fill(0xff);
            }
            entry[30] = 28;
            result.extend([entry, extra].concat());
            rest = &rest[length..];
        }
        let record = result.len() as u64;
        let mut wide = b"PK\x06\x06".to_vec();
        wide.extend(44_u64.to_le_bytes());
        wide.extend([0; 12]);
        for value in [count, count, record - start as u64, start as u64] {
            wide.extend(value.to_le_bytes());
        }
        wide.extend(b"PK\x06\x07\0\0\0\0");
        wide.extend(record.to_le_bytes());
        wide.extend(1_u32.to_le_bytes());
        result.extend(wide);
        result.extend(b"PK\x05\x06\0\0\0\0");
        result.extend([0xff; 12]);
        result.extend([0, 0]);
        result
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
