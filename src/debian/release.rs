//! `Release`: what a suite of an archive is, and the checksums of its indexes.

use std::{collections::BTreeMap, fmt, str::FromStr};

use super::{ClearSigned, DebianError, Paragraph};
use crate::oci::Digest;

/// The contents of a `Release` or `InRelease` file. Signatures are not verified here.
///
/// Repository format, "Release" files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// `stable`, `oldstable-updates` …: moves when Debian releases.
    pub suite: Option<String>,
    /// `bookworm`, `bookworm-updates` …
    pub codename: Option<String>,
    /// When it was made, as spelled.
    pub date: String,
    /// The same in seconds since 1970.
    pub date_seconds: u64,
    /// From when on it must not be trusted, as spelled.
    pub valid_until: Option<String>,
    /// The same in seconds since 1970.
    pub valid_until_seconds: Option<u64>,
    /// Whether indexes are also served under their digests.
    pub by_hash: bool,
    /// For which there are indexes.
    pub architectures: Vec<String>,
    /// `main`, `contrib` …
    pub components: Vec<String>,
    /// Path below the suite's folder → what lies there.
    pub files: BTreeMap<String, IndexFile>,
}

/// An index that a [`Release`] vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexFile {
    /// Of the file as it is served.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
}

impl Release {
    /// When it was made.
    #[must_use]
    pub const fn timestamp(&self) -> Timestamp {
        Timestamp { seconds: self.date_seconds }
    }

    /// Reads a `Release`, or an `InRelease` whose armour is taken off.
    ///
    /// # Errors
    /// When armour, fields or dates are malformed.
    pub fn parse(what: &str, bytes: &[u8]) -> Result<Self, DebianError> {
        let signed = ClearSigned::parse(bytes)?;
        let paragraph = Paragraph::parse(what, signed.as_ref().map_or(bytes, |signed| signed.text.as_bytes()))?;
        let own = |field| paragraph.get(field).map(str::to_owned);
        let date = paragraph.require(what, "Date")?.to_owned();
        let time = |field, value: &str| {
            seconds(value).ok_or_else(|| DebianError::Field { what: what.to_owned(), field, value: value.to_owned() })
        };
        Ok(Self {
            suite: own("Suite"),
            codename: own("Codename"),
            date_seconds: time("Date", &date)?,
            date,
            valid_until: own("Valid-Until"),
            valid_until_seconds: paragraph.get("Valid-Until").map(|value| time("Valid-Until", value)).transpose()?,
            by_hash: paragraph.get("Acquire-By-Hash") == Some("yes"),
            architectures: words(paragraph.get("Architectures")),
            components: words(paragraph.get("Components")),
            files: files(what, paragraph.require(what, "SHA256")?)?,
        })
    }

    /// Whether this is the suite that goes by `name`, as suite or as code name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        [&self.suite, &self.codename].into_iter().flatten().any(|own| own == name)
    }
}

fn words(field: Option<&str>) -> Vec<String> {
    field.unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect()
}

fn files(what: &str, list: &str) -> Result<BTreeMap<String, IndexFile>, DebianError> {
    let read = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (sha256, size, path) = (words.next()?, words.next()?, words.next()?);
        let file = IndexFile { sha256: Digest::from_hex(sha256).ok()?, size: size.parse().ok()? };
        words.next().is_none().then(|| (path.to_owned(), file))
    };
    list.lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            read(line).ok_or_else(|| DebianError::Field {
                what: what.to_owned(),
                field: "SHA256",
                value: line.chars().take(256).collect(),
            })
        })
        .collect()
}

/// `Sat, 21 Nov 2026 00:53:02 UTC` in seconds since 1970.
fn seconds(date: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = date.split_ascii_whitespace().skip(1);
    let day: u64 = number(words.next()?, 1..=31)?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let year = number(words.next()?, 1970..=9999)?;
    let mut clock = words.next()?.splitn(3, ':');
    let (hour, minute) = (number(clock.next()?, 0..=23)?, number(clock.next()?, 0..=59)?);
    let second = number(clock.next()?, 0..=60)?;
    matches!(words.next()?, "UTC" | "GMT" | "+0000")
        .then(|| days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second)
}

fn number(text: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
    text.parse().ok().filter(|number| range.contains(number))
}

/// A moment as archives of past states of archives write it: `20261121T005302Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Since 1970.
    pub seconds: u64,
}

impl Timestamp {
    /// The moment one day later.
    #[must_use]
    pub const fn next_day(self) -> Self {
        Self { seconds: self.seconds + 86400 }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.seconds / 86400);
        let clock = self.seconds % 86400;
        let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
        write!(formatter, "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }
}

impl FromStr for Timestamp {
    type Err = DebianError;

    fn from_str(text: &str) -> Result<Self, DebianError> {
        let read = || {
            let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            if (date.len(), clock.len()) != (8, 6) || !digits(date) || !digits(clock) {
                return None;
            }
            let (year, month) = (number(&date[..4], 1970..=9999)?, number(&date[4..6], 1..=12)?);
            let days = days(year, month, number(&date[6..], 1..=31)?);
            let (hour, minute) = (number(&clock[..2], 0..=23)?, number(&clock[2..4], 0..=59)?);
            Some(Self { seconds: days * 86400 + hour * 3600 + minute * 60 + number(&clock[4..], 0..=60)? })
        };
        read().ok_or_else(|| DebianError::Timestamp { text: text.chars().take(256).collect() })
    }
}

/// Year, month and day, the inverse of [`days`].
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

/// Days from 1970-01-01 in the Gregorian calendar; years count from March, so that the leap day is last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    // 719 468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_seconds() {
        let check = |text: &str, expect: Option<u64>| assert_eq!(seconds(text), expect, "{text}");
        check("Thu, 01 Jan 1970 00:00:00 UTC", Some(0));
        check("Sat, 21 Nov 2026 00:53:02 UTC", Some(1_795_222_382));
        check("Thu, 29 Feb 2024 23:59:59 UTC", Some(1_709_251_199));
        check("Tue,  1 Jan 1980 00:00:00 UTC", Some(315_532_800));
        check("Sat, 21 Nov 2026 00:53:02 CET", None);
        check("Sat, 32 Nov 2026 00:53:02 UTC", None);
        check("yesterday", None);
    }

    #[test]
    fn timestamps_read_back() {
        for (text, seconds) in
            [("19700101T000000Z", 0), ("20261121T005302Z", 1_795_222_382), ("20240229T235959Z", 1_709_251_199)]
        {
            let timestamp: Timestamp = text.parse().unwrap();
            assert_eq!((timestamp.seconds, timestamp.to_string().as_str()), (seconds, text));
        }
        assert_eq!("20231231T120000Z".parse::<Timestamp>().unwrap().next_day().to_string(), "20240101T120000Z");
        for wrong in ["", "20261121", "2026-11-21T00:53:02Z", "20261321T005302Z", "../../x", "+0261121T005302Z"] {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_release_lists_its_indexes() {
        let hex = Digest::of(b"x").hex();
        let text = format!(
            "Suite: stable\nCodename: demo\nDate: Sat, 21 Nov 2026 00:53:02 UTC\nAcquire-By-Hash: yes\n\
             Architectures: amd64 arm64\nMD5Sum:\n aa 1 x\nSHA256:\n {hex} 7 main/binary-amd64/Packages.xz\n"
        );
        let release = Release::parse("Release", text.as_bytes()).unwrap();
        assert!(release.is("stable") && release.is("demo") && !release.is("other") && release.by_hash);
        assert_eq!(release.architectures, ["amd64", "arm64"]);
        let expect = IndexFile { sha256: Digest::of(b"x"), size: 7 };
        assert_eq!(release.files, [("main/binary-amd64/Packages.xz".to_owned(), expect)].into());
        let error = Release::parse("Release", text.replace(" 7 ", " x ").as_bytes()).unwrap_err();
        assert!(error.to_string().contains("is no value for the field `SHA256`"), "{error}");
    }
}
