//! Local headers: each says what the central directory says, and together they fill the file.

use super::{
    Entry, ReadAt, Refusal, ZipError,
    central::{Directory, Header, parse_method},
    entry::Method,
    fields::{Fields, IN_ZIP64, parse_extra, read},
};

const HEADER_LENGTH: usize = 30;

/// Flag bit 3: sizes and checksum follow the data.
const DESCRIPTOR: u16 = 0x0008;

/// What must stand in the local header or data descriptor again.
type Sizes = (u32, u64, u64);

pub(super) fn check_all(file: &(impl ReadAt + ?Sized), mut directory: Directory) -> Result<Vec<Entry>, ZipError> {
    directory.entries.sort_by_key(|header| header.header_offset);
    let mut entries = Vec::with_capacity(directory.entries.len());
    let mut position = 0;
    for header in directory.entries {
        check_place(&header, position)?;
        let (entry, end) = check(file, header, directory.offset)?;
        entries.push(entry);
        position = end;
    }
    if position != directory.offset {
        return Err(Refusal::Gap.at(position));
    }
    Ok(entries)
}

fn check_place(header: &Header, position: u64) -> Result<(), ZipError> {
    match header.header_offset.cmp(&position) {
        std::cmp::Ordering::Less => Err(Refusal::Overlap.of(&header.name, header.header_offset)),
        std::cmp::Ordering::Greater => Err(Refusal::Gap.at(position)),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

/// Checks one local header and returns the entry with the offset at which its last byte ends.
fn check(file: &(impl ReadAt + ?Sized), header: Header, limit: u64) -> Result<(Entry, u64), ZipError> {
    let at = header.header_offset;
    let refuse = |refusal: Refusal| refusal.of(&header.name, at);
    let room = limit.checked_sub(at).ok_or_else(|| refuse(Refusal::Header))?;
    if room < HEADER_LENGTH as u64 {
        return Err(refuse(Refusal::Header));
    }
    let bytes = read(file, at, HEADER_LENGTH)?;
    let mut fields = Fields::new(&bytes);
    let (signature, _version, flags) = (fields.u32(), fields.u16(), fields.u16());
    let (method, _time) = (fields.u16(), fields.u32());
    let (crc32, compressed, size) = (fields.u32(), fields.u32(), fields.u32());
    let (name_length, extra_length) = (usize::from(fields.u16()), usize::from(fields.u16()));
    if signature != 0x0403_4b50 {
        return Err(refuse(Refusal::Header));
    }
    let variable = (name_length + extra_length) as u64;
    let data_offset = at + HEADER_LENGTH as u64 + variable;
    let data_end = data_offset.checked_add(header.compressed).filter(|end| *end <= limit);
    let data_end = data_end.ok_or_else(|| refuse(Refusal::Overlap))?;
    let rest = read(file, at + HEADER_LENGTH as u64, name_length + extra_length)?;
    let (name, extra) = rest.split_at(name_length);
    if name != header.raw_name || flags != header.flags || parse_method(method).map_err(refuse)? != header.method {
        return Err(refuse(Refusal::Disagreement));
    }
    let extra = parse_extra(extra).ok_or_else(|| refuse(Refusal::Header))?;
    if extra.renames(name) {
        return Err(refuse(Refusal::Disagreement));
    }
    let sizes = (crc32, compressed, size);
    check_sizes(&header, sizes, extra.zip64).map_err(refuse)?;
    let end = match flags & DESCRIPTOR {
        0 => data_end,
        _ => check_descriptor(file, &header, data_end, limit)?,
    };
    Ok((entry(header, data_offset), end))
}

fn entry(header: Header, data_offset: u64) -> Entry {
    Entry {
        name: header.name,
        method: header.method,
        crc32: header.crc32,
        compressed: header.compressed,
        size: header.size,
        header_offset: header.header_offset,
        data_offset,
        executable: header.executable,
    }
}

fn check_sizes(header: &Header, local: (u32, u32, u32), zip64: Option<&[u8]>) -> Result<(), Refusal> {
    let mut long = Fields::new(zip64.unwrap_or_default());
    let mut value = |short: u32| if short == IN_ZIP64 { long.u64() } else { short.into() };
    // In a local header the uncompressed size comes first in the zip64 field.
    let size = value(local.2);
    let compressed = value(local.1);
    if long.cut {
        return Err(Refusal::Zip64);
    }
    let found: Sizes = (local.0, compressed, size);
    let deferred = header.flags & DESCRIPTOR != 0 && found == (0, 0, 0);
    // A stored entry with deferred sizes has no end of its own for a reader that streams.
    if deferred && header.method == Method::Stored && header.size != 0 {
        return Err(Refusal::Descriptor);
    }
    if deferred || found == (header.crc32, header.compressed, header.size) {
        Ok(())
    } else {
        Err(Refusal::Disagreement)
    }
}

/// The descriptor has four forms: with or without signature, sizes of 4 or 8 bytes. Exactly one of
/// them must say what the central directory says and end where the next header begins.
fn check_descriptor(file: &(impl ReadAt + ?Sized), header: &Header, at: u64, limit: u64) -> Result<u64, ZipError> {
    let length = usize::try_from((limit - at).min(24)).unwrap_or_default();
    let bytes = read(file, at, length)?;
    let expect = (header.crc32, header.compressed, header.size);
    let next = |end: u64| end == limit || is_header(file, end);
    [(true, true), (true, false), (false, true), (false, false)]
        .into_iter()
        .filter_map(|form| parse_descriptor(&bytes, form).filter(|(found, _)| *found == expect))
        .map(|(_, length)| at + length)
        .find(|end| next(*end))
        .ok_or_else(|| Refusal::Descriptor.of(&header.name, at))
}

fn parse_descriptor(bytes: &[u8], (signed, wide): (bool, bool)) -> Option<(Sizes, u64)> {
    let mut fields = Fields::new(bytes);
    if signed && fields.u32() != 0x0807_4b50 {
        return None;
    }
    let crc32 = fields.u32();
    let (compressed, size) =
        if wide { (fields.u64(), fields.u64()) } else { (fields.u32().into(), fields.u32().into()) };
    let length = if signed { 4 } else { 0 } + if wide { 20 } else { 12 };
    (!fields.cut).then_some(((crc32, compressed, size), length))
}

fn is_header(file: &(impl ReadAt + ?Sized), at: u64) -> bool {
    read(file, at, 4).is_ok_and(|bytes| bytes == b"PK\x03\x04")
}
