//! From the parts of a file that are in memory to what it says.

use std::ops::Range;

use super::{
    Elf, Malformed, Object,
    header::{DYNAMIC, HEADER_SIZE, Header, INTERPRETER, LOAD, Numbers, Segment},
    held::{Held, Stop},
    symbols::{self, Detail, Hash, Symbols},
    versions,
};

/// Bytes of a dynamic section; real ones have some hundred.
const DYNAMIC_LIMIT: u64 = 1 << 20;
/// Bytes of the name of an interpreter.
const INTERPRETER_LIMIT: u64 = 4096;
/// Bytes of all names that are kept of a file, those of symbols apart.
const NAMES_LIMIT: usize = 1 << 20;

/// Bytes of a table of versions; glibc's have 2 KiB.
const VERSIONS_LIMIT: u64 = 1 << 20;
/// Bytes of another table, where it does not say its size.
const TABLE_LIMIT: u64 = 16 << 20;

/// A table in a file.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) numbers: Numbers,
    pub(super) bytes: &'a [u8],
}

impl Table<'_> {
    /// Words of 32 bits.
    pub(super) fn longs(&self) -> impl Iterator<Item = u32> {
        let longs = |bytes: &[u8]| self.numbers.long(bytes, 0);
        self.bytes.chunks_exact(4).filter_map(longs)
    }
}

/// The string table, of which so much may still be copied.
pub(super) struct Names<'a> {
    bytes: &'a [u8],
    budget: usize,
}

impl Names<'_> {
    /// The name at `place`.
    pub(super) fn get(&mut self, place: u64) -> Result<String, Malformed> {
        let rest = usize::try_from(place).ok().and_then(|place| self.bytes.get(place..)).ok_or(Malformed::Name)?;
        let end = rest.iter().take(self.budget + 1).position(|byte| *byte == 0);
        let end = end.ok_or(if rest.len() > self.budget { Malformed::TooMuch } else { Malformed::Name })?;
        self.budget -= end;
        Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
    }
}

/// Reads what is held of a file; nothing if it is no program or library.
pub(super) fn parse(held: &Held<'_>, detail: Detail) -> Result<Option<Elf>, Stop> {
    let Some((header, segments)) = outline(held)? else { return Ok(None) };
    let mut object = Object {
        class: header.numbers.class,
        order: header.numbers.order,
        machine: header.machine,
        kind: header.kind,
        interpreter: interpreter(held, &segments)?,
        soname: None,
        needed: Vec::new(),
        rpath: None,
        runpath: None,
        no_default_folders: false,
        requires: Vec::new(),
        provides: Vec::new(),
        dynamic: false,
    };
    let Some(dynamic) = dynamic(held, header.numbers, &segments)? else {
        return Ok(Some(Elf { object, symbols: None }));
    };
    object.dynamic = true;
    let file = File { held, numbers: header.numbers, segments: &segments, dynamic: &dynamic };
    let symbols = file.all_at_once()?.fill(&mut object, detail)?;
    Ok(Some(Elf { object, symbols }))
}

/// The places of tables that the dynamic section names and that are not held; none where it is malformed, which
/// [`parse`] tells.
pub(super) fn missing(held: &Held<'_>) -> Vec<Range<u64>> {
    let places = || {
        let Some((header, segments)) = outline(held)? else { return Ok(()) };
        let Some(dynamic) = dynamic(held, header.numbers, &segments)? else { return Ok(()) };
        let file = File { held, numbers: header.numbers, segments: &segments, dynamic: &dynamic };
        file.all_at_once().map(drop)
    };
    match places() {
        Err(Stop::Unread(ranges)) => ranges,
        Ok(()) | Err(Stop::Malformed(_)) => Vec::new(),
    }
}

/// The headers; nothing if it is no program or library.
fn outline(held: &Held<'_>) -> Result<Option<(Header, Vec<Segment>)>, Stop> {
    let first = held.get(&(0..held.size.min(HEADER_SIZE as u64)))?;
    let Some(header) = Header::read(first)? else { return Ok(None) };
    let segments = header.segments(held.get(&header.segments_range())?);
    if segments.iter().any(|segment| segment.kind == LOAD && segment.range().end > held.size) {
        return Err(Malformed::Truncated.into());
    }
    Ok(Some((header, segments)))
}

fn interpreter(held: &Held<'_>, segments: &[Segment]) -> Result<Option<String>, Stop> {
    let Some(segment) = segments.iter().find(|segment| segment.kind == INTERPRETER) else { return Ok(None) };
    if segment.size > INTERPRETER_LIMIT {
        return Err(Malformed::Segments.into());
    }
    let bytes = held.get(&segment.range())?;
    let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(Some(String::from_utf8_lossy(name).into_owned()))
}

/// The entries of the dynamic section.
#[derive(Default)]
struct Dynamic {
    needed: Vec<u64>,
    soname: Option<u64>,
    rpath: Option<u64>,
    runpath: Option<u64>,
    flags_1: u64,
    strings: Option<u64>,
    strings_size: Option<u64>,
    symbols: Option<u64>,
    hash: Option<u64>,
    gnu_hash: Option<u64>,
    needed_versions: Option<u64>,
    needed_versions_count: u64,
    defined_versions: Option<u64>,
    defined_versions_count: u64,
    /// Where tables begin, the above and others: a table ends before the next one begins.
    starts: Vec<u64>,
}

fn dynamic(held: &Held<'_>, numbers: Numbers, segments: &[Segment]) -> Result<Option<Dynamic>, Stop> {
    let Some(segment) = segments.iter().find(|segment| segment.kind == DYNAMIC) else { return Ok(None) };
    if segment.size > DYNAMIC_LIMIT {
        return Err(Malformed::Dynamic.into());
    }
    let mut found = Dynamic::default();
    for entry in held.get(&segment.range())?.chunks_exact(2 * numbers.word()) {
        let value = |at| numbers.address(entry, at).ok_or(Malformed::Dynamic);
        let (tag, value) = (value(0)?, value(numbers.word())?);
        if tag == 0 {
            break;
        }
        found.add(tag, value);
    }
    found.starts.sort_unstable();
    Ok(Some(found))
}

impl Dynamic {
    fn add(&mut self, tag: u64, value: u64) {
        let table = match tag {
            1 => return self.needed.push(value),
            10 => return self.strings_size = Some(value),
            14 => return self.soname = Some(value),
            15 => return self.rpath = Some(value),
            29 => return self.runpath = Some(value),
            0x6fff_fffb => return self.flags_1 = value,
            0x6fff_fffd => return self.defined_versions_count = value,
            0x6fff_ffff => return self.needed_versions_count = value,
            4 => Some(&mut self.hash),
            5 => Some(&mut self.strings),
            6 => Some(&mut self.symbols),
            0x6fff_fef5 => Some(&mut self.gnu_hash),
            0x6fff_fffc => Some(&mut self.defined_versions),
            0x6fff_fffe => Some(&mut self.needed_versions),
            // PLTGOT, RELA, INIT, FINI, REL, JMPREL, INIT_ARRAY, FINI_ARRAY, PREINIT_ARRAY, RELR, VERSYM.
            3 | 7 | 12 | 13 | 17 | 23 | 25 | 26 | 32 | 36 | 0x6fff_fff0 => None,
            _ => return,
        };
        if let Some(table) = table {
            *table = Some(value);
        }
        self.starts.push(value);
    }
}

struct File<'f, 'a> {
    held: &'f Held<'a>,
    numbers: Numbers,
    segments: &'f [Segment],
    dynamic: &'f Dynamic,
}

/// The tables that the dynamic section names.
struct Tables<'f, 'a> {
    file: &'f File<'f, 'a>,
    strings: &'a [u8],
    symbols: Table<'a>,
    /// The hash table that loaders read, if there is one.
    hash: Option<Hash<'a>>,
    needed_versions: Table<'a>,
    defined_versions: Table<'a>,
}

impl<'a> File<'_, 'a> {
    /// Where the table at `address` lies in the file, if it has no more than `most` bytes; it may end earlier.
    fn extent(&self, address: u64, most: u64) -> Result<Range<u64>, Malformed> {
        let within = |segment: &&Segment| {
            segment.kind == LOAD && address >= segment.address && address - segment.address < segment.size
        };
        let segment = self.segments.iter().find(within).ok_or(Malformed::Dynamic)?;
        let behind = self.dynamic.starts.partition_point(|start| *start <= address);
        let room = segment.size - (address - segment.address);
        let size = self.dynamic.starts.get(behind).map_or(room, |next| room.min(next - address)).min(most);
        let start = segment.offset.checked_add(address - segment.address).ok_or(Malformed::Dynamic)?;
        Ok(start..start.checked_add(size).ok_or(Malformed::Dynamic)?)
    }

    /// The string table may end behind where another table begins: it has a size of its own.
    fn strings_extent(&self, address: u64) -> Result<Range<u64>, Malformed> {
        let Some(size) = self.dynamic.strings_size else { return self.extent(address, TABLE_LIMIT) };
        let start = self.extent(address, TABLE_LIMIT)?.start;
        Ok(start..start.checked_add(size).filter(|end| *end <= self.held.size).ok_or(Malformed::Dynamic)?)
    }

    /// Every table, or all the places that have yet to be read: not one after the other.
    fn all_at_once(&self) -> Result<Tables<'_, 'a>, Stop> {
        let Dynamic { strings, symbols, needed_versions, defined_versions, .. } = *self.dynamic;
        let (mut wanted, mut missing) = (Vec::new(), false);
        let mut get = |range: Option<Result<Range<u64>, Malformed>>| {
            let Some(range) = range.transpose()? else { return Ok::<_, Stop>(&[][..]) };
            let found = self.held.get(&range);
            wanted.push(range);
            match found {
                Err(Stop::Unread(_)) => {
                    missing = true;
                    Ok(&[])
                }
                other => other,
            }
        };
        let string_bytes = get(strings.map(|address| self.strings_extent(address)))?;
        let needed_versions = get(needed_versions.map(|address| self.extent(address, VERSIONS_LIMIT)))?;
        let defined_versions = get(defined_versions.map(|address| self.extent(address, VERSIONS_LIMIT)))?;
        let hash = get(self.hash().map(|address| self.extent(address, TABLE_LIMIT)))?;
        let table = |bytes| Table { numbers: self.numbers, bytes };
        // While the hash table is missing, the count of symbols is not known.
        let hash = (!hash.is_empty()).then(|| Hash::read(table(hash), self.dynamic.gnu_hash.is_some())).transpose()?;
        let count = hash.as_ref().and_then(Hash::count);
        let symbols = get(symbols.map(|address| self.symbols_extent(address, count)))?;
        if missing {
            return Err(Stop::Unread(wanted));
        }
        Ok(Tables {
            file: self,
            strings: string_bytes,
            symbols: table(symbols),
            hash,
            needed_versions: table(needed_versions),
            defined_versions: table(defined_versions),
        })
    }

    /// Of two, the one with hashes of names, which is the one that loaders read.
    fn hash(&self) -> Option<u64> {
        self.dynamic.gnu_hash.or(self.dynamic.hash)
    }

    /// The first `count` symbols; as many as there is room for, where the count is not known.
    fn symbols_extent(&self, address: u64, count: Option<u64>) -> Result<Range<u64>, Malformed> {
        let room = self.extent(address, u64::MAX)?;
        let size = count.map_or(Some((room.end - room.start).min(TABLE_LIMIT)), |count| {
            count.checked_mul(symbols::entry_size(self.numbers) as u64)
        });
        let end = size.and_then(|size| room.start.checked_add(size)).filter(|end| *end <= room.end);
        Ok(room.start..end.ok_or(Malformed::Symbols)?)
    }
}

impl Tables<'_, '_> {
    fn fill(self, object: &mut Object, detail: Detail) -> Result<Option<Symbols>, Malformed> {
        const NODEFLIB: u64 = 0x800;
        let dynamic = self.file.dynamic;
        let mut names = Names { bytes: self.strings, budget: NAMES_LIMIT };
        object.soname = dynamic.soname.map(|name| names.get(name)).transpose()?;
        object.needed = dynamic.needed.iter().map(|name| names.get(*name)).collect::<Result<_, _>>()?;
        object.rpath = dynamic.rpath.map(|name| names.get(name)).transpose()?;
        object.runpath = dynamic.runpath.map(|name| names.get(name)).transpose()?;
        object.no_default_folders = dynamic.flags_1 & NODEFLIB != 0;
        if dynamic.needed_versions.is_some() {
            object.requires = versions::needed(self.needed_versions, dynamic.needed_versions_count, &mut names)?;
        }
        if dynamic.defined_versions.is_some() {
            object.provides = versions::defined(self.defined_versions, dynamic.defined_versions_count, &mut names)?;
        }
        if detail == Detail::Linking {
            return Ok(None);
        }
        let hashes = self.hash.map(Hash::of_each).unwrap_or_default();
        symbols::read(self.symbols, self.strings, &hashes).map(Some)
    }
}
