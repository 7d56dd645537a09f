//! Why an ELF file cannot be loaded.

use serde::{Deserialize, Serialize};

/// What is wrong with a file that begins like a program or library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Malformed {
    /// Cut before the end of its headers, or of what they say is loaded.
    #[error("the file is cut: it ends before what its headers name")]
    Truncated,
    /// Neither 32 nor 64 bits, neither byte order, or an unknown version of the format.
    #[error("the ELF header is none that is known")]
    Header,
    /// Program headers of another size than the class has, or too many of them.
    #[error("the program headers are malformed")]
    Segments,
    /// The dynamic section is too large, or names what is not loaded.
    #[error("the dynamic section is malformed")]
    Dynamic,
    /// A name lies outside of the string table, or does not end.
    #[error("a name lies outside of the string table")]
    Name,
    /// The tables of needed or defined versions lead nowhere.
    #[error("the tables of symbol versions are malformed")]
    Versions,
    /// The table of symbols or its hash leads nowhere.
    #[error("the symbol table is malformed")]
    Symbols,
    /// Its tables lie so far apart that one pass over it cannot keep all of them.
    #[error("its tables lie too far apart to be read in one pass")]
    Scattered,
    /// More names, versions or symbols than any real file has.
    #[error("there is implausibly much in it")]
    TooMuch,
}
