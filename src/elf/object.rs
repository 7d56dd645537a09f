//! A program or shared library as a value.

use serde::{Deserialize, Serialize};

use super::{Symbols, symbol_hash};

/// What was read of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elf {
    /// What the loader goes by.
    #[serde(rename = "o")]
    pub object: Object,
    /// Dynamic symbols, where they were asked for and there are some.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub symbols: Option<Symbols>,
}

impl Elf {
    /// Whether Python can import it as the module that a file at `path` is: it defines `PyInit_` with the name
    /// before the first dot. Needs [`Detail::Symbols`](super::Detail). Names beyond ASCII are told apart by nothing here.
    ///
    /// Source: [PEP 489, "Export Hook Name"](https://peps.python.org/pep-0489/#export-hook-name).
    #[must_use]
    pub fn is_extension_module(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let name = name.split('.').next().unwrap_or(name);
        let hook = symbol_hash(format!("PyInit_{name}").as_bytes());
        self.symbols.as_ref().is_some_and(|symbols| symbols.defined.binary_search(&hook).is_ok())
    }

    /// About how many bytes this takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let symbols = self
            .symbols
            .as_ref()
            .map_or(0, |symbols| symbols.defined.len() * size_of::<u32>() + symbols.undefined.weight());
        let versions: usize = self.object.requires.iter().map(|required| required.versions.len() * 64).sum();
        size_of::<Self>() + symbols + versions + (self.object.needed.len() + self.object.provides.len()) * 64
    }
}

/// A program or shared library, as the loader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// 32 or 64 bits.
    pub class: Class,
    /// Byte order.
    pub order: Order,
    /// `e_machine`: 62 for x86-64, 183 for `AArch64`.
    pub machine: u16,
    /// `ET_EXEC` or `ET_DYN`.
    pub kind: Kind,
    /// `PT_INTERP`: the loader that a program asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// `DT_SONAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soname: Option<String>,
    /// `DT_NEEDED`, in the order of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<String>,
    /// `DT_RPATH`, which does not count beside a `DT_RUNPATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpath: Option<String>,
    /// `DT_RUNPATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runpath: Option<String>,
    /// `DF_1_NODEFLIB`: the default folders and the cache do not count for what it needs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_default_folders: bool,
    /// `DT_VERNEED`: versions of symbols that needed libraries must define.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
    /// `DT_VERDEF`: versions that this library defines, its own name first. Empty for libraries without
    /// versions, of which the loader demands none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<String>,
    /// Whether it has a dynamic section; programs linked statically have none.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dynamic: bool,
}

/// `EI_CLASS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// 32 bits.
    Elf32,
    /// 64 bits.
    Elf64,
}

/// `EI_DATA`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The lowest byte first.
    Little,
    /// The highest byte first.
    Big,
}

/// `e_type`, of files that can be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `ET_EXEC`: a program at a fixed address.
    Executable,
    /// `ET_DYN`: a shared library, or a program that can lie anywhere.
    Shared,
}

/// Versions that one needed library must define.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The library, as in [`Object::needed`].
    pub file: String,
    /// The versions.
    pub versions: Vec<NeededVersion>,
}

/// A version such as `GLIBC_2.34`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeededVersion {
    /// Its name.
    pub name: String,
    /// `VER_FLG_WEAK`: that it is missing is no error.
    #[serde(default, skip_serializing_if = "is_false")]
    pub weak: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Object {
    /// Whether it is a program, to be started by itself.
    #[must_use]
    pub const fn is_program(&self) -> bool {
        self.interpreter.is_some() || matches!(self.kind, Kind::Executable)
    }
}
