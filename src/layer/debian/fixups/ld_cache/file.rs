//! The file `ld.so.cache`: format 1.1 of glibc, the only one since 2.32.
//!
//! ```text
//! magic, number of lines, size of the strings, byte order, where the extension begins
//! lines:      flags, key, path, what a processor must be able to do
//! strings:    keys, paths, names of capabilities
//! extension:  who made this; which strings name capabilities
//! ```

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BTreeSet},
};

const MAGIC: &[u8; 20] = b"glibc-ld.so.cache1.1";
const LITTLE_ENDIAN: u8 = 2;
const EXTENSION_MAGIC: u32 = 0xeaa4_2174;
/// In the upper half of what a line asks of the processor: the lower half counts names of the extension.
const NAMED_CAPABILITIES: u32 = 1 << 30;
const HEADER: usize = 48;
const LINE: usize = 24;
const SECTION: usize = 16;

/// One line of `ldconfig -p`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) key: String,
    pub(super) path: String,
    pub(super) flags: u32,
    /// The name of what a processor must be able to do.
    pub(super) capabilities: Option<String>,
}

/// The file; none where it would not fit into 4 GiB. `capabilities` are all that there are folders for, also
/// empty ones.
pub(super) fn write(mut lines: Vec<Line>, capabilities: &BTreeSet<String>, generator: &[u8]) -> Option<Vec<u8>> {
    lines.sort_by(order);
    let used: BTreeSet<&str> = lines.iter().filter_map(|line| line.capabilities.as_deref()).collect();
    let texts = lines.iter().flat_map(|line| [line.key.as_str(), line.path.as_str()]);
    let (strings, places) = string_table(texts.chain(capabilities.iter().map(String::as_str)))?;
    let start = number_of(HEADER + LINE * lines.len())?;
    let place = |text: &str| start.checked_add(*places.get(text)?);
    let strings_size = number_of(strings.len())?;
    let extension = start.checked_add(strings_size)?.checked_next_multiple_of(4)?;
    let mut file = MAGIC.to_vec();
    let mut word = |word: u32| file.extend(word.to_le_bytes());
    word(number_of(lines.len())?);
    word(strings_size);
    word(u32::from(LITTLE_ENDIAN));
    word(extension);
    [0; 3].into_iter().for_each(&mut word);
    for line in &lines {
        word(line.flags);
        word(place(&line.key)?);
        word(place(&line.path)?);
        word(0);
        let wanted = line.capabilities.as_deref().and_then(|wanted| used.iter().position(|name| *name == wanted));
        word(number_of(wanted.unwrap_or_default())?);
        word(if wanted.is_some() { NAMED_CAPABILITIES } else { 0 });
    }
    file.extend(strings);
    file.resize(usize::try_from(extension).ok()?, 0);
    let names: Vec<u32> = used.iter().map(|name| place(name)).collect::<Option<_>>()?;
    file.extend(extended(extension, &names, generator)?);
    Some(file)
}

/// The extension: a section of kind 0, who made this, and one of kind 1, where the `names` of capabilities stand.
fn extended(offset: u32, names: &[u32], generator: &[u8]) -> Option<Vec<u8>> {
    let sections: u32 = if names.is_empty() { 1 } else { 2 };
    let contents = offset.checked_add(8 + sections * number_of(SECTION)?)?;
    let names_size = number_of(4 * names.len())?;
    let mut words = vec![EXTENSION_MAGIC, sections];
    words.extend([0, 0, contents.checked_add(names_size)?, number_of(generator.len())?]);
    if !names.is_empty() {
        words.extend([1, 0, contents, names_size]);
        words.extend(names);
    }
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    bytes.extend(generator);
    Some(bytes)
}

fn number_of(count: usize) -> Option<u32> {
    u32::try_from(count).ok()
}

/// The order of lines: the loader takes the first that the processor can do, and stops at the first plain one.
fn order(left: &Line, right: &Line) -> Ordering {
    let plain =
        (left.capabilities.is_none(), &left.capabilities).cmp(&(right.capabilities.is_none(), &right.capabilities));
    compare(&right.key, &left.key).then_with(|| right.flags.cmp(&left.flags)).then(plain)
}

/// glibc's order of library names: numbers by their value, and after every other letter.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while let Some(&first) = left.first() {
        let numbers = (first.is_ascii_digit(), right.first().is_some_and(u8::is_ascii_digit));
        let order = match numbers {
            (true, true) => number(&mut left).cmp(&number(&mut right)),
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let order = Some(&first).cmp(&right.first());
                left = &left[1..];
                right = right.get(1..).unwrap_or_default();
                order
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    if right.is_empty() { Ordering::Equal } else { Ordering::Less }
}

fn number(text: &mut &[u8]) -> u64 {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits.iter().fold(0, |number: u64, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

/// All strings, each once, those that end another one inside of it; and where each begins.
fn string_table<'a>(strings: impl Iterator<Item = &'a str>) -> Option<(Vec<u8>, BTreeMap<&'a str, u32>)> {
    let distinct: BTreeSet<_> = strings.collect();
    let mut ordered: Vec<_> = distinct.into_iter().collect();
    ordered.sort_by_cached_key(|text| Reverse(text.bytes().rev().collect::<Vec<_>>()));
    let (mut table, mut places) = (Vec::new(), BTreeMap::new());
    let mut previous = "";
    for text in ordered {
        let place = if previous.ends_with(text) {
            table.len() - text.len() - 1
        } else {
            table.extend(text.bytes());
            table.push(0);
            table.len() - text.len() - 1
        };
        places.insert(text, u32::try_from(place).ok()?);
        previous = text;
    }
    Some((table, places))
}
