//! What the loader's cache needs to know of a shared library.

use serde::{Deserialize, Serialize};

use crate::elf::{Class, Kind, Object};

/// A shared library (an ELF file of type `ET_DYN`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Library {
    /// `e_machine`: 62 for x86-64, 183 for `AArch64`.
    pub machine: u16,
    /// 32 or 64.
    pub bits: u8,
    /// `DT_SONAME`, where it can be the name of a file.
    pub soname: Option<String>,
}

impl Library {
    /// The library that `object` is, if it is one.
    pub(super) fn of(object: Object) -> Option<Self> {
        let bits = match object.class {
            Class::Elf32 => 32,
            Class::Elf64 => 64,
        };
        let is_name = |name: &String| !name.is_empty() && !name.contains('/') && name != "." && name != "..";
        let soname = object.soname.filter(is_name);
        (object.kind == Kind::Shared).then_some(Self { machine: object.machine, bits, soname })
    }
}

/// Whether a file of this name is a library to the loader's cache.
pub(super) fn is_library_name(name: &str) -> bool {
    (name.starts_with("lib") || name.starts_with("ld-")) && name.contains(".so")
}
