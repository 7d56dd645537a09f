//! `/etc/ld.so.cache`: which library lies where, as glibc's loader believes it.
//!
//! The new format of `ldconfig`, alone or behind the old one (`sysdeps/generic/dl-cache.h`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Evidence;

const MAGIC: &[u8; 20] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;
/// The longest path that Linux knows.
const STRING_LIMIT: usize = 4096;
/// What a cache says may be so many times its own size: no two lines have the same path, and names are ends of paths.
const COPIES: usize = 4;

/// The libraries in the cache by the names they are asked for, each with its files in the order of the cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoaderCache(BTreeMap<String, Vec<String>>);

impl LoaderCache {
    /// The cache, if a file was one.
    #[must_use]
    pub fn of(evidence: &Evidence) -> Option<&Self> {
        match evidence {
            Evidence::LoaderCache(cache) => Some(cache),
            _ => None,
        }
    }

    /// The files that are taken for the library `name`: those for every processor first.
    #[must_use]
    pub fn files(&self, name: &str) -> Vec<&str> {
        self.0.get(name).into_iter().flatten().map(String::as_str).collect()
    }

    /// The names under which it has libraries, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Reads a cache. What is malformed is passed over, as the loader does; so is all behind lines that say the same
    /// again and again.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let start = bytes.windows(MAGIC.len()).step_by(4).position(|window| window == MAGIC);
        let Some(cache) = start.and_then(|start| bytes.get(4 * start..)) else { return Self::default() };
        let little = cache.get(20..24).and_then(|word| word.first_chunk()).map_or(0, |word| u32::from_le_bytes(*word));
        let is_little = usize::try_from(little).is_ok_and(|count| count <= cache.len() / ENTRY);
        let long = |at: usize| {
            let bytes = *cache.get(at..)?.first_chunk()?;
            let number = if is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
            usize::try_from(number).ok()
        };
        let text = |at: usize| {
            let rest = cache.get(at..)?;
            let end = rest.iter().take(STRING_LIMIT).position(|byte| *byte == 0)?;
            Some(String::from_utf8_lossy(&rest[..end]).into_owned())
        };
        let count = long(20).unwrap_or_default().min(cache.len() / ENTRY);
        let mut left = COPIES * cache.len();
        let mut found: BTreeMap<String, Vec<(bool, String)>> = BTreeMap::new();
        for entry in (0..count).map(|number| HEADER + number * ENTRY) {
            let (Some(key), Some(value)) = (long(entry + 4).and_then(text), long(entry + 8).and_then(text)) else {
                continue;
            };
            let Some(rest) = left.checked_sub(weight(&key) + weight(&value)) else { break };
            left = rest;
            let special = long(entry + 16).zip(long(entry + 20)) != Some((0, 0));
            found.entry(key).or_default().push((special, value));
        }
        let sorted = |(name, mut files): (String, Vec<(bool, String)>)| {
            files.sort_by_key(|(special, _)| *special);
            (name, files.into_iter().map(|(_, file)| file).collect())
        };
        Self(found.into_iter().map(sorted).collect())
    }

    /// About how many bytes this takes.
    pub(super) fn weight(&self) -> usize {
        self.0.iter().map(|(name, files)| weight(name) + files.iter().map(|file| weight(file)).sum::<usize>()).sum()
    }
}

const fn weight(text: &str) -> usize {
    size_of::<String>() + text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache of these names and files; those with `true` are for some processors only.
    fn cache(entries: &[(&str, &str, bool)], big: bool) -> Vec<u8> {
        let word = |number: usize| {
            let number = u32::try_from(number).unwrap();
            if big { number.to_be_bytes() } else { number.to_le_bytes() }
        };
        let (mut table, mut strings) = (Vec::new(), Vec::new());
        let start = HEADER + entries.len() * ENTRY;
        for (key, value, special) in entries {
            table.extend(word(0x303));
            for text in [key, value] {
                table.extend(word(start + strings.len()));
                strings.extend(text.bytes().chain([0]));
            }
            for number in [0, usize::from(*special), 0] {
                table.extend(word(number));
            }
        }
        let header = [MAGIC.to_vec(), word(entries.len()).to_vec(), word(strings.len()).to_vec(), vec![0; 20]];
        [header.concat(), table, strings].concat()
    }

    #[test]
    fn names_lead_to_files() {
        let entries = [
            ("libz.so.1", "/usr/lib/glibc-hwcaps/x86-64-v3/libz.so.1", true),
            ("libz.so.1", "/lib/x86_64-linux-gnu/libz.so.1", false),
            ("liba.so", "/usr/lib/liba.so", false),
        ];
        for big in [false, true] {
            let plain = cache(&entries, big);
            let behind = [b"ld.so-1.7.0\0\0\0\0\0".to_vec(), plain.clone()].concat();
            for bytes in [plain, behind] {
                let cache = LoaderCache::parse(&bytes);
                let expect = ["/lib/x86_64-linux-gnu/libz.so.1", "/usr/lib/glibc-hwcaps/x86-64-v3/libz.so.1"];
                assert_eq!(cache.files("libz.so.1"), expect);
                assert_eq!(cache.files("liba.so"), ["/usr/lib/liba.so"]);
                assert!(cache.files("libb.so").is_empty());
                for length in 0..bytes.len() {
                    LoaderCache::parse(&bytes[..length]);
                }
            }
        }
    }

    #[test]
    fn few_strings_do_not_become_many() {
        let long = "x".repeat(STRING_LIMIT - 1);
        let mut bytes = cache(&vec![("liba.so", "/usr/lib/liba.so", false); 20_000], false);
        let place = u32::try_from(bytes.len()).unwrap();
        bytes.extend(long.bytes().chain([0]));
        // All lines but the first name one string, as what is asked for and as its file.
        for line in bytes[HEADER + ENTRY..].chunks_mut(ENTRY).take(19_999) {
            line[4..8].copy_from_slice(&place.to_le_bytes());
            line[8..12].copy_from_slice(&place.to_le_bytes());
        }
        let cache = LoaderCache::parse(&bytes);
        assert_eq!(cache.files("liba.so"), ["/usr/lib/liba.so"]);
        assert!(!cache.files(&long).is_empty() && cache.weight() <= COPIES * bytes.len(), "{}", cache.weight());
    }
}
