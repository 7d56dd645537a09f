//! Fixtures made in code, for tests of this crate and of programs that embed it.

mod base;
mod debian;
mod elf;
mod wheel;
mod zip;

pub use base::Base;
pub use debian::{Deb, DebianArchive};
pub use elf::Library;
pub use wheel::Wheel;
pub use zip::{Zip64End, ZipEntry, ZipWriter};
