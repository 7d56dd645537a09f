//! Platforms in the names of Go's GOOS and GOARCH, normalised as containerd does.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An operating system and CPU architecture, such as `linux/arm64` or `linux/arm/v7`.
///
/// [Image specification, image index, `platform`](https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md#image-index-property-descriptions).
/// Normalised: `arm64/v8` is `arm64`, `amd64/v1` is `amd64`, bare `arm` is `arm/v7`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// A string that names no platform wheelwright can build for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a platform")]
pub struct PlatformError {
    text: String,
    /// The platform that was probably meant.
    pub suggestion: Option<&'static str>,
}

/// Every architecture for which wheels exist, as `GOARCH` or `GOARCH/variant`.
const ARCHITECTURES: [&str; 7] = ["amd64", "arm64", "arm/v7", "386", "ppc64le", "s390x", "riscv64"];

/// What other tools call these platforms.
const OTHER_NAMES: [(&str, &str); 9] = [
    ("x86_64", "linux/amd64"),
    ("x86-64", "linux/amd64"),
    ("amd64", "linux/amd64"),
    ("aarch64", "linux/arm64"),
    ("arm64", "linux/arm64"),
    ("armv7l", "linux/arm/v7"),
    ("armhf", "linux/arm/v7"),
    ("i686", "linux/386"),
    ("i386", "linux/386"),
];

impl Platform {
    /// What containers on this machine run on: `linux` on its processor. Nothing where that is one
    /// that no wheel exists for.
    #[must_use]
    pub fn of_this_machine() -> Option<Self> {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            other => other,
        };
        format!("linux/{architecture}").parse().ok()
    }

    /// `linux` always: wheels for containers exist for no other system.
    #[must_use]
    pub fn os(&self) -> &str {
        &self.os
    }

    /// `amd64`, `arm64`, `arm`, `386`, `ppc64le`, `s390x` or `riscv64`.
    #[must_use]
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// `v7` for `arm`, else nothing.
    #[must_use]
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// The machine name that the kernel, Python and wheel tags use: `x86_64`, `aarch64`, `armv7l` …
    #[must_use]
    pub fn machine(&self) -> &'static str {
        match self.architecture.as_str() {
            "amd64" => "x86_64",
            "arm64" => "aarch64",
            "arm" => "armv7l",
            "386" => "i686",
            "ppc64le" => "ppc64le",
            "s390x" => "s390x",
            _ => "riscv64",
        }
    }

    /// Whether a pointer has 64 bits.
    #[must_use]
    pub fn is_64_bit(&self) -> bool {
        !matches!(self.architecture.as_str(), "arm" | "386")
    }

    /// The name of this architecture in a Debian archive.
    #[must_use]
    pub fn debian_architecture(&self) -> &'static str {
        match self.architecture.as_str() {
            "amd64" => "amd64",
            "arm64" => "arm64",
            "arm" => "armhf",
            "386" => "i386",
            "ppc64le" => "ppc64el",
            "s390x" => "s390x",
            _ => "riscv64",
        }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let architecture = text.strip_prefix("linux/").map(|rest| match rest {
            "arm64/v8" => "arm64",
            "amd64/v1" => "amd64",
            "arm" => "arm/v7",
            other => other,
        });
        match architecture.filter(|name| ARCHITECTURES.contains(name)) {
            Some(name) => {
                let (architecture, variant) = match name.split_once('/') {
                    Some((architecture, variant)) => (architecture, Some(variant.to_owned())),
                    None => (name, None),
                };
                Ok(Self { os: "linux".to_owned(), architecture: architecture.to_owned(), variant })
            }
            None => Err(PlatformError { text: text.to_owned(), suggestion: suggest(text) }),
        }
    }
}

impl TryFrom<String> for Platform {
    type Error = PlatformError;

    fn try_from(text: String) -> Result<Self, PlatformError> {
        text.parse()
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> Self {
        platform.to_string()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(formatter, "/{variant}"),
            None => Ok(()),
        }
    }
}

fn suggest(text: &str) -> Option<&'static str> {
    let name = text.rsplit('/').next().unwrap_or(text).to_lowercase();
    OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, platform)| *platform)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_normalised() {
        let check = |text: &str, expect: &str| {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), expect, "{text}");
        };
        check("linux/amd64", "linux/amd64");
        check("linux/arm64/v8", "linux/arm64");
        check("linux/arm", "linux/arm/v7");
        check("linux/386", "linux/386");
    }

    #[test]
    fn other_names_are_explained() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(text.parse::<Platform>().unwrap_err().suggestion, expect, "{text}");
        };
        check("linux/x86_64", Some("linux/amd64"));
        check("aarch64", Some("linux/arm64"));
        check("windows/amd64", Some("linux/amd64"));
        check("linux/sparc", None);
    }
}
