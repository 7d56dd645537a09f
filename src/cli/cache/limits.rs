//! Times and sizes as users write them.

use std::time::Duration;

const TIMES: [(&str, u64); 5] = [("s", 1), ("m", 60), ("h", 60 * 60), ("d", 24 * 60 * 60), ("w", 7 * 24 * 60 * 60)];

const SIZES: [(&str, u64); 9] = [
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("B", 1),
];

/// `30d`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let seconds = counted(text, &TIMES).ok_or("write it as a whole number with `s`, `m`, `h`, `d` or `w`: `30d`")?;
    Ok(Duration::from_secs(seconds))
}

/// `20GB`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    Ok(counted(text, &SIZES).ok_or("write it as a whole number with `kB`, `MB`, `GB`, `TB`, `MiB`, `GiB`: `20GB`")?)
}

fn counted(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let (_, worth) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*worth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_whole_numbers_with_a_unit() {
        let check = |text: &str, expect| assert_eq!(time(text).ok().map(|time| time.as_secs()), expect, "{text}");
        check("30d", Some(30 * 86_400));
        check("2w", Some(14 * 86_400));
        check("12h", Some(43_200));
        for wrong in ["", "d", "30", "-1d", "1.5d", "30x", "1d2h", "99999999999999999999d", "18446744073709551615w"] {
            check(wrong, None);
        }
        let check = |text: &str, expect| assert_eq!(size(text).ok(), expect, "{text}");
        check("20GB", Some(20_000_000_000));
        check("1 GiB", Some(1 << 30));
        check("0B", Some(0));
        for wrong in ["", "GB", "20", "20gb", "1e3MB", "18446744073709551615TB"] {
            check(wrong, None);
        }
    }
}
