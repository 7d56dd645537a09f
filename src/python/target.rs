//! What wheels are chosen for: an interpreter on a libc on a platform.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Version;
use crate::oci::Platform;

/// The interpreter and system of an image, as far as the choice of wheels depends on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Operating system and architecture.
    pub platform: Platform,
    /// The exact version: markers compare its patch level.
    pub python: PythonVersion,
    /// The C library.
    pub libc: Libc,
    /// Whether this is the free-threaded build (ABI `cp313t`).
    pub free_threaded: bool,
}

/// A version of CPython such as `3.11.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PythonVersion {
    /// 3.
    pub major: u8,
    /// The feature release.
    pub minor: u8,
    /// The patch level.
    pub patch: u8,
}

/// The C library of an image, with its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Libc {
    /// GNU libc (PEP 600, `manylinux`).
    Glibc(u16, u16),
    /// musl (PEP 656, `musllinux`).
    Musl(u16, u16),
}

/// A string that is neither `glibc 2.36` nor `musl 1.2` nor `3.11.2`, where that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct TargetError {
    text: String,
    expected: &'static str,
}

impl FromStr for PythonVersion {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let parts: Option<Vec<u8>> = text.split('.').map(|part| part.parse().ok()).collect();
        match parts.as_deref() {
            Some([major, minor, patch]) => Ok(Self { major: *major, minor: *minor, patch: *patch }),
            _ => Err(TargetError { text: text.to_owned(), expected: "a Python version such as 3.11.2" }),
        }
    }
}

impl FromStr for Libc {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let fail = || TargetError { text: text.to_owned(), expected: "a C library such as `glibc 2.36` or `musl 1.2`" };
        let (name, version) = text.split_once(' ').ok_or_else(fail)?;
        let (major, minor) = version.split_once('.').ok_or_else(fail)?;
        let (major, minor) = (major.parse().map_err(|_| fail())?, minor.parse().map_err(|_| fail())?);
        match name {
            "glibc" => Ok(Self::Glibc(major, minor)),
            "musl" => Ok(Self::Musl(major, minor)),
            _ => Err(fail()),
        }
    }
}

impl PythonVersion {
    /// As specifiers compare it.
    pub(crate) fn release(self) -> Version {
        Version::new([self.major, self.minor, self.patch].map(u64::from))
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Display for Libc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Glibc(major, minor) => write!(formatter, "glibc {major}.{minor}"),
            Self::Musl(major, minor) => write!(formatter, "musl {major}.{minor}"),
        }
    }
}

macro_rules! as_string {
    ($name:ty) => {
        impl TryFrom<String> for $name {
            type Error = TargetError;

            fn try_from(text: String) -> Result<Self, TargetError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

as_string!(PythonVersion);
as_string!(Libc);
