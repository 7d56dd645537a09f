//! Bytes and seconds as people read them.

use std::time::Duration;

const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];

/// `bytes` in the decimal unit that leaves one to three digits before the point: `17.1 MB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut unit = 1000_u64;
    for name in UNITS {
        let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
        if tenths < 10_000 {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
        unit = unit.saturating_mul(1000);
    }
    format!("{bytes} B")
}

/// `1.2`, in seconds.
#[must_use]
pub fn seconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}

/// `1 image`, `2 images`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_keep_three_digits() {
        let check = |number, expect: &str| assert_eq!(bytes(number), expect, "{number}");
        check(0, "0 B");
        check(999, "999 B");
        check(1000, "1.0 kB");
        check(999_949, "999.9 kB");
        check(999_950, "1.0 MB");
        check(17_123_456, "17.1 MB");
        check(4_300_000_000, "4.3 GB");
        check(u64::MAX, "18446744073709551615 B");
        assert_eq!((seconds(Duration::from_millis(1260)), count(1, "image")), ("1.3".into(), "1 image".into()));
    }
}
