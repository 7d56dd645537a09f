//! Who compiles Python's sources: the interpreter whose output the layers hold.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::python::PythonVersion;

/// A CPython that compiles sources. Two of the same version write the same; one of another patch level may not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Compiler {
    /// The exact version.
    pub version: PythonVersion,
    /// The first half of what compiled modules begin with: which interpreters read them. 3495 for 3.11.
    pub magic: u16,
    /// What the names of compiled modules carry, `cpython-311`.
    pub cache_tag: String,
}

impl fmt::Display for Compiler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CPython {}", self.version)
    }
}
