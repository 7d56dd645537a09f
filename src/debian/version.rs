//! Versions and their order.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::DebianError;

/// A Debian version, `[epoch:]upstream[-revision]`, compared as dpkg compares: `1.0~rc1` comes before
/// `1.0`, and `1.0` equals `1.00`.
///
/// Policy, `Version`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(Box<str>);

impl Version {
    /// As it was spelled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parts(&self) -> (u32, &str, &str) {
        let (epoch, rest) = match self.0.split_once(':') {
            Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
            None => (0, &*self.0),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        (epoch, upstream, revision)
    }
}

impl FromStr for Version {
    type Err = DebianError;

    fn from_str(text: &str) -> Result<Self, DebianError> {
        let (epoch, rest) = text.split_once(':').map_or((None, text), |(epoch, rest)| (Some(epoch), rest));
        let epoch_is_number =
            epoch.is_none_or(|epoch| epoch.bytes().all(|byte| byte.is_ascii_digit()) && epoch.parse::<u32>().is_ok());
        let known = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte));
        if epoch_is_number && known && !rest.is_empty() && !rest.starts_with('-') && text.len() <= 256 {
            Ok(Self(text.into()))
        } else {
            Err(DebianError::Version { text: text.chars().take(256).collect() })
        }
    }
}

impl TryFrom<String> for Version {
    type Error = DebianError;

    fn try_from(text: String) -> Result<Self, DebianError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.0.into_string()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let (left, right) = (self.parts(), other.parts());
        left.0.cmp(&right.0).then_with(|| compare(left.1, right.1)).then_with(|| compare(left.2, right.2))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

/// Alternates between stretches without digits and numbers, as Policy says.
fn compare(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while !left.is_empty() || !right.is_empty() {
        let words = compare_words(
            take(&mut left, |byte| !byte.is_ascii_digit()),
            take(&mut right, |byte| !byte.is_ascii_digit()),
        );
        let order = words
            .then_with(|| compare_numbers(take(&mut left, u8::is_ascii_digit), take(&mut right, u8::is_ascii_digit)));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

fn take<'a>(text: &mut &'a [u8], belongs: impl Fn(&u8) -> bool) -> &'a [u8] {
    let end = text.iter().position(|byte| !belongs(byte)).unwrap_or(text.len());
    let (taken, rest) = text.split_at(end);
    *text = rest;
    taken
}

/// `~` comes before the end, the end before letters, letters before the rest.
fn compare_words(left: &[u8], right: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(*letter),
        Some(other) => i32::from(*other) + 256,
    };
    (0..left.len().max(right.len()))
        .map(|position| weight(left.get(position)).cmp(&weight(right.get(position))))
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

/// Numbers of any length.
fn compare_numbers(left: &[u8], right: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| digits.iter().position(|byte| *byte != b'0').unwrap_or(digits.len());
    let (left, right) = (&left[significant(left)..], &right[significant(right)..]);
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        let check = |left: &str, expect: Ordering, right: &str| {
            let parse = |text: &str| text.parse::<Version>().unwrap();
            assert_eq!(parse(left).cmp(&parse(right)), expect, "{left} {right}");
            assert_eq!(parse(right).cmp(&parse(left)), expect.reverse(), "{right} {left}");
        };
        check("1.0", Ordering::Equal, "1.00");
        check("1.0", Ordering::Equal, "0:1.0");
        check("1.0", Ordering::Equal, "1.0-0");
        check("1.0~rc1", Ordering::Less, "1.0");
        check("1.0~~", Ordering::Less, "1.0~");
        check("1.0~", Ordering::Less, "1.0~a");
        check("1.0", Ordering::Less, "1.0a");
        check("1.0a", Ordering::Less, "1.0+");
        check("1.9", Ordering::Less, "1.10");
        check("9", Ordering::Less, "1:0");
        check("1.2-1", Ordering::Less, "1.2-1+deb12u1");
        check("1.2-1~bpo", Ordering::Less, "1.2-1");
        check("1-2-3", Ordering::Less, "1-3-0");
        check("1.99999999999999999999999", Ordering::Less, "1.100000000000000000000000");
        check("2.36-9+deb12u9", Ordering::Less, "2.36-9+deb12u14");
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for wrong in ["", ":1", "x:1", "1:", "1 0", "1_0", "-1", "99999999999:1", "1/0", &"1".repeat(300)] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }
}
