//! Distribution names, compared as PEP 503 has them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::PythonError;

/// A distribution name in its normalised form: lower case, runs of `-`, `_` and `.` as one `-`.
///
/// [Names and normalization](https://packaging.python.org/en/latest/specifications/name-normalization/).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackageName(String);

/// A normalised name, or the beginning of names: `torch`, `nvidia-*`, `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern {
    start: String,
    open: Openness,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Openness {
    Whole,
    Prefix,
}

impl PackageName {
    /// The normalised name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it begins file names: `_` for `-`.
    #[must_use]
    pub fn file_form(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl NamePattern {
    /// Whether `name` is meant.
    #[must_use]
    pub fn matches(&self, name: &PackageName) -> bool {
        match self.open {
            Openness::Whole => self.start == name.0,
            Openness::Prefix => name.0.starts_with(&self.start),
        }
    }
}

impl FromStr for PackageName {
    type Err = PythonError;

    fn from_str(text: &str) -> Result<Self, PythonError> {
        let ends = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
        let inner = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
        if !inner || !ends(text.chars().next()) || !ends(text.chars().last()) {
            return Err(PythonError::Name { text: text.to_owned() });
        }
        Ok(Self(normalised(text)))
    }
}

impl FromStr for NamePattern {
    type Err = PythonError;

    fn from_str(text: &str) -> Result<Self, PythonError> {
        match text.strip_suffix('*') {
            None => Ok(Self { start: text.parse::<PackageName>()?.0, open: Openness::Whole }),
            Some(start) => {
                let plain = start.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
                if !plain {
                    return Err(PythonError::Name { text: text.to_owned() });
                }
                Ok(Self { start: normalised(start), open: Openness::Prefix })
            }
        }
    }
}

fn normalised(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '-' | '_' | '.' if name.ends_with('-') => {}
            '-' | '_' | '.' => name.push('-'),
            letter => name.push(letter.to_ascii_lowercase()),
        }
    }
    name
}

impl From<&pep508_rs::PackageName> for PackageName {
    fn from(name: &pep508_rs::PackageName) -> Self {
        Self(normalised(name.as_ref()))
    }
}

impl TryFrom<String> for PackageName {
    type Error = PythonError;

    fn try_from(text: String) -> Result<Self, PythonError> {
        text.parse()
    }
}

impl From<PackageName> for String {
    fn from(name: PackageName) -> Self {
        name.0
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for NamePattern {
    type Error = PythonError;

    fn try_from(text: String) -> Result<Self, PythonError> {
        text.parse()
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.start)?;
        match self.open {
            Openness::Whole => Ok(()),
            Openness::Prefix => formatter.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(text.parse::<PackageName>().ok().as_ref().map(PackageName::as_str), expect, "{text}");
        };
        check("PyYAML", Some("pyyaml"));
        check("ruamel.yaml__clib", Some("ruamel-yaml-clib"));
        check("a", Some("a"));
        for wrong in ["", "-a", "a-", "../a", "a b", "é"] {
            check(wrong, None);
        }
    }

    #[test]
    fn patterns_match_whole_names_or_beginnings() {
        let check = |pattern: &str, name: &str, expect: bool| {
            assert_eq!(pattern.parse::<NamePattern>().unwrap().matches(&name.parse().unwrap()), expect, "{pattern}");
        };
        check("nvidia-*", "nvidia_cublas_cu12", true);
        check("nvidia_*", "nvidia-cublas-cu12", true);
        check("nvidia-*", "nvidia", false);
        check("Torch", "torch", true);
        check("torch", "torchvision", false);
        check("*", "anything", true);
        assert!("a*b".parse::<NamePattern>().is_err());
    }
}
