//! The contents of one small entry: metadata, scripts.

use std::io::Read as _;

use flate2::read::DeflateDecoder;

use super::{Entry, ReadAt, Refusal, ZipError, entry::Method, fields::read};

/// Reads and checks the contents of `entry`, which must not be larger than `limit` bytes.
///
/// # Errors
/// When they are larger, cannot be read, or are not what the headers say.
pub fn read_entry(file: &(impl ReadAt + ?Sized), entry: &Entry, limit: u64) -> Result<Vec<u8>, ZipError> {
    let refuse = |refusal: Refusal| refusal.of(&entry.name, entry.data_offset);
    if entry.size > limit || entry.compressed > limit.saturating_add(1 << 20) {
        return Err(refuse(Refusal::TooLarge));
    }
    let length = usize::try_from(entry.compressed).map_err(|_| refuse(Refusal::TooLarge))?;
    let stored = read(file, entry.data_offset, length)?;
    let contents = match entry.method {
        Method::Stored => stored,
        Method::Deflate => inflate(&stored, entry.size).map_err(refuse)?,
    };
    if contents.len() as u64 != entry.size {
        return Err(refuse(Refusal::Size));
    }
    if crc32fast::hash(&contents) != entry.crc32 {
        return Err(refuse(Refusal::Checksum));
    }
    Ok(contents)
}

/// Whether the contents of `entry` begin with `bytes`, which are few. Reads no more than needed.
///
/// # Errors
/// When the file cannot be read or the stream is broken.
pub fn starts_with(file: &(impl ReadAt + ?Sized), entry: &Entry, bytes: &[u8]) -> Result<bool, ZipError> {
    if entry.size < bytes.len() as u64 {
        return Ok(false);
    }
    let length = usize::try_from(entry.compressed.min(4096)).unwrap_or(4096);
    let stored = read(file, entry.data_offset, length)?;
    let mut beginning = Vec::new();
    let wanted = bytes.len() as u64;
    let result = match entry.method {
        Method::Stored => (&stored[..]).take(wanted).read_to_end(&mut beginning),
        Method::Deflate => DeflateDecoder::new(&stored[..]).take(wanted).read_to_end(&mut beginning),
    };
    result.map_err(|_| Refusal::Stream.of(&entry.name, entry.data_offset))?;
    Ok(beginning == bytes)
}

fn inflate(stored: &[u8], size: u64) -> Result<Vec<u8>, Refusal> {
    let mut decoder = DeflateDecoder::new(stored);
    let mut contents = Vec::new();
    // One byte more than declared shows a stream that does not end where it should.
    decoder.by_ref().take(size + 1).read_to_end(&mut contents).map_err(|_| Refusal::Stream)?;
    if contents.len() as u64 <= size && decoder.total_in() != stored.len() as u64 {
        return Err(Refusal::StreamEndsEarly);
    }
    Ok(contents)
}
