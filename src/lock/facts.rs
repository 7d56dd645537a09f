//! What is known of a base: found once, from files, when the lock is made.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::python::{InterpreterKind, Libc, PythonVersion};

/// What a base image, with the Debian packages on top, offers to what is laid over it.
/// Every list is sorted; paths are absolute, without a trailing slash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Facts {
    /// Set where nothing was read, and the recipe's `[base.facts]` was taken for true.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stated: bool,
    /// The interpreter that `python3` is on the image's `PATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<Interpreter>,
    /// The C library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub libc: Option<Libc>,
    /// What the system calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
    /// Every interpreter that was found, the one above among them. By path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interpreters: Vec<Installation>,
    /// The shared libraries that the loader finds unasked, with the versions of symbols that they define.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<Library>,
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

/// The system of an image, from its os-release.
///
/// [os-release](https://www.freedesktop.org/software/systemd/man/latest/os-release.html).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct System {
    /// `debian`, `alpine`, `rhel`.
    pub id: String,
    /// `12`, `3.20.1`; unstable systems have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `bookworm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codename: Option<String>,
    /// Who keeps the list of its packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<PackageDatabase>,
}

/// Whose list of packages an image has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageDatabase {
    /// Debian's.
    Dpkg,
    /// Alpine's.
    Apk,
    /// Red Hat's and SUSE's.
    Rpm,
}

/// An interpreter of an image, whether `PATH` finds it or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Installation {
    /// The program itself, no link to it; of a virtual environment the link in it.
    pub path: String,
    /// The exact version.
    pub version: PythonVersion,
    /// How its folders are laid out.
    pub kind: InterpreterKind,
    /// What the names of its extension modules carry (`SOABI`), `cpython-311-x86_64-linux-gnu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abi: Option<String>,
    /// `sys.prefix`.
    pub prefix: String,
    /// Where it installs pure-Python modules.
    pub purelib: String,
    /// Where it installs modules with compiled parts, if that is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platlib: Option<String>,
    /// Whether a package manager forbids others to install here (`EXTERNALLY-MANAGED`, PEP 668).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub externally_managed: bool,
    /// Whether a virtual environment sees the distributions of the interpreter below it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub system_site_packages: bool,
}

/// A shared library: its soname and, of each family of symbol versions that it defines, the highest.
/// Written as one text, `libstdc++.so.6 CXXABI_1.3.13 GLIBCXX_3.4.30`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Library {
    /// The name by which others need it.
    pub soname: String,
    /// Sorted; each stands for all lower ones of its family.
    pub versions: Vec<String>,
}

/// A text that names no library.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no soname with versions, such as `libc.so.6 GLIBC_2.36`")]
pub struct LibraryError {
    text: String,
}

impl FromStr for Library {
    type Err = LibraryError;

    fn from_str(text: &str) -> Result<Self, LibraryError> {
        let mut words = text.split(' ').map(str::to_owned);
        let soname = words.next().filter(|soname| !soname.is_empty());
        let soname = soname.ok_or_else(|| LibraryError { text: text.to_owned() })?;
        Ok(Self { soname, versions: words.collect() })
    }
}

impl fmt::Display for Library {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.soname)?;
        self.versions.iter().try_for_each(|version| write!(formatter, " {version}"))
    }
}

impl TryFrom<String> for Library {
    type Error = LibraryError;

    fn try_from(text: String) -> Result<Self, LibraryError> {
        text.parse()
    }
}

impl From<Library> for String {
    fn from(library: Library) -> Self {
        library.to_string()
    }
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
