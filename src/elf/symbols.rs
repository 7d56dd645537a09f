//! Dynamic symbols. There is no count of them: it follows from their hash tables, or from what lies
//! behind them.

use serde::{Deserialize, Serialize};

use super::{Malformed, dynamic::Table, header::Numbers};

/// Bytes of all names together; `libtorch_cpu.so` has some 20 MiB.
const NAMES_LIMIT: usize = 512 << 20;
/// Bytes of one name; templates of C++ make some KiB.
const NAME_LIMIT: usize = 1 << 20;

/// How much is read of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What the loader goes by to find libraries.
    Linking,
    /// The dynamic symbols too.
    Symbols,
}

/// The dynamic symbols of a program or library.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Symbols {
    /// [`symbol_hash`] of each name that it defines, strong or weak, in ascending order.
    #[serde(rename = "d", with = "packed")]
    pub defined: Vec<u64>,
    /// Names that others must define: undefined and not weak. In the order of the file.
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    pub undefined: Vec<String>,
}

/// Hashes as a text: eight bytes each, the lowest first, in base64.
mod packed {
    use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::ptr_arg, reason = "serde passes the field")]
    pub(super) fn serialize<S: Serializer>(hashes: &Vec<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        serializer.serialize_str(&BASE64_STANDARD_NO_PAD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
        let bytes = BASE64_STANDARD_NO_PAD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)?;
        let (hashes, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(D::Error::custom("a hash is cut"));
        }
        Ok(hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect())
    }
}

/// FNV-1a of a symbol's name, 64 bits: two of a million names meet once in 30 million images.
#[must_use]
pub fn symbol_hash(name: &[u8]) -> u64 {
    name.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What the symbol table says: whether there is a module's entry point, and the symbols if asked for.
pub(super) fn read(table: Table<'_>, strings: &[u8], detail: Detail) -> Result<(bool, Symbols), Malformed> {
    let Table { numbers, bytes } = table;
    let (mut module, mut symbols, mut budget) = (false, Symbols::default(), NAMES_LIMIT);
    for symbol in bytes.chunks_exact(entry_size(numbers)).skip(1) {
        let entry = Entry::read(numbers, symbol).ok_or(Malformed::Symbols)?;
        if !entry.is_visible() {
            continue;
        }
        let name = usize::try_from(entry.name).ok().and_then(|name| strings.get(name..)).ok_or(Malformed::Symbols)?;
        module |= entry.is_defined() && (name.starts_with(b"PyInit_") || name.starts_with(b"PyInitU_"));
        if detail == Detail::Linking {
            continue;
        }
        let end = name.iter().take(NAME_LIMIT).position(|byte| *byte == 0).ok_or(Malformed::Symbols)?;
        budget = budget.checked_sub(end).ok_or(Malformed::TooMuch)?;
        if entry.is_defined() {
            symbols.defined.push(symbol_hash(&name[..end]));
        } else if entry.must_be_found() && end > 0 {
            symbols.undefined.push(String::from_utf8_lossy(&name[..end]).into_owned());
        }
    }
    symbols.defined.sort_unstable();
    symbols.defined.dedup();
    Ok((module, symbols))
}

/// Bytes of one symbol.
pub(super) const fn entry_size(numbers: Numbers) -> usize {
    numbers.pick(16, 24)
}

struct Entry {
    name: u32,
    info: u8,
    section: u16,
}

impl Entry {
    fn read(numbers: Numbers, bytes: &[u8]) -> Option<Self> {
        Some(Self {
            name: numbers.long(bytes, 0)?,
            info: *bytes.get(numbers.pick(12, 4))?,
            section: numbers.half(bytes, numbers.pick(14, 6))?,
        })
    }

    const fn is_defined(&self) -> bool {
        self.section != 0
    }

    /// Global, weak, or `STB_GNU_UNIQUE`.
    const fn is_visible(&self) -> bool {
        matches!(self.info >> 4, 1 | 2 | 10)
    }

    const fn must_be_found(&self) -> bool {
        self.info >> 4 == 1
    }
}

/// How many symbols there are by `DT_HASH`.
pub(super) fn count_by_hash(table: Table<'_>) -> Option<u64> {
    table.numbers.long(table.bytes, 4).map(u64::from)
}

/// How many symbols there are by `DT_GNU_HASH`; nothing where it holds none.
pub(super) fn count_by_gnu_hash(table: Table<'_>) -> Result<Option<u64>, Malformed> {
    let Table { numbers, bytes } = table;
    let long = |at: usize| numbers.long(bytes, at).ok_or(Malformed::Symbols);
    let place = |number: u32, size: usize| {
        usize::try_from(number).ok().and_then(|number| number.checked_mul(size)).ok_or(Malformed::Symbols)
    };
    let first = long(4)?;
    let buckets = 16 + place(long(8)?, numbers.word())?;
    let chains = buckets.checked_add(place(long(0)?, 4)?).ok_or(Malformed::Symbols)?;
    let buckets = bytes.get(buckets..chains).ok_or(Malformed::Symbols)?;
    let last = buckets.chunks_exact(4).filter_map(|bucket| numbers.long(bucket, 0)).max().unwrap_or_default();
    if last < first || last == 0 {
        return Ok(None);
    }
    // The chain of the last bucket ends with the last symbol, which has the lowest bit set.
    let start = chains.checked_add(place(last - first, 4)?).ok_or(Malformed::Symbols)?;
    let chain = bytes.get(start..).ok_or(Malformed::Symbols)?;
    let more = chain.chunks_exact(4).position(|hash| numbers.long(hash, 0).is_some_and(|hash| hash & 1 == 1));
    Ok(Some(u64::from(last) + more.ok_or(Malformed::Symbols)? as u64 + 1))
}
