//! Dynamic symbols. There is no count of them: it follows from their hash tables, or from what lies
//! behind them.

use std::ffi::CStr;

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
    /// [`symbol_hash`] of each name that it defines, strong or weak, in ascending order. Numbers, of which large
    /// libraries have half a million: whoever keeps what was read keeps them apart.
    #[serde(skip)]
    pub defined: Vec<u32>,
    /// Names that others must define.
    #[serde(rename = "u", default, skip_serializing_if = "Names::is_empty")]
    pub undefined: Names,
}

/// Names of symbols, a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Names(String);

impl Names {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.lines()
    }

    /// How many bytes they have.
    pub(super) const fn weight(&self) -> usize {
        self.0.len()
    }

    /// Adds one. Bytes that are no UTF-8 are replaced.
    pub(super) fn add(&mut self, name: &[u8]) {
        self.0.push_str(&String::from_utf8_lossy(name));
        self.0.push('\n');
    }
}

/// The hash of a symbol's name that `DT_GNU_HASH` has of each that is defined, its lowest bit set: that one marks
/// the end of a chain there. A name that is missing is taken for another one that is loaded with it once in two
/// thousand times where these are a million.
///
/// Source: glibc's `elf/dl-new-hash.h`.
#[must_use]
pub fn symbol_hash(name: &[u8]) -> u32 {
    name.iter().fold(5381_u32, |hash, byte| hash.wrapping_mul(33).wrapping_add(u32::from(*byte))) | 1
}

/// What the symbol table says: whether there is a module's entry point, and the symbols if asked for. `hashes`
/// are those that the file has of its own symbols.
pub(super) fn read(
    table: Table<'_>,
    strings: &[u8],
    hashes: &Hashes<'_>,
    detail: Detail,
) -> Result<(bool, Symbols), Malformed> {
    let Table { numbers, bytes } = table;
    let (mut module, mut symbols, mut budget) = (false, Symbols::default(), NAMES_LIMIT);
    for (number, symbol) in bytes.chunks_exact(entry_size(numbers)).enumerate().skip(1) {
        let entry = Entry::read(numbers, symbol).ok_or(Malformed::Symbols)?;
        if !entry.is_visible() {
            continue;
        }
        let name = usize::try_from(entry.name).ok().and_then(|name| strings.get(name..)).ok_or(Malformed::Symbols)?;
        module |= entry.is_defined() && (name.starts_with(b"PyInit_") || name.starts_with(b"PyInitU_"));
        if detail == Detail::Linking || !entry.is_defined() && !entry.must_be_found() {
            continue;
        }
        // What the file has hashed is not read again.
        if let Some(hash) = hashes.get(number).filter(|_| entry.is_defined()) {
            symbols.defined.push(hash);
            continue;
        }
        let name = CStr::from_bytes_until_nul(&name[..name.len().min(NAME_LIMIT)]).map_err(|_| Malformed::Symbols)?;
        let name = name.to_bytes();
        budget = budget.checked_sub(name.len()).ok_or(Malformed::TooMuch)?;
        if entry.is_defined() {
            symbols.defined.push(symbol_hash(name));
        } else if !name.is_empty() {
            symbols.undefined.add(name);
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

/// What `DT_GNU_HASH` tells, if there is one.
#[derive(Default)]
pub(super) struct Hashes<'a> {
    /// The first symbol with a hash.
    first: usize,
    /// A hash for each.
    chains: Option<Table<'a>>,
    /// How many symbols there are; nothing where none has a hash.
    pub(super) count: Option<u64>,
}

impl<'a> Hashes<'a> {
    /// Reads the table.
    pub(super) fn read(table: Table<'a>) -> Result<Self, Malformed> {
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
            return Ok(Self::default());
        }
        let chains = bytes.get(chains..).ok_or(Malformed::Symbols)?;
        // The chain of the last bucket ends with the last symbol, which has the lowest bit set.
        let chain = chains.get(place(last - first, 4)?..).ok_or(Malformed::Symbols)?;
        let more = chain.chunks_exact(4).position(|hash| numbers.long(hash, 0).is_some_and(|hash| hash & 1 == 1));
        let count = u64::from(last) + more.ok_or(Malformed::Symbols)? as u64 + 1;
        let first = usize::try_from(first).map_err(|_| Malformed::Symbols)?;
        Ok(Self { first, chains: Some(Table { numbers, bytes: chains }), count: Some(count) })
    }

    /// [`symbol_hash`] of the symbol with this number.
    fn get(&self, number: usize) -> Option<u32> {
        let Table { numbers, bytes } = self.chains?;
        let hash = numbers.long(bytes, number.checked_sub(self.first)?.checked_mul(4)?)?;
        Some(hash | 1)
    }
}
