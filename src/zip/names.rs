//! Names of entries: plain relative paths, each at one place.

use super::{Entry, Refusal, ZipError};

/// Linux takes no longer path.
const LONGEST: usize = 4095;

/// Linux takes no longer component.
const LONGEST_COMPONENT: usize = 255;

/// Reads a name; `utf8` is flag bit 11.
pub(super) fn parse(bytes: &[u8], utf8: u16) -> Result<String, Refusal> {
    if !bytes.is_ascii() && utf8 == 0 {
        return Err(Refusal::NameEncoding);
    }
    let name = str::from_utf8(bytes).map_err(|_| Refusal::NameEncoding)?;
    let path = name.strip_suffix('/').unwrap_or(name);
    if path.len() > LONGEST || path.split('/').any(|component| component.len() > LONGEST_COMPONENT) {
        return Err(Refusal::NameLength);
    }
    let plain = |component: &str| !matches!(component, "" | "." | "..");
    if !path.split('/').all(plain) || path.chars().any(|letter| letter == '\\' || letter.is_control()) {
        return Err(Refusal::NamePath);
    }
    Ok(name.to_owned())
}

/// Refuses names that stand twice with different contents and files that are also directories; of
/// equal entries the last one stays. Expects the entries sorted by name.
pub(super) fn check_together(entries: &mut Vec<Entry>) -> Result<(), ZipError> {
    for pair in entries.windows(2) {
        let [first, second] = pair else { continue };
        if first.name == second.name && (first.crc32, first.size) != (second.crc32, second.size) {
            return Err(Refusal::Duplicate.of(&second.name, second.header_offset));
        }
    }
    entries.dedup_by(|later, earlier| {
        let same = later.name == earlier.name;
        if same && later.header_offset > earlier.header_offset {
            std::mem::swap(later, earlier);
        }
        same
    });
    for entry in entries.iter().filter(|entry| !entry.is_directory()) {
        let folder = format!("{}/", entry.name);
        let next = entries.partition_point(|other| other.name.as_bytes() < folder.as_bytes());
        if entries.get(next).is_some_and(|other| other.name.starts_with(&folder)) {
            return Err(Refusal::FileAndDirectory.of(&entry.name, entry.header_offset));
        }
    }
    Ok(())
}

/// Bytes of all names and of the paths of all folders that they stand in: what a list of them takes.
/// Expects the entries sorted by name.
pub(super) fn extent(entries: &[Entry]) -> u64 {
    let mut before: &[u8] = &[];
    let mut total = 0;
    for entry in entries {
        let name = entry.name.as_bytes();
        let shared = before.iter().zip(name).take_while(|(left, right)| left == right).count();
        let folders = entry.name.match_indices('/').map(|(end, _)| end).filter(|end| *end >= shared);
        total += (name.len() + folders.sum::<usize>()) as u64;
        before = name;
    }
    total
}
