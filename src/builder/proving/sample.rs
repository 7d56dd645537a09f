//! Which layers are made again, where not all are.

use std::{
    hash::{BuildHasher as _, RandomState},
    str::FromStr,
};

/// How many layers are made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sample {
    /// All of them.
    #[default]
    All,
    /// So many.
    Layers(usize),
    /// So many in a hundred, and one at least.
    Percent(u8),
}

impl Sample {
    /// Which of `count` layers are meant, in their order. Chosen by chance, so that nobody who forges a layer knows
    /// beforehand that it will be left out.
    pub(super) fn of(self, count: usize) -> Vec<usize> {
        let wanted = match self {
            Self::All => count,
            Self::Layers(number) => number.min(count),
            Self::Percent(percent) => (count * usize::from(percent)).div_ceil(100).min(count),
        };
        let chance = RandomState::new();
        let mut all: Vec<usize> = (0..count).collect();
        all.sort_by_cached_key(|number| chance.hash_one(number));
        all.truncate(wanted);
        all.sort_unstable();
        all
    }
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let written = || "write a number of layers, or `P%`".to_owned();
        match text.strip_suffix('%') {
            Some(percent) => match percent.parse() {
                Ok(percent @ 1..=100) => Ok(Self::Percent(percent)),
                _ => Err(written()),
            },
            None => text.parse().ok().filter(|number| *number > 0).map(Self::Layers).ok_or_else(written),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_as_large_as_was_said() {
        let check = |text: &str, count, expect| {
            let chosen = text.parse::<Sample>().unwrap().of(count);
            assert_eq!(chosen.len(), expect, "{text} of {count}");
            assert!(chosen.is_sorted() && chosen.iter().all(|number| *number < count));
        };
        check("2", 5, 2);
        check("9", 5, 5);
        check("1%", 5, 1);
        check("50%", 5, 3);
        check("100%", 5, 5);
        check("10%", 0, 0);
        for wrong in ["", "0", "-1", "0%", "101%", "x%", "1.5"] {
            assert!(wrong.parse::<Sample>().is_err(), "{wrong}");
        }
        let first: Vec<usize> = (0..64).map(|_| Sample::Layers(1).of(1000)[0]).collect();
        assert!(first.windows(2).any(|pair| pair[0] != pair[1]), "it is always the same one");
    }
}
