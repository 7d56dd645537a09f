//! What is known of a base: found once, from files, when the lock is made.

use serde::{Deserialize, Serialize};

use crate::python::{Libc, PythonVersion};

/// What a base image, with the Debian packages on top, offers to what is laid over it.
/// Every list is sorted; paths are absolute, without a trailing slash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Facts {
    /// The interpreter that `python3` is on the image's `PATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<Interpreter>,
    /// The C library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub libc: Option<Libc>,
    /// Distributions that are there already, in the interpreter's own folders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub installed: Vec<Installed>,
    /// Directories that exist and that layers may go through, with their attributes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<Directory>,
    /// Symbolic links to directories among them, such as `/lib` → `usr/lib`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symlinks: Vec<Symlink>,
}

/// A Python interpreter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Interpreter {
    /// The path that scripts name in their first line, `/usr/bin/python3` or `/opt/conda/bin/python3`.
    pub path: String,
    /// The exact version.
    pub version: PythonVersion,
    /// Whether this is the free-threaded build.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub free_threaded: bool,
    /// Where it installs wheels.
    pub scheme: Scheme,
}

/// Install paths, as `sysconfig.get_paths()` gives them for the scheme that an installer would use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scheme {
    /// Pure-Python modules.
    pub purelib: String,
    /// Modules with compiled parts; on most systems the same.
    pub platlib: String,
    /// Console scripts.
    pub scripts: String,
    /// Data files, the prefix.
    pub data: String,
    /// C headers; each distribution gets a folder of its name in it.
    pub headers: String,
}

/// A distribution that the base brings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Installed {
    /// Normalised name.
    pub name: String,
    /// Version as its metadata spells it.
    pub version: String,
}

/// A directory of the base.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Directory {
    /// Absolute path.
    pub path: String,
    /// Permission bits, set-id and sticky included.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
}

/// A symbolic link of the base.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Symlink {
    /// Absolute path of the link.
    pub path: String,
    /// Its text.
    pub target: String,
}
