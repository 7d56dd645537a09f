//! Needed and defined versions of symbols (`DT_VERNEED`, `DT_VERDEF`).

use super::{
    Malformed, NeededVersion, Requirement,
    dynamic::{Names, Table},
};

/// Entries of both tables; glibc defines some fifty.
const ENTRIES_LIMIT: usize = 1 << 16;

/// Goes along a chain whose links are distances to the next one: these only lead forwards, so no chain
/// is a ring. `length` is that of the table.
fn chain(
    (start, length): (usize, usize),
    count: usize,
    budget: &mut usize,
    mut visit: impl FnMut(usize) -> Option<u32>,
) -> Result<(), Malformed> {
    let mut place = start;
    for _ in 0..count {
        if place >= length {
            return Err(Malformed::Versions);
        }
        *budget = budget.checked_sub(1).ok_or(Malformed::TooMuch)?;
        let next = visit(place).ok_or(Malformed::Versions)?;
        if next == 0 {
            break;
        }
        place = usize::try_from(next).ok().and_then(|next| place.checked_add(next)).ok_or(Malformed::Versions)?;
    }
    Ok(())
}

/// The versions that needed libraries must define; `count` is `DT_VERNEEDNUM`.
pub(super) fn needed(table: Table<'_>, count: u64, names: &mut Names<'_>) -> Result<Vec<Requirement>, Malformed> {
    const WEAK: u16 = 2;
    let Table { numbers, bytes } = table;
    let (mut found, mut budget) = (Vec::new(), ENTRIES_LIMIT);
    let mut files = Vec::new();
    chain((0, bytes.len()), number(count), &mut budget, |place| {
        files.push((
            place,
            numbers.half(bytes, place + 2)?,
            numbers.long(bytes, place + 4)?,
            numbers.long(bytes, place + 8)?,
        ));
        numbers.long(bytes, place + 12)
    })?;
    for (place, count, file, first) in files {
        let mut versions = Vec::new();
        chain((place.saturating_add(number(first)), bytes.len()), count.into(), &mut budget, |place| {
            versions.push((numbers.half(bytes, place + 4)?, numbers.long(bytes, place + 8)?));
            numbers.long(bytes, place + 12)
        })?;
        let version =
            |(flags, name): (u16, u32)| Ok(NeededVersion { name: names.get(name.into())?, weak: flags & WEAK != 0 });
        let versions = versions.into_iter().map(version).collect::<Result<_, Malformed>>()?;
        found.push(Requirement { file: names.get(file.into())?, versions });
    }
    Ok(found)
}

/// The versions that the library defines; `count` is `DT_VERDEFNUM`.
pub(super) fn defined(table: Table<'_>, count: u64, names: &mut Names<'_>) -> Result<Vec<String>, Malformed> {
    let Table { numbers, bytes } = table;
    let (mut found, mut budget) = (Vec::new(), ENTRIES_LIMIT);
    chain((0, bytes.len()), number(count), &mut budget, |place| {
        let auxiliary = place.checked_add(number(numbers.long(bytes, place + 12)?))?;
        found.push(numbers.long(bytes, auxiliary)?);
        numbers.long(bytes, place + 16)
    })?;
    found.into_iter().map(|name| names.get(name.into())).collect()
}

fn number(value: impl TryInto<usize>) -> usize {
    value.try_into().unwrap_or(usize::MAX)
}
