//! Byte ranges: of a blob that is read, of a chunk that is appended.

use std::ops::Range;

/// What a `Range` header means for a blob of some size.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Everything: no range, or one that is not understood (RFC 9110, 14.2 lets a server ignore it).
    All,
    /// These bytes.
    Part(Range<u64>),
    /// Nothing of it exists.
    Unsatisfiable,
}

/// Reads `bytes=a-b`, `bytes=a-` and `bytes=-n`.
pub(super) fn asked(header: Option<&str>, size: u64) -> Asked {
    let Some((first, last)) = header.and_then(|text| text.strip_prefix("bytes=")).and_then(|text| text.split_once('-'))
    else {
        return Asked::All;
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if last >= first => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(count)) if first.is_empty() => size.saturating_sub(count)..size,
        _ => return Asked::All,
    };
    if range.start >= range.end { Asked::Unsatisfiable } else { Asked::Part(range) }
}

/// Reads the `Content-Range` of a chunk, `a-b`; RFC 9110's `bytes a-b/*` is tolerated.
pub(super) fn chunk(header: &str) -> Option<Range<u64>> {
    let text = header.strip_prefix("bytes ").unwrap_or(header);
    let (first, last) = text.split('/').next()?.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse::<u64>().ok()?.checked_add(1)?);
    (first < last).then_some(first..last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_blob() {
        let check = |header: &str, expect: Asked| assert_eq!(asked(Some(header), 10), expect, "{header}");
        check("bytes=0-3", Asked::Part(0..4));
        check("bytes=4-", Asked::Part(4..10));
        check("bytes=-3", Asked::Part(7..10));
        check("bytes=-30", Asked::Part(0..10));
        check("bytes=5-100", Asked::Part(5..10));
        check("bytes=10-", Asked::Unsatisfiable);
        check("bytes=-0", Asked::Unsatisfiable);
        for ignored in ["bytes=3-1", "bytes=a-b", "bytes=0-1,3-4", "lines=1-2", "bytes=-"] {
            check(ignored, Asked::All);
        }
    }

    #[test]
    fn chunks_are_inclusive() {
        assert_eq!(chunk("0-3"), Some(0..4));
        assert_eq!(chunk("bytes 4-9/*"), Some(4..10));
        for wrong in ["", "3-1", "x-1", "1", "0-18446744073709551615"] {
            assert_eq!(chunk(wrong), None, "{wrong}");
        }
    }
}
