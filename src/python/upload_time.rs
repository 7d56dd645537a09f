//! When a file came into an index, as indexes and locks write it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

const DAY: u64 = 86_400;

/// A moment, to the second.
///
/// [Simple repository API, `upload-time`](https://packaging.python.org/en/latest/specifications/simple-repository-api/#additional-fields-for-the-simple-api-for-package-indexes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UploadTime(u64);

/// Text that is no such moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time as in `2026-01-31T12:00:00Z`")]
pub struct UploadTimeError {
    text: String,
}

impl UploadTime {
    /// So many seconds after the beginning of 1970.
    #[must_use]
    pub const fn of_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since the beginning of 1970.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// So many seconds before.
    #[must_use]
    pub const fn less(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }
}

impl FromStr for UploadTime {
    type Err = UploadTimeError;

    /// In UTC; parts of a second are left off.
    fn from_str(text: &str) -> Result<Self, UploadTimeError> {
        parse(text).map(Self).ok_or_else(|| UploadTimeError { text: text.to_owned() })
    }
}

impl TryFrom<String> for UploadTime {
    type Error = UploadTimeError;

    fn try_from(text: String) -> Result<Self, UploadTimeError> {
        text.parse()
    }
}

impl From<UploadTime> for String {
    fn from(time: UploadTime) -> Self {
        time.to_string()
    }
}

impl fmt::Display for UploadTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds) = (self.0 / DAY, self.0 % DAY);
        let (mut year, mut left) = (1970, days);
        while left >= days_of_year(year) {
            left -= days_of_year(year);
            year += 1;
        }
        let mut month = 1;
        while left >= days_of_month(year, month) {
            left -= days_of_month(year, month);
            month += 1;
        }
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(formatter, "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", left + 1)
    }
}

fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?.split_once(['T', ' '])?;
    let time = time.split_once('.').map_or(Some(time), |(whole, part)| {
        (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())).then_some(whole)
    })?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let sound = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_of_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !sound {
        return None;
    }
    let years: u64 = (1970..year).map(days_of_year).sum();
    let months: u64 = (1..month).map(|month| days_of_month(year, month)).sum();
    Some((years + months + day - 1) * DAY + hour * 3600 + minute * 60 + second)
}

/// Three numbers of so many digits.
fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let parts: Vec<&str> = text.split(between).collect();
    let parts: [&str; 3] = parts.try_into().ok()?;
    let sound = |(part, digits): (&&str, usize)| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
    if !parts.iter().zip(digits).all(sound) {
        return None;
    }
    let [first, second, third] = parts.map(|part| part.parse().ok());
    Some([first?, second?, third?])
}

const fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

const fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back() {
        let check = |text: &str, seconds: u64, expect: &str| {
            let time: UploadTime = text.parse().unwrap();
            assert_eq!((time.seconds(), time.to_string().as_str()), (seconds, expect), "{text}");
        };
        check("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z");
        check("2024-02-29T23:59:59.999999Z", 1_709_251_199, "2024-02-29T23:59:59Z");
        check("2026-11-28 10:00:00+00:00", 1_795_860_000, "2026-11-28T10:00:00Z");
        check("2000-03-01T00:00:00Z", 951_868_800, "2000-03-01T00:00:00Z");
        check("9999-12-31T23:59:59Z", 253_402_300_799, "9999-12-31T23:59:59Z");
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "2026-11-28",
            "2026-11-28T10:00:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "1970-01-00T00:00:00Z",
            "1969-12-31T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00+01:00",
            "2026-01-01T00:00:00.Z",
            "+026-01-01T00:00:00Z",
            "2026-1-1T0:0:0Z",
        ] {
            assert!(text.parse::<UploadTime>().is_err(), "{text}");
        }
    }
}
