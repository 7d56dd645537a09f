//! The end of the archive and its central directory.

use super::{
    Limits, ReadAt, Refusal, ZipError,
    entry::Method,
    fields::{Fields, IN_ZIP64, parse_extra, read},
    names,
};

const END_LENGTH: u64 = 22;
const LOCATOR_LENGTH: u64 = 20;
const ZIP64_END_LENGTH: u64 = 56;
const HEADER_LENGTH: usize = 46;

/// A central directory larger than this is refused before it is read.
const LARGEST_DIRECTORY: u64 = 128 << 20;

/// What the central directory says of all entries.
pub(super) struct Directory {
    pub(super) entries: Vec<Header>,
    /// Where the directory begins, and so where the last entry must end.
    pub(super) offset: u64,
}

/// What the central directory says of one entry.
pub(super) struct Header {
    pub(super) name: String,
    pub(super) raw_name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: Method,
    pub(super) crc32: u32,
    pub(super) compressed: u64,
    pub(super) size: u64,
    #[expect(clippy::struct_field_names, reason = "the offset of this header, not of the contents")]
    pub(super) header_offset: u64,
    pub(super) executable: bool,
}

struct End {
    count: u64,
    size: u64,
    offset: u64,
    /// Where the end records begin, and so where the directory must end.
    at: u64,
}

pub(super) fn read_all(file: &(impl ReadAt + ?Sized), length: u64, limits: &Limits) -> Result<Directory, ZipError> {
    let end = read_end(file, length)?;
    if end.offset.checked_add(end.size) != Some(end.at) {
        return Err(Refusal::Directory.at(end.at));
    }
    if end.count > limits.entries || end.size > LARGEST_DIRECTORY {
        return Err(Refusal::TooMany.at(end.at));
    }
    let size = usize::try_from(end.size).map_err(|_| Refusal::TooMany.at(end.at))?;
    let bytes = read(file, end.offset, size)?;
    let mut fields = Fields::new(&bytes);
    let mut entries = Vec::new();
    while !fields.is_empty() {
        entries.push(read_header(&mut fields, end.offset)?);
    }
    if entries.len() as u64 != end.count {
        return Err(Refusal::Directory.at(end.at));
    }
    Ok(Directory { entries, offset: end.offset })
}

fn read_end(file: &(impl ReadAt + ?Sized), length: u64) -> Result<End, ZipError> {
    let at = length.checked_sub(END_LENGTH).ok_or(Refusal::NoEnd.at(0))?;
    let bytes = read(file, at, 22)?;
    let mut fields = Fields::new(&bytes);
    if fields.u32() != 0x0605_4b50 {
        return Err(find_commented_end(file, length)?);
    }
    let disks = (fields.u16(), fields.u16());
    let counts = (fields.u16(), fields.u16());
    let (size, offset, comment) = (fields.u32(), fields.u32(), fields.u16());
    if comment != 0 {
        return Err(Refusal::Comment.at(at));
    }
    let zip64 = counts.1 == u16::MAX || size == IN_ZIP64 || offset == IN_ZIP64 || has_locator(file, at)?;
    if zip64 {
        let end = read_zip64_end(file, at)?;
        let agrees = |short: u32, long: u64| short == IN_ZIP64 || u64::from(short) == long;
        let count_agrees = counts.1 == u16::MAX || u64::from(counts.1) == end.count;
        if !(agrees(size, end.size) && agrees(offset, end.offset) && count_agrees) {
            return Err(Refusal::Zip64.at(at));
        }
        return Ok(end);
    }
    if disks != (0, 0) || counts.0 != counts.1 {
        return Err(Refusal::Disks.at(at));
    }
    Ok(End { count: counts.1.into(), size: size.into(), offset: offset.into(), at })
}

/// Tells an archive with a comment or trailing bytes from a file that is no archive.
fn find_commented_end(file: &(impl ReadAt + ?Sized), length: u64) -> Result<ZipError, ZipError> {
    let window = length.min(END_LENGTH + u64::from(u16::MAX));
    let start = length - window;
    let bytes = read(file, start, usize::try_from(window).unwrap_or_default())?;
    let found = bytes.windows(4).rposition(|four| four == b"PK\x05\x06");
    let Some(position) = found else { return Ok(Refusal::NoEnd.at(length)) };
    let at = start + position as u64;
    let comment = bytes.get(position + 20..position + 22).map_or(0, |two| u64::from(two[0]) | u64::from(two[1]) << 8);
    let whole = comment > 0 && at + END_LENGTH + comment == length;
    Ok(if whole { Refusal::Comment.at(at) } else { Refusal::NoEnd.at(at) })
}

fn has_locator(file: &(impl ReadAt + ?Sized), end: u64) -> Result<bool, ZipError> {
    match end.checked_sub(LOCATOR_LENGTH) {
        Some(at) => Ok(read(file, at, 4)? == b"PK\x06\x07"),
        None => Ok(false),
    }
}

fn read_zip64_end(file: &(impl ReadAt + ?Sized), end: u64) -> Result<End, ZipError> {
    let refuse = || Refusal::Zip64.at(end);
    let at = end.checked_sub(LOCATOR_LENGTH + ZIP64_END_LENGTH).ok_or_else(refuse)?;
    let bytes = read(file, at, 76)?;
    let mut fields = Fields::new(&bytes);
    let signature = fields.u32();
    // The record's own length: 44 more bytes, so that no extensible data hides in it.
    let record = fields.u64();
    let _versions = fields.u32();
    let disks = (fields.u32(), fields.u32());
    let counts = (fields.u64(), fields.u64());
    let (size, offset) = (fields.u64(), fields.u64());
    let locator = (fields.u32(), fields.u32(), fields.u64(), fields.u32());
    if signature != 0x0606_4b50 || record != 44 || disks != (0, 0) || counts.0 != counts.1 {
        return Err(refuse());
    }
    if locator != (0x0706_4b50, 0, at, 1) {
        return Err(refuse());
    }
    Ok(End { count: counts.1, size, offset, at })
}

fn read_header(fields: &mut Fields<'_>, directory: u64) -> Result<Header, ZipError> {
    let mut fixed = Fields::new(fields.take(HEADER_LENGTH));
    let signature = fixed.u32();
    let _versions = fixed.u32();
    let (flags, method, _time) = (fixed.u16(), fixed.u16(), fixed.u32());
    let (crc32, compressed, size) = (fixed.u32(), fixed.u32(), fixed.u32());
    let (name_length, extra_length, comment_length) = (fixed.u16(), fixed.u16(), fixed.u16());
    let (disk, _internal, external, offset) = (fixed.u16(), fixed.u16(), fixed.u32(), fixed.u32());
    let raw_name = fields.take(name_length.into());
    let extra = fields.take(extra_length.into());
    let _comment = fields.take(comment_length.into());
    if signature != 0x0201_4b50 || fields.cut {
        return Err(Refusal::Header.at(directory));
    }
    let shown = String::from_utf8_lossy(raw_name);
    let refuse = |refusal: Refusal| refusal.of(&shown, offset.into());
    let name = names::parse(raw_name, flags & 0x0800).map_err(refuse)?;
    check_flags(flags).map_err(refuse)?;
    let extra = parse_extra(extra).ok_or_else(|| refuse(Refusal::Header))?;
    if extra.renames(raw_name) {
        return Err(refuse(Refusal::Disagreement));
    }
    let mut zip64 = Fields::new(extra.zip64.unwrap_or_default());
    let mut long = |short: u32| if short == IN_ZIP64 { zip64.u64() } else { short.into() };
    let (size, compressed, header_offset) = (long(size), long(compressed), long(offset));
    if zip64.cut || (disk != 0 && disk != u16::MAX) {
        return Err(refuse(Refusal::Zip64));
    }
    let method = parse_method(method).map_err(refuse)?;
    if method == Method::Stored && size != compressed {
        return Err(refuse(Refusal::StoredSize));
    }
    // Some writers deflate the nothing in a directory, which takes two bytes.
    if name.ends_with('/') && (size != 0 || compressed > 2) {
        return Err(refuse(Refusal::DirectoryContents));
    }
    let mode = external >> 16;
    let executable = mode & 0o170_000 == 0o100_000 && mode & 0o111 != 0;
    let raw_name = raw_name.to_vec();
    Ok(Header { name, raw_name, flags, method, crc32, compressed, size, header_offset, executable })
}

pub(super) fn parse_method(method: u16) -> Result<Method, Refusal> {
    match method {
        0 => Ok(Method::Stored),
        8 => Ok(Method::Deflate),
        _ => Err(Refusal::Method),
    }
}

/// Allows data descriptors (bit 3), the two hints of deflate (1, 2) and UTF-8 names (11).
fn check_flags(flags: u16) -> Result<(), Refusal> {
    if flags & 0x2041 != 0 {
        return Err(Refusal::Encrypted);
    }
    if flags & !0x080e != 0 { Err(Refusal::Flags) } else { Ok(()) }
}
