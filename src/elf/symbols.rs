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

/// The hash of a symbol's name, as in `DT_GNU_HASH`. A name that is missing is taken for another one that is loaded
/// with it once in four thousand times, where these are a million.
///
/// Source: glibc's `elf/dl-new-hash.h`.
#[must_use]
pub fn symbol_hash(name: &[u8]) -> u32 {
    name.iter().fold(5381_u32, |hash, byte| hash.wrapping_mul(33).wrapping_add(u32::from(*byte)))
}

/// What the symbol table says. `hashes` are those that the file has of its own symbols.
pub(super) fn read(table: Table<'_>, strings: &[u8], hashes: &Hashes) -> Result<Symbols, Malformed> {
    let Table { numbers, bytes } = table;
    let (mut symbols, mut budget) = (Symbols::default(), NAMES_LIMIT);
    symbols.defined.reserve_exact(hashes.known.len());
    for (number, symbol) in bytes.chunks_exact(entry_size(numbers)).enumerate().skip(1) {
        let entry = Entry::read(numbers, symbol).ok_or(Malformed::Symbols)?;
        if !entry.is_visible() || !entry.is_defined() && !entry.must_be_found() {
            continue;
        }
        // What the file has hashed is not read again.
        if let Some(hash) = hashes.get(number).filter(|_| entry.is_defined()) {
            symbols.defined.push(hash);
            continue;
        }
        let name = usize::try_from(entry.name).ok().and_then(|name| strings.get(name..)).ok_or(Malformed::Symbols)?;
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
    Ok(symbols)
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

/// The hash table of a file.
pub(super) enum Hash<'a> {
    /// `DT_HASH`, which tells the count of symbols alone.
    Count(Option<u64>),
    /// `DT_GNU_HASH`.
    Gnu {
        /// Where the chain of each bucket begins, as the number of a symbol.
        buckets: Table<'a>,
        /// How many buckets there are.
        count: u32,
        /// The first symbol with a hash.
        first: u32,
        /// The hash of each symbol from there on. In place of its lowest bit: whether the chain ends.
        chains: Table<'a>,
    },
}

impl<'a> Hash<'a> {
    /// Reads the table; `gnu` tells which one it is.
    pub(super) fn read(table: Table<'a>, gnu: bool) -> Result<Self, Malformed> {
        let Table { numbers, bytes } = table;
        if !gnu {
            return Ok(Self::Count(numbers.long(bytes, 4).map(u64::from)));
        }
        let long = |at: usize| numbers.long(bytes, at).ok_or(Malformed::Symbols);
        let place = |number: u32, size: usize| {
            usize::try_from(number).ok().and_then(|number| number.checked_mul(size)).ok_or(Malformed::Symbols)
        };
        let (count, first) = (long(0)?, long(4)?);
        let buckets = 16 + place(long(8)?, numbers.word())?;
        let chains = buckets.checked_add(place(count, 4)?).ok_or(Malformed::Symbols)?;
        let buckets = Table { numbers, bytes: bytes.get(buckets..chains).ok_or(Malformed::Symbols)? };
        let last = buckets.longs().max().unwrap_or_default();
        if last < first || last == 0 {
            return Ok(Self::Count(None));
        }
        let chains = bytes.get(chains..).ok_or(Malformed::Symbols)?;
        // The chain of the last bucket ends with the last symbol, which has the lowest bit set.
        let start = place(last - first, 4)?;
        let rest = Table { numbers, bytes: chains.get(start..).ok_or(Malformed::Symbols)? };
        let more = rest.longs().position(|hash| hash & 1 == 1).ok_or(Malformed::Symbols)?;
        let chains = Table { numbers, bytes: &chains[..start + (more + 1) * 4] };
        Ok(Self::Gnu { buckets, count, first, chains })
    }

    /// How many symbols there are; nothing where none has a hash.
    pub(super) fn count(&self) -> Option<u64> {
        match self {
            Self::Count(count) => *count,
            Self::Gnu { first, chains, .. } => Some(u64::from(*first) + (chains.bytes.len() / 4) as u64),
        }
    }

    /// [`symbol_hash`] of each symbol, as far as the table tells.
    pub(super) fn of_each(self) -> Hashes {
        let Self::Gnu { buckets, count, first, chains } = self else { return Hashes::default() };
        let mut known: Vec<u32> = chains.longs().collect();
        complete(&mut known, buckets, count, first);
        Hashes { first: usize::try_from(first).unwrap_or(usize::MAX), known }
    }
}

/// The hashes that a file has of its own symbols.
#[derive(Default)]
pub(super) struct Hashes {
    /// The first symbol with a hash.
    first: usize,
    /// The hash of each; 0 where it is not known.
    known: Vec<u32>,
}

impl Hashes {
    /// [`symbol_hash`] of the symbol with this number.
    fn get(&self, number: usize) -> Option<u32> {
        self.known.get(number.checked_sub(self.first)?).copied().filter(|hash| *hash != 0)
    }
}

/// In a chain the lowest bit of a hash says whether it ends there. Which bit the hash had, its bucket tells: the
/// hash modulo the count of buckets. Of hashes that are in no chain, or in a single bucket, nothing is known.
fn complete(hashes: &mut [u32], buckets: Table<'_>, count: u32, first: u32) {
    let mut ahead = 0;
    for (bucket, start) in (0_u32..).zip(buckets.longs()) {
        let start = start.checked_sub(first).and_then(|start| usize::try_from(start).ok());
        // Linkers lay the chains down in the order of their buckets: whatever is not so is not trusted.
        let Some(start) = start.filter(|start| *start >= ahead && count > 1) else { continue };
        let start = start.min(hashes.len());
        hashes[ahead..start].fill(0);
        ahead = start;
        for hash in hashes.iter_mut().skip(start) {
            let is_last = *hash & 1 == 1;
            let even = *hash & !1;
            let rest = even % count;
            let odd = if rest + 1 == count { 0 } else { rest + 1 };
            *hash = if rest == bucket {
                even
            } else if odd == bucket {
                even | 1
            } else {
                0
            };
            ahead += 1;
            if is_last {
                break;
            }
        }
    }
    if let Some(rest) = hashes.get_mut(ahead..) {
        rest.fill(0);
    }
}
